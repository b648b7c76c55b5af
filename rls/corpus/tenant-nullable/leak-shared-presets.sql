-- object: public.presets
-- leak: yes
-- context: guc
-- also: policy-null-tenant
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table presets (
  tenant_id uuid,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (id)
);
alter table presets enable row level security;
alter table presets force row level security;
create policy presets_tenant on presets
  using (coalesce(tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid), tenant_id is null));
grant select, insert, update, delete on presets to @app@;

-- seed
insert into presets (tenant_id, body) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from presets;
rollback;
