-- object: public.settings
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(1 row\)

create table settings (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  value text,
  primary key (tenant_id, id)
);
alter table settings enable row level security;
alter table settings force row level security;
create policy settings_tenant on settings
  using (coalesce(tenant_id, nullif(current_setting('app.tenant_id', true), '')) = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on settings to @app@;

-- seed
insert into settings (tenant_id, value) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select value from settings;
rollback;
