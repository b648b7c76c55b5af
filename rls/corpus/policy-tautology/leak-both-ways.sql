-- object: public.parcels
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table parcels (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table parcels enable row level security;
alter table parcels force row level security;
create policy parcels_tenant on parcels
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or tenant_id <> nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on parcels to @app@;

-- seed
insert into parcels (tenant_id, label) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from parcels;
rollback;
