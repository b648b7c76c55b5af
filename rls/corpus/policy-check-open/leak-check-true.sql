-- object: public.orders
-- leak: yes
-- context: guc
-- also: policy-tautology
-- expect: INSERT 0 1

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
grant select, insert, update, delete on orders to @app@;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (true);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (tenant_id) values ('@B@');
rollback;
