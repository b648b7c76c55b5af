-- Large objects belong to the login, and all tenants share it.
-- object: public.documents, @db@
-- leak: yes
-- context: guc
-- expect: canary-b

create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  content oid,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on documents to @app@;

-- proof
set app.tenant_id = '@B@';
begin;
insert into documents (tenant_id, content) values ('@B@', lo_from_bytea(4711, 'canary-b'));
commit;
set app.tenant_id = '@A@';
select convert_from(lo_get(4711), 'utf8');
