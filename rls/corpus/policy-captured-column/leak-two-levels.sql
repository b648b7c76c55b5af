-- object: public.files
-- leak: yes
-- context: guc
-- also: policy-open
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.members"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
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
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
grant select on members to @app@;
create table teams (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (id)
);
alter table teams enable row level security;
alter table teams force row level security;
create policy teams_tenant on teams
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on teams to @app@;
create table files (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  team_id uuid,
  path text,
  primary key (tenant_id, id)
);
alter table files enable row level security;
alter table files force row level security;
create policy files_tenant on files
  using (exists (select from teams t where t.id in (select t.id from members m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid)));
grant select, insert, update, delete on files to @app@;

-- seed
insert into members (tenant_id, user_id) values ('@A@', '@A@');
insert into teams (tenant_id, name) values
  ('@A@', 'x'),
  ('@B@', 'x');
insert into files (tenant_id, path) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
set local app.tenant_id = '@A@';
select path from files;
rollback;
