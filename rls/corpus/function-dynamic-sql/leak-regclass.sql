-- regclass is quoted well, and still any table.
-- object: public.any_row(regclass)
-- leak: yes
-- context: guc
-- also: function-definer
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create function any_row(t regclass) returns setof text language plpgsql stable security definer set search_path = '' as $f$
begin
  return query execute format('select x::text from %s x', t);
end $f$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select any_row('orders');
rollback;
