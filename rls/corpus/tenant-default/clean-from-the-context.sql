-- object: public.orders
-- leak: no
-- context: guc
-- expect: is_ours.*\st\s

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
alter table orders alter tenant_id set default current_setting('app.tenant_id')::uuid;

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (note) values ('x') returning tenant_id = '@A@' as is_ours;
rollback;
