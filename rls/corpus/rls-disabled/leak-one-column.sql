-- Only two columns are granted; of every tenant.
-- object: public.employees
-- leak: yes
-- context: guc
-- expect: canary-b

create table departments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table departments enable row level security;
alter table departments force row level security;
create policy departments_tenant on departments
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on departments to @app@;
create table employees (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  full_name text,
  salary numeric,
  primary key (tenant_id, id)
);
grant select (tenant_id, full_name) on employees to @app@;

-- seed
insert into employees (tenant_id, full_name, salary) values
  ('@A@', 'canary-a', 1),
  ('@B@', 'canary-b', 1);

-- proof
begin;
set local app.tenant_id = '@A@';
select full_name from employees;
rollback;
