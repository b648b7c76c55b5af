-- No policy calls it; a view does.
-- object: public.current_tenant(), public.my_tasks
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create function current_tenant() returns text language plpgsql immutable as $$
begin
  return nullif(current_setting('app.tenant_id', true), '');
end $$;
create table tasks (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
create policy tasks_tenant on tasks
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant insert, update, delete on tasks to @app@;
create view my_tasks with (security_barrier = true) as select title from tasks where tenant_id = current_tenant();
grant select on my_tasks to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
prepare list as select title from my_tasks;
begin;
set local app.tenant_id = '@B@';
execute list \g /dev/null
set local app.tenant_id = '@A@';
execute list;
rollback;
