-- object: public.documents
-- leak: no
-- context: guc
-- toml: global_tables = ["tenants"]
-- expect: \(0 rows\)

create table tenants (id uuid primary key, name text);
grant select on tenants to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id = (select t.id from tenants t where t.id = nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from documents;
rollback;
