-- object: public.jobs_id_seq
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: last_value.*\(1 row\)

create table jobs (
  tenant_id bigint not null,
  id bigserial,
  kind text,
  primary key (tenant_id, id)
);
alter table jobs enable row level security;
alter table jobs force row level security;
create policy jobs_tenant on jobs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on jobs to @app@;
grant all on all sequences in schema public to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
select last_value from jobs_id_seq;
rollback;
