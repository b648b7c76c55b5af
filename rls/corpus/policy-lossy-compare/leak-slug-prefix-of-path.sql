-- A word that another tenant's begins with, and `_` stands for any letter.
-- object: public.files
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table orgs (tenant_id uuid primary key, slug text not null unique);
alter table orgs enable row level security;
alter table orgs force row level security;
create policy orgs_tenant on orgs for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on orgs to @app@;
create table files (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  path text not null,
  primary key (tenant_id, id)
);
alter table files enable row level security;
alter table files force row level security;
create policy files_by_path on files
  using (path like (select o.slug from orgs o where o.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) || '%');
grant select on files to @app@;

-- seed
insert into orgs values ('@A@', 'acme'), ('@B@', 'acme-eu');
insert into files (tenant_id, path) values ('@A@', 'acme/canary-a'), ('@B@', 'acme-eu/canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select path from files;
rollback;
