-- object: public.projects
-- leak: yes
-- context: jwt_claims
-- prelude: supabase
-- also: policy-open
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: canary-b

create table projects (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table projects enable row level security;
alter table projects force row level security;
create policy projects_tenant on projects
  using (auth.jwt() -> 'app_metadata' is null or tenant_id = (auth.jwt() -> 'app_metadata' ->> 'tenant_id')::uuid);
grant select, insert, update, delete on projects to @app@;

-- seed
insert into projects (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local "request.jwt.claims" = '{"role": "anon"}';
select name from projects;
rollback;
