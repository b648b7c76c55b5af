-- Booked by whom is not said; that it is, is.
-- object: public.bookings
-- leak: yes
-- context: guc
-- expect: 23P01

reset role;
create extension btree_gist;
set role @owner@;
create table bookings (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  room text,
  during daterange,
  exclude using gist (room with =, during with &&),
  primary key (tenant_id, id)
);
alter table bookings enable row level security;
alter table bookings force row level security;
create policy bookings_tenant on bookings
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on bookings to @app@;

-- seed
insert into bookings (tenant_id, room, during) values ('@B@', 'r1', '[2026-01-01,2026-01-05)');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into bookings (tenant_id, room, during) values ('@A@', 'r1', '[2026-01-01,2026-01-05)');
rollback;
