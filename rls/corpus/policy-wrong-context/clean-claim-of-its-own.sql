-- object: public.orders
-- leak: no
-- context: jwt_claims
-- prelude: supabase
-- toml: [context.claims]
-- toml: tenant_id = "$tenant"
-- expect: \(1 row\)

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'tenant_id')::uuid);
grant select, insert, update, delete on orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local "request.jwt.claims" = '{"tenant_id": "@A@"}';
select note from orders;
rollback;
