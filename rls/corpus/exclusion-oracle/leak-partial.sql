-- object: public.slots
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: 23P01

reset role;
create extension btree_gist;
set role @owner@;
create table slots (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  room text,
  during daterange,
  is_held boolean not null default true,
  exclude using gist (room with =, during with &&) where (is_held),
  primary key (tenant_id, id)
);
alter table slots enable row level security;
alter table slots force row level security;
create policy slots_tenant on slots
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on slots to @app@;

-- seed
insert into slots (tenant_id, room, during) values ('@B@', 'r1', '[2026-01-01,2026-01-05)');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into slots (tenant_id, room, during) values ('@A@', 'r1', '[2026-01-01,2026-01-05)');
rollback;
