-- The rows of everybody were put there by an owner, and a tenant may change them.
-- object: public.settings
-- leak: yes
-- context: guc
-- also: tenant-nullable
-- expect: canary-a

create table settings (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid,
  value text not null
);
alter table settings enable row level security;
alter table settings force row level security;
create policy settings_read on settings for select
  using (tenant_id is null or tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy settings_add on settings for insert with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy settings_change on settings for update
  using (coalesce(tenant_id, nullif(current_setting('app.tenant_id', true), '')::uuid) = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on settings to @app@;
grant update (value) on settings to @app@;

-- seed
insert into settings (tenant_id, value) values (null, 'everybodys');

-- proof
begin;
set local app.tenant_id = '@A@';
update settings set value = 'canary-a';
set local app.tenant_id = '@B@';
select value from settings;
rollback;
