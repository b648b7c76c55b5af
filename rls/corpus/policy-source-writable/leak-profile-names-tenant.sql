-- The profile is the person's own, its tenant included.
-- object: public.profiles, public.documents
-- leak: yes
-- context: guc
-- also: policy-check-open
-- also: grant-column
-- also: tenant-nullable
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- expect: canary-b

create table profiles (user_id uuid primary key, tenant_id uuid, display_name text);
alter table profiles enable row level security;
alter table profiles force row level security;
create policy profiles_tenant on profiles
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
grant select, update on profiles to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id = (select p.tenant_id from profiles p where p.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into profiles values ('@A@', '@A@', 'me');
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
update profiles set tenant_id = '@B@';
select title from documents;
rollback;
