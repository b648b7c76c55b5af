-- object: public.tasks
-- leak: no
-- context: guc
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- expect: \(1 row\)

create table tasks (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  is_private boolean not null default false,
  assignee uuid,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
alter table tasks force row level security;
create policy tasks_tenant on tasks
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid) and (not is_private or assignee = nullif(current_setting('app.user_id', true), '')::uuid));
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
