-- object: @db@, public.scans
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

reset role;
alter database @db@ set lo_compat_privileges = on;
set role @owner@;
create table scans (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  page oid,
  primary key (tenant_id, id)
);
alter table scans enable row level security;
alter table scans force row level security;
create policy scans_tenant on scans
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on scans to @app@;

-- seed
select lo_from_bytea(4713, 'canary-b');

-- proof
select convert_from(lo_get(4713), 'utf8');
