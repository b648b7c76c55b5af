-- Without a context, null is not distinct from null.
-- object: public.imports
-- leak: yes
-- context: guc
-- also: tenant-nullable
-- also: policy-fails-open
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table imports (
  tenant_id uuid,
  id uuid not null default gen_random_uuid(),
  line text,
  primary key (id)
);
alter table imports enable row level security;
alter table imports force row level security;
create policy imports_tenant on imports
  using (tenant_id is not distinct from nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on imports to @app@;

-- seed
insert into imports (tenant_id, line) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
select line from imports;
rollback;
