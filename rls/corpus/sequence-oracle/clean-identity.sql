-- object: public.jobs_id_seq
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: permission denied

create table jobs (
  tenant_id bigint not null,
  id bigint not null generated always as identity,
  kind text,
  primary key (tenant_id, id)
);
alter table jobs enable row level security;
alter table jobs force row level security;
create policy jobs_tenant on jobs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on jobs to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
select last_value from jobs_id_seq;
rollback;
