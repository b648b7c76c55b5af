-- Nobody writes such rows, but a key leaves them behind when a tenant goes.
-- object: public.documents
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table tenants (id uuid primary key);
create table documents (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid references tenants on delete set null,
  title text not null
);
alter table tenants enable row level security;
alter table documents enable row level security;
create policy tenants_own on tenants
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy documents_read on documents for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or tenant_id is null);
create policy documents_add on documents for insert
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, delete on tenants to @app@;
grant select, insert on documents to @app@;

-- seed
insert into tenants values ('@A@'), ('@B@');
insert into documents (tenant_id, title) values ('@B@', 'canary-b');

-- proof
set app.tenant_id = '@B@';
delete from tenants where id = '@B@';
set app.tenant_id = '@A@';
select title from documents;
