-- Whoever asks for access approves it, too, and a trigger writes the membership.
-- object: public.memberships, public.requests, public.on_approval()
-- leak: yes
-- context: guc
-- also: trigger-leaks
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.memberships"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
-- expect: canary-b

create table memberships (tenant_id uuid not null, user_id uuid not null, primary key (tenant_id, user_id));
alter table memberships enable row level security;
create policy memberships_own on memberships for select
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
grant select on memberships to @app@;
create table requests (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  wanted uuid not null,
  user_id uuid not null,
  status text not null default 'open' check (status in ('open', 'approved', 'denied'))
);
alter table requests enable row level security;
alter table requests force row level security;
create policy requests_tenant on requests using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update on requests to @app@;
create function on_approval() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.memberships values (new.wanted, new.user_id) on conflict do nothing;
  return null;
end $$;
create trigger approved after update of status on requests for each row
  when (new.status = 'approved' and old.status = 'open') execute function on_approval();
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_members on documents using (tenant_id in
  (select m.tenant_id from memberships m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into memberships values ('@A@', '@A@'), ('@B@', '@B@');
insert into documents (tenant_id, title) values ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
insert into requests (tenant_id, wanted, user_id) values ('@A@', '@B@', '@A@');
update requests set status = 'approved';
select title from documents;
rollback;
