-- object: public.tasks, public.tell()
-- leak: yes
-- context: guc
-- tenant: text
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
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on tasks to @app@;
create function tell() returns trigger language plpgsql as $$
begin
  perform pg_notify('tasks', new.tenant_id || ':' || new.title);
  return new;
end $$;
create trigger tell after insert or update on tasks for each row execute function tell();

-- proof
listen tasks;
set app.tenant_id = '@B@';
insert into tasks (tenant_id, title) values ('@B@', 'canary-b');
