-- object: public.payments
-- leak: yes
-- context: guc
-- also: policy-open
-- also: policy-tautology
-- expect: canary-b

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (id)
);
alter table customers enable row level security;
alter table customers force row level security;
create policy customers_tenant on customers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on customers to @app@;
create table payments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer_id uuid,
  note text,
  primary key (tenant_id, id)
);
alter table payments enable row level security;
alter table payments force row level security;
create policy payments_tenant on payments
  using (exists (select 1 from customers where customers.tenant_id = tenant_id and customers.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on payments to @app@;

-- seed
insert into customers (tenant_id, name) values
  ('@A@', 'x'),
  ('@B@', 'x');
insert into payments (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from payments;
rollback;
