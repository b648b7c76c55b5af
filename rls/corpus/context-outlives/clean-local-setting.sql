-- object: public.set_tenant(uuid)
-- leak: no
-- context: guc
-- expect: \(0 rows\)

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create function set_tenant(t uuid) returns void language sql
  as $$ select set_config('app.tenant_id', t::text, true) $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select set_tenant('@B@');
commit;
-- the next request on this connection
select note from orders;
