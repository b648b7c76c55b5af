-- The policy compares the carrier, and the row is the sender's.
-- object: public.shipments
-- leak: yes
-- context: guc
-- expect: canary-b

create table shipments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  carrier_id uuid,
  label text,
  primary key (tenant_id, id)
);
alter table shipments enable row level security;
alter table shipments force row level security;
create policy shipments_tenant on shipments
  using (carrier_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on shipments to @app@;

-- seed
insert into shipments (tenant_id, carrier_id, label) values ('@B@', '@A@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from shipments;
rollback;
