-- Both sides come from the row.
-- object: public.events
-- leak: yes
-- context: guc
-- also: policy-open
-- also: policy-tautology
-- expect: canary-b

create table events (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  what text,
  data jsonb not null default '{}',
  primary key (tenant_id, id)
);
alter table events enable row level security;
alter table events force row level security;
create policy events_tenant on events
  using (tenant_id = (data ->> 'tenant')::uuid);
grant select, insert, update, delete on events to @app@;

-- seed
insert into events (tenant_id, what, data) values ('@B@', 'canary-b', '{"tenant": "@B@"}');

-- proof
begin;
set local app.tenant_id = '@A@';
select what from events;
rollback;
