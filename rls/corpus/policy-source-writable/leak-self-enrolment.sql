-- A person may add rows about themselves; also into tenants of others.
-- object: public.members, public.documents
-- leak: yes
-- context: guc
-- also: policy-check-open
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
grant select, insert on members to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id in (select m.tenant_id from members m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
insert into members (tenant_id, user_id) values ('@B@', '@A@');
select title from documents;
rollback;
