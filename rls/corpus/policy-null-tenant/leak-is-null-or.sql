-- A row that lost its tenant is every tenant's, to read and to write.
-- object: public.templates
-- leak: yes
-- context: guc
-- also: tenant-nullable
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table templates (
  tenant_id uuid,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (id)
);
alter table templates enable row level security;
alter table templates force row level security;
create policy templates_tenant on templates
  using (tenant_id is null or tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on templates to @app@;

-- seed
insert into templates (tenant_id, body) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from templates;
rollback;
