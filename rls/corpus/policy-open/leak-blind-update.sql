-- A statement that reads no column is held by the policy for updates alone.
-- object: public.parcels
-- leak: yes
-- context: guc
-- expect: UPDATE 2

create table parcels (
  tenant_id uuid not null,
  barcode text not null,
  claimed_by text,
  primary key (tenant_id, barcode)
);
alter table parcels enable row level security;
alter table parcels force row level security;
create policy parcels_read on parcels for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy parcels_claim on parcels for update
  using (claimed_by is null)
  with check (claimed_by is not null);
grant select on parcels to @app@;
grant update (claimed_by) on parcels to @app@;

-- seed
insert into parcels (tenant_id, barcode) values ('@A@', '1'), ('@B@', '2');

-- proof
begin;
set local app.tenant_id = '@A@';
update parcels set claimed_by = 'me';
rollback;
