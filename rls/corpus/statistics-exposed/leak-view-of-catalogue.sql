-- object: public.column_values
-- leak: yes
-- context: guc
-- also: view-definer
-- expect: canary-b

create table patients (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table patients enable row level security;
alter table patients force row level security;
create policy patients_tenant on patients
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on patients to @app@;
reset role;
create view column_values as
  select s.starelid::regclass as tab, s.stavalues1::text as common from pg_statistic s;
grant select on column_values to @app@;

-- seed
insert into patients (tenant_id, name) select '@B@', 'canary-b' from generate_series(1, 300);
analyze patients;

-- proof
begin;
set local app.tenant_id = '@A@';
select common from column_values where tab = 'patients'::regclass;
rollback;
