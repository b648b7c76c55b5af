-- object: public.invitations, public.documents
-- leak: yes
-- context: guc
-- also: policy-check-open
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- expect: canary-b

create table invitations (id uuid primary key default gen_random_uuid(), tenant_id uuid not null, user_id uuid not null, accepted boolean not null default false);
alter table invitations enable row level security;
alter table invitations force row level security;
create policy invitations_tenant on invitations
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
grant select, insert, update on invitations to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (exists (select from invitations i where i.tenant_id = documents.tenant_id and i.user_id = nullif(current_setting('app.user_id', true), '')::uuid and i.accepted));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
insert into invitations (tenant_id, user_id, accepted) values ('@B@', '@A@', true);
select title from documents;
rollback;
