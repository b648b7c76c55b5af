-- An underscore in a tenant's own name is a wildcard.
-- object: public.rooms
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table rooms (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table rooms enable row level security;
alter table rooms force row level security;
create policy rooms_tenant on rooms
  using (tenant_id like current_setting('app.tenant_id', true));
grant select, insert, update, delete on rooms to @app@;

-- seed
insert into rooms (tenant_id, name) values ('acme_1', 'canary-a'), ('acmeX1', 'canary-b');

-- proof
begin;
set local app.tenant_id = 'acme_1';
select name from rooms;
rollback;
