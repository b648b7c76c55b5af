-- Injection into one's own rights gives nothing that the session has not.
-- object: public.listing(text)
-- leak: no
-- context: guc
-- expect: \(1 row\)

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
create function listing(filter text) returns setof text language plpgsql stable as $f$
begin
  return query execute format('select note from public.orders where %s', filter);
end $f$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select listing('true');
rollback;
