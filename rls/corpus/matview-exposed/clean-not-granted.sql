-- object: public.totals
-- leak: no
-- context: guc
-- expect: permission denied

create table sales (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  amount numeric,
  primary key (tenant_id, id)
);
alter table sales enable row level security;
create policy sales_tenant on sales
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on sales to @app@;
create materialized view totals as select tenant_id, sum(amount) from sales group by 1;

-- proof
begin;
set local app.tenant_id = '@A@';
select * from totals;
rollback;
