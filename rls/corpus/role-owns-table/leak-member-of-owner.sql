-- object: public.tasks, @app@
-- leak: yes
-- context: guc
-- tenant: text
-- also: rls-not-forced
-- also: schema-create public
-- expect: canary-b

create table tasks (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
alter table tasks force row level security;
create policy tasks_tenant on tasks
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')));
grant select, insert, update, delete on tasks to @app@;
reset role;
grant @owner@ to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
alter table tasks disable row level security;
select title from tasks;
rollback;
