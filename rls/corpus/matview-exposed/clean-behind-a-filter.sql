-- Only the view is granted, and it compares the tenant.
-- object: public.my_totals
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table sales (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  customer text,
  primary key (tenant_id, id)
);
alter table sales enable row level security;
create policy sales_tenant on sales
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on sales to @app@;
create materialized view totals as select tenant_id, customer from sales;
create view my_totals with (security_barrier = true) as select customer from totals where tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
grant select on my_totals to @app@;

-- seed
insert into sales (tenant_id, customer) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');
refresh materialized view totals;

-- proof
begin;
set local app.tenant_id = '@A@';
select customer from my_totals;
rollback;
