-- The column is never null, so an unset context is like no row.
-- object: public.tasks
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(0 rows\)|ERROR

create table tasks (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
alter table tasks force row level security;
create policy tasks_tenant on tasks
  using (tenant_id is not distinct from nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on tasks to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select title from tasks;
rollback;
