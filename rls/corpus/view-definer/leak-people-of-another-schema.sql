-- Supabase keeps people in a schema that is not exposed; a view exposes them.
-- object: public.people
-- leak: yes
-- context: jwt_claims
-- prelude: supabase
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: canary-b

reset role;
create table auth.users (id uuid primary key, email text, raw_app_meta_data jsonb);
alter table auth.users enable row level security;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = (auth.jwt() -> 'app_metadata' ->> 'tenant_id')::uuid);
grant select on orders to @app@;
create view people as select id, email from auth.users;
grant select on people to @app@;

-- seed
insert into auth.users (id, email) values ('@B@', 'canary-b');

-- proof
begin;
set local "request.jwt.claims" = '{"app_metadata": {"tenant_id": "@A@"}}';
select email from people;
rollback;
