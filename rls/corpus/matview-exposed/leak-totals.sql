-- object: public.totals
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table sales (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  customer text,
  amount numeric,
  primary key (tenant_id, id)
);
alter table sales enable row level security;
create policy sales_tenant on sales
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on sales to @app@;
create materialized view totals as select customer, sum(amount) as total from sales group by 1;
grant select on totals to public;

-- seed
insert into sales (tenant_id, customer, amount) values
  ('@A@', 'canary-a', 1),
  ('@B@', 'canary-b', 1);
refresh materialized view totals;

-- proof
begin;
set local app.tenant_id = '@A@';
select customer from totals;
rollback;
