-- Every tenant has a sales department.
-- object: public.salaries
-- leak: yes
-- context: guc
-- also: policy-wrong-context
-- expect: canary-b

create table salaries (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  person text,
  department text not null default 'sales',
  primary key (tenant_id, id)
);
alter table salaries enable row level security;
alter table salaries force row level security;
create policy salaries_tenant on salaries
  using (department = current_setting('app.department', true));
grant select, insert, update, delete on salaries to @app@;

-- seed
insert into salaries (tenant_id, person) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.department = 'sales';
select person from salaries;
rollback;
