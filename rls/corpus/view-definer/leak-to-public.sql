-- object: public.names
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table employees (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  full_name text,
  primary key (tenant_id, id)
);
alter table employees enable row level security;
create policy employees_tenant on employees
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on employees to @app@;
create view names as select full_name from employees;
grant select on names to public;

-- seed
insert into employees (tenant_id, full_name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select full_name from names;
rollback;
