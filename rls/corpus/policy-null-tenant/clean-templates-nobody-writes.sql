-- Rows without a tenant are the templates of the product: no app role may make or change one.
-- object: public.documents
-- leak: no
-- context: guc
-- expect: template.*\(1 row\).*42501

create table documents (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid,
  title text not null
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_read on documents for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or tenant_id is null);
create policy documents_add on documents for insert
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy documents_edit on documents for update
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update on documents to @app@;

-- seed
insert into documents (title) values ('template');

-- proof
set app.tenant_id = '@A@';
select title from documents;
insert into documents (title) values ('mine');
