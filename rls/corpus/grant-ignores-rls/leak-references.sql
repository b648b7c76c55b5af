-- A key of its own into the table tells what is in it, and blocks its deletion.
-- object: public.entries
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: CREATE TABLE.*INSERT 0 1.*23503

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
alter table entries force row level security;
create policy entries_tenant on entries
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on entries to @app@;
grant references on entries to @app@;
reset role;
create schema scratch authorization @app@;

-- seed
insert into entries (tenant_id, id, memo) values (12, '00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
create table scratch.pins (tenant_id bigint, id uuid, foreign key (tenant_id, id) references entries);
insert into scratch.pins values (12, '00000000-0000-0000-0000-00000000000b');
insert into scratch.pins values (12, '00000000-0000-0000-0000-00000000000f');
rollback;
