-- object: public.tasks
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table projects (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (id)
);
alter table projects enable row level security;
alter table projects force row level security;
create policy projects_tenant on projects
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on projects to @app@;
create table tasks (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  project_id uuid,
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
alter table tasks force row level security;
create policy tasks_tenant on tasks
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid and (project_id is null or project_id in (select p.id from projects p where p.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)));
grant select, insert, update, delete on tasks to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from tasks;
rollback;
