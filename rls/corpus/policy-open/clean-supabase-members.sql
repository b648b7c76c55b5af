-- object: public.projects
-- leak: no
-- context: jwt_claims
-- prelude: supabase
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: role = "authenticated"
-- toml: [context.membership]
-- toml: table = "public.members"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
-- expect: \(1 row\)

create table members (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  primary key (tenant_id, id)
);
alter table members enable row level security;
alter table members force row level security;
create policy members_tenant on members
  using (user_id = (select auth.uid()));
grant select on members to @app@;
create table projects (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table projects enable row level security;
alter table projects force row level security;
create policy projects_tenant on projects
  using (tenant_id in (select m.tenant_id from members m where m.user_id = auth.uid()));
grant select, insert, update, delete on projects to @app@;

-- seed
insert into members (tenant_id, user_id) values ('@A@', '@A@');
insert into projects (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local "request.jwt.claims" = '{"sub": "@A@", "role": "authenticated"}';
select name from projects;
rollback;
