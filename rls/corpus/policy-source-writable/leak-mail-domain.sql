-- The domain of an address that one writes oneself says whose announcements one reads.
-- object: public.profiles, public.announcements, public.affiliated()
-- leak: yes
-- context: guc
-- also: grant-column
-- also: function-definer
-- also: policy-open
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- expect: canary-b

create table profiles (user_id uuid primary key, tenant_id uuid not null, email text not null);
alter table profiles enable row level security;
create policy profiles_own on profiles
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid and tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (user_id = nullif(current_setting('app.user_id', true), '')::uuid and tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, update (email) on profiles to @app@;
create table domains (tenant_id uuid not null, domain text not null, primary key (tenant_id, domain));
alter table domains enable row level security;
create policy domains_tenant on domains using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on domains to @app@;
create function affiliated() returns setof uuid language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select d.tenant_id from public.profiles p join public.domains d on d.domain = lower(split_part(p.email, '@', 2))
  where p.user_id = nullif(current_setting('app.user_id', true), '')::uuid
$$;
revoke all on function affiliated() from public;
grant execute on function affiliated() to @app@;
create table announcements (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table announcements enable row level security;
alter table announcements force row level security;
create policy announcements_read on announcements for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or tenant_id in (select affiliated()));
grant select on announcements to @app@;

-- seed
insert into profiles values ('@A@', '@A@', 'me@a.example');
insert into domains values ('@B@', 'b.example');
insert into announcements (tenant_id, title) values ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
update profiles set email = 'me@b.example';
select title from announcements;
rollback;
