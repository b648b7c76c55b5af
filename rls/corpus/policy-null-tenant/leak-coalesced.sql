-- object: public.settings
-- leak: yes
-- context: guc
-- tenant: text
-- also: tenant-nullable
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table settings (
  tenant_id text,
  id uuid not null default gen_random_uuid(),
  value text,
  primary key (id)
);
alter table settings enable row level security;
alter table settings force row level security;
create policy settings_tenant on settings
  using (coalesce(tenant_id, nullif(current_setting('app.tenant_id', true), '')) = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on settings to @app@;

-- seed
insert into settings (tenant_id, value) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select value from settings;
rollback;
