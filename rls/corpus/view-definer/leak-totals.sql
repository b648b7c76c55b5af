-- object: public.revenue
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table invoices (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  customer text,
  amount numeric,
  primary key (tenant_id, id)
);
alter table invoices enable row level security;
create policy invoices_tenant on invoices
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on invoices to @app@;
create view revenue as select customer, sum(amount) as total from invoices group by customer;
grant select on revenue to @app@;

-- seed
insert into invoices (tenant_id, customer, amount) values
  ('@A@', 'canary-a', 5),
  ('@B@', 'canary-b', 5);

-- proof
begin;
set local app.tenant_id = '@A@';
select * from revenue;
rollback;
