-- Who forgets the tenant writes into the first customer's.
-- object: public.orders
-- leak: yes
-- context: guc
-- also: policy-check-open
-- also: policy-tautology
-- expect: planted

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
grant select, insert, update, delete on orders to @app@;
alter table orders alter tenant_id set default '@B@';
create policy r on orders for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy w on orders for insert
  with check (true);

-- proof
set app.tenant_id = '@A@';
insert into orders (note) values ('planted');
set app.tenant_id = '@B@';
select note from orders;
