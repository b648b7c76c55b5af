-- object: public.is_member(uuid)
-- leak: no
-- context: guc
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.members"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
-- expect: \(0 rows\)

create table members (tenant_id uuid not null, user_id uuid not null, primary key (tenant_id, user_id));
alter table members enable row level security;
create function is_member(t uuid) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select from public.members where tenant_id = t and user_id = nullif(current_setting('app.user_id', true), '')::uuid) $$;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (is_member(tenant_id));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
create temp table members (tenant_id uuid, user_id uuid);
insert into pg_temp.members values ('@B@', '@A@');
grant select on pg_temp.members to public;
set local app.user_id = '@A@';
set local search_path = pg_temp, public;
select title from documents;
rollback;
