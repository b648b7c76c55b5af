-- object: public.sorted(text)
-- leak: no
-- context: guc
-- expect: canary-a\n\(1 row\)

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
create function sorted(by text) returns setof text language plpgsql stable security definer set search_path = '' as $f$
begin
  return query execute 'select o.note from public.orders o where o.tenant_id = $1 order by '
    || quote_ident(case by when 'note' then 'note' else 'id' end)
    using nullif(current_setting('app.tenant_id', true), '')::uuid;
end $f$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select sorted('note');
rollback;
