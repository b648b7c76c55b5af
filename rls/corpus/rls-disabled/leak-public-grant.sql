-- Granted to everybody, so to the app as well.
-- object: public.messages
-- leak: yes
-- context: guc
-- expect: canary-b

create function current_tenant() returns uuid language sql stable
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create table rooms (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table rooms enable row level security;
alter table rooms force row level security;
create policy rooms_tenant on rooms
  using (tenant_id = current_tenant());
grant select, insert, update, delete on rooms to @app@;
create table messages (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
grant select on messages to public;

-- seed
insert into messages (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from messages;
rollback;
