-- Who enrols others must administer that tenant already.
-- object: public.members
-- leak: no
-- context: guc
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.members"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
-- expect: \(0 rows\).*42501

create table members (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  role text not null default 'member',
  primary key (tenant_id, id)
);
alter table members enable row level security;
alter table members force row level security;
grant select, insert on members to @app@;
create function administers(t uuid) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select from public.members m where m.tenant_id = t and m.role = 'admin'
    and m.user_id = nullif(current_setting('app.user_id', true), '')::uuid) $$;
alter table members no force row level security;
create policy own on members for select
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
create policy enrol on members for insert
  with check (administers(tenant_id));
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
