-- The caller writes the header.
-- object: public.orders
-- leak: yes
-- context: jwt_claims
-- prelude: supabase
-- also: policy-open
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = (nullif(current_setting('request.headers', true), '')::json ->> 'x-tenant-id')::uuid);
grant select, insert, update, delete on orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local "request.jwt.claims" = '{"app_metadata": {"tenant_id": "@A@"}}';
set local "request.headers" = '{"x-tenant-id": "@B@"}';
select note from orders;
rollback;
