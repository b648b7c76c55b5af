-- object: public.documents
-- leak: no
-- context: guc

create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  content bytea,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on documents to @app@;
