-- A domain has to be cast for gist; the tenant is in the key all the same.
-- object: public.bookings
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: INSERT 0 1

reset role;
create extension btree_gist;
set role @owner@;
create domain club as bigint check (value > 0);
create table bookings (
  tenant_id club not null,
  id uuid not null default gen_random_uuid(),
  during daterange,
  exclude using gist ((tenant_id::bigint) with =, during with &&),
  primary key (tenant_id, id)
);
alter table bookings enable row level security;
alter table bookings force row level security;
create policy bookings_tenant on bookings
  using (tenant_id::bigint = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on bookings to @app@;

-- seed
insert into bookings (tenant_id, during) values (@B@, '[2026-01-01,2026-02-01)');

-- proof
set app.tenant_id = '@A@';
insert into bookings (tenant_id, during) values (@A@, '[2026-01-01,2026-02-01)');
