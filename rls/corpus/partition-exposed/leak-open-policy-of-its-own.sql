-- The partition has row security, and a policy that forgets the tenant.
-- object: public.events_2026_01
-- leak: yes
-- context: guc
-- also: policy-open
-- also: policy-tautology
-- expect: canary-b

create table events (
  tenant_id uuid not null,
  at timestamptz not null,
  what text
) partition by range (at);
create table events_2026_01 partition of events for values from ('2026-01-01') to ('2026-02-01');
create table events_2026_02 partition of events for values from ('2026-02-01') to ('2026-03-01');
alter table events enable row level security;
alter table events force row level security;
create policy events_tenant on events
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
alter table events_2026_01 enable row level security;
alter table events_2026_01 force row level security;
create policy read_month on events_2026_01 for select using (at < '2026-02-01');
grant select on events, events_2026_01 to @app@;

-- seed
insert into events values ('@A@', '2026-01-05', 'canary-a'), ('@B@', '2026-01-06', 'canary-b'), ('@B@', '2026-02-06', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select what from events_2026_01;
rollback;
