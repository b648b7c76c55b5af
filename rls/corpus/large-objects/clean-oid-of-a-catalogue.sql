-- object: public.jobs
-- leak: no
-- context: guc

create table jobs (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  kind text,
  done_by regprocedure,
  primary key (tenant_id, id)
);
alter table jobs enable row level security;
alter table jobs force row level security;
create policy jobs_tenant on jobs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on jobs to @app@;
