-- object: public.sales_eu
-- leak: yes
-- context: guc
-- tenant: text
-- also: rls-disabled
-- expect: canary-b

create table sales (tenant_id text not null, region text not null, note text) partition by list (region);
create table sales_eu partition of sales for values in ('eu');
create table sales_us partition of sales for values in ('us');
alter table sales enable row level security;
alter table sales force row level security;
create policy sales_tenant on sales
  using (tenant_id = current_setting('app.tenant_id'));
grant select on sales to @app@;
grant select on sales_eu to @app@;

-- seed
insert into sales values ('@B@', 'eu', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from sales_eu;
rollback;
