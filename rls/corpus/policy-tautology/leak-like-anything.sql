-- object: public.events
-- leak: yes
-- context: guc
-- also: policy-open
-- also: policy-lossy-compare
-- expect: canary-b

create table events (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  what text,
  primary key (tenant_id, id)
);
alter table events enable row level security;
alter table events force row level security;
create policy events_tenant on events
  using (tenant_id::text like '%');
grant select, insert, update, delete on events to @app@;

-- seed
insert into events (tenant_id, what) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select what from events;
rollback;
