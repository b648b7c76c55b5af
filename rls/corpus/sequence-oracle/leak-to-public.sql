-- object: public.order_numbers
-- leak: yes
-- context: guc
-- expect: last_value.*\(1 row\)

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
create sequence order_numbers;
grant select on sequence order_numbers to public;

-- proof
begin;
set local app.tenant_id = '@A@';
select last_value from order_numbers;
rollback;
