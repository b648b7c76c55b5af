-- object: pg_catalog.pg_statistic, @app@, @db@
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table visits (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  primary key (tenant_id, id)
);
alter table visits enable row level security;
alter table visits force row level security;
create policy visits_tenant on visits
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on visits to @app@;
reset role;
grant select on pg_statistic to @app@;

-- seed
insert into visits (tenant_id, finding) select '@B@', 'canary-b' from generate_series(1, 300);
analyze visits;

-- proof
begin;
set local app.tenant_id = '@A@';
select stavalues1 from pg_statistic where starelid = 'visits'::regclass;
rollback;
