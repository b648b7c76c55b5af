-- object: public.rooms
-- leak: yes
-- context: guc
-- tenant: text
-- expect: 23505

create table rooms (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  building text,
  number text,
  unique (building, number),
  primary key (tenant_id, id)
);
alter table rooms enable row level security;
alter table rooms force row level security;
create policy rooms_tenant on rooms
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on rooms to @app@;

-- seed
insert into rooms (tenant_id, building, number) values ('@B@', 'main', '1');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into rooms (tenant_id, building, number) values ('@A@', 'main', '1');
insert into rooms (tenant_id, building, number) values ('@A@', 'main', '2');
rollback;
