-- object: public.shifts
-- leak: no
-- context: guc
-- tenant: text
-- expect: INSERT 0 1

reset role;
create extension btree_gist;
set role @owner@;
create table shifts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  during tstzrange,
  room text,
  exclude using gist (room with =, during with &&, tenant_id with =),
  primary key (tenant_id, id)
);
alter table shifts enable row level security;
alter table shifts force row level security;
create policy shifts_tenant on shifts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on shifts to @app@;

-- seed
insert into shifts (tenant_id, room, during) values ('@B@', 'r', '[2026-01-01,2026-01-02)');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into shifts (tenant_id, room, during) values ('@A@', 'r', '[2026-01-01,2026-01-02)');
rollback;
