-- A child by inheritance is a table of its own.
-- object: public.archived_jobs
-- leak: yes
-- context: guc
-- also: rls-disabled
-- expect: canary-b

create table jobs (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table jobs enable row level security;
alter table jobs force row level security;
create policy jobs_tenant on jobs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on jobs to @app@;
create table archived_jobs (archived_at timestamptz) inherits (jobs);
grant select, delete on archived_jobs to @app@;

-- seed
insert into archived_jobs (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from archived_jobs;
rollback;
