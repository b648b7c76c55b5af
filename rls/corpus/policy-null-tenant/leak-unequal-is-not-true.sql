-- object: public.jobs
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: tenant-nullable
-- also: policy-fails-open
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table jobs (
  tenant_id bigint,
  id uuid not null default gen_random_uuid(),
  payload text,
  primary key (id)
);
alter table jobs enable row level security;
alter table jobs force row level security;
create policy jobs_tenant on jobs
  using ((tenant_id <> nullif(current_setting('app.tenant_id', true), '')::bigint) is not true);
grant select, insert, update, delete on jobs to @app@;

-- seed
insert into jobs (tenant_id, payload) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select payload from jobs;
rollback;
