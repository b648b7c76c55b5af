-- The key has a tenant in it, but not the row's own.
-- object: public.shipments
-- leak: yes
-- context: guc
-- expect: INSERT 0 1.*23503

create table addresses (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  street text,
  primary key (tenant_id, id)
);
alter table addresses enable row level security;
alter table addresses force row level security;
create policy addresses_tenant on addresses
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on addresses to @app@;
create table shipments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  from_tenant uuid,
  address_id uuid,
  label text,
  foreign key (from_tenant, address_id) references addresses (tenant_id, id),
  primary key (tenant_id, id)
);
alter table shipments enable row level security;
alter table shipments force row level security;
create policy shipments_tenant on shipments
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on shipments to @app@;

-- seed
insert into addresses (tenant_id, id, street) values ('@B@', '00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into shipments (tenant_id, from_tenant, address_id) values ('@A@', '@B@', '00000000-0000-0000-0000-00000000000b');
insert into shipments (tenant_id, from_tenant, address_id) values ('@A@', '@B@', '00000000-0000-0000-0000-00000000000f');
rollback;
