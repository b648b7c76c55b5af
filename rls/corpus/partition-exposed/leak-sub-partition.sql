-- Two levels have policies; the third has the rows.
-- object: public.logs_eu_2026
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: rls-disabled
-- expect: canary-b

create table logs (tenant_id bigint not null, region text not null, at date not null, line text) partition by list (region);
create table logs_eu partition of logs for values in ('eu') partition by range (at);
create table logs_eu_2026 partition of logs_eu for values from ('2026-01-01') to ('2027-01-01');
alter table logs enable row level security;
alter table logs force row level security;
create policy logs_tenant on logs
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
alter table logs_eu enable row level security;
alter table logs_eu force row level security;
create policy logs_eu_tenant on logs_eu
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint));
grant select, insert on logs, logs_eu, logs_eu_2026 to @app@;

-- seed
insert into logs values ('@B@', 'eu', '2026-05-05', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select line from logs_eu_2026;
rollback;
