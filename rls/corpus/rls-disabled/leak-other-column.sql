-- object: public.devices
-- leak: yes
-- context: guc
-- toml: [tables."public.devices"]
-- toml: tenant_column = "org"
-- expect: canary-b

create table sites (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table sites enable row level security;
alter table sites force row level security;
create policy sites_tenant on sites
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on sites to @app@;
create table devices (
  org uuid not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (org, id)
);
grant select, insert, update, delete on devices to @app@;

-- seed
insert into devices (org, label) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from devices;
rollback;
