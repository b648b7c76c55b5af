-- A member of any tenant is a member of every one.
-- object: public.projects
-- leak: yes
-- context: guc
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- expect: canary-b

create table members (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  primary key (tenant_id, id)
);
alter table members enable row level security;
alter table members force row level security;
create policy members_tenant on members
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on members to @app@;
create table projects (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table projects enable row level security;
alter table projects force row level security;
create policy projects_tenant on projects
  using (exists (select from members m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on projects to @app@;

-- seed
insert into members (tenant_id, user_id) values ('@A@', '@A@');
insert into projects (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
select name from projects;
rollback;
