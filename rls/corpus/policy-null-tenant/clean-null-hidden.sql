-- object: public.imports
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(1 row\)

create table imports (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  line text,
  primary key (tenant_id, id)
);
alter table imports enable row level security;
alter table imports force row level security;
create policy imports_tenant on imports
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint and tenant_id is not null);
grant select, insert, update, delete on imports to @app@;

-- seed
insert into imports (tenant_id, line) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select line from imports;
rollback;
