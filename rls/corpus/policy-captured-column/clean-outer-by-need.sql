-- The inner table has no tenant_id, so the name means the outer one.
-- object: public.documents
-- leak: no
-- context: guc
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.enrolments"
-- toml: tenant = "workspace"
-- toml: user = "person"
-- toml: [tables."public.enrolments"]
-- toml: tenant_column = "workspace"
-- expect: \(1 row\)

create table enrolments (workspace uuid not null, person uuid not null, primary key (workspace, person));
alter table enrolments enable row level security;
alter table enrolments force row level security;
create policy enrolments_tenant on enrolments
  using (person = nullif(current_setting('app.user_id', true), '')::uuid);
grant select on enrolments to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (exists (select from enrolments where workspace = tenant_id and person = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into enrolments values ('@A@', '@A@');
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
select title from documents;
rollback;
