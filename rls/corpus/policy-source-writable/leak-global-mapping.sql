-- A table of everybody decides whose the rows are, and everybody writes it.
-- object: public.domains, public.documents
-- leak: yes
-- context: guc
-- also: policy-wrong-context public.documents
-- toml: global_tables = ["domains"]
-- toml: [context.vars]
-- toml: "app.domain" = "a.example"
-- expect: canary-b

create table domains (domain text primary key, tenant_id uuid not null);
grant select, insert, update on domains to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id = (select d.tenant_id from domains d where d.domain = current_setting('app.domain', true)));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into domains values ('a.example', '@A@');
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.domain = 'a.example';
update domains set tenant_id = '@B@';
select title from documents;
rollback;
