-- The grant is to a group that the app belongs to.
-- object: public.tickets
-- leak: yes
-- context: guc
-- expect: canary-b

create table agents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table agents enable row level security;
alter table agents force row level security;
create policy agents_tenant on agents
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on agents to @app@;
create table tickets (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  primary key (tenant_id, id)
);
reset role;
grant @other@ to @app@;
set role @owner@;
grant select on tickets to @other@;

-- seed
insert into tickets (tenant_id, subject) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select subject from tickets;
rollback;
