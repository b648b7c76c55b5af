-- Rows of tables to come, where every table that is there has its policies: the next one gets them as these did.
-- object: public
-- leak: no
-- context: guc

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
alter default privileges in schema public grant select, insert, update on tables to @app@;

