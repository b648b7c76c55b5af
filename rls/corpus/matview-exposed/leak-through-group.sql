-- object: public.counts
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table jobs (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  kind text,
  primary key (tenant_id, id)
);
alter table jobs enable row level security;
create policy jobs_tenant on jobs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on jobs to @app@;
create materialized view counts as select tenant_id, kind, count(*) from jobs group by 1, 2;
grant select on counts to @other@;
reset role;
grant @other@ to @app@;

-- seed
insert into jobs (tenant_id, kind) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');
refresh materialized view counts;

-- proof
begin;
set local app.tenant_id = '@A@';
select kind from counts;
rollback;
