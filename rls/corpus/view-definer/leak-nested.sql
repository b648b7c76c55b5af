-- The outer view asks as the caller; the inner one does not.
-- object: public.all_tasks, public.my_tasks
-- leak: yes
-- context: guc
-- expect: canary-b

create table tasks (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
create policy tasks_tenant on tasks
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on tasks to @app@;
create view all_tasks as select * from tasks;
create view my_tasks with (security_invoker = true) as select title from all_tasks;
grant select on all_tasks, my_tasks to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from my_tasks;
rollback;
