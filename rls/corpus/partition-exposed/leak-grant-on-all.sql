-- GRANT ON ALL TABLES names the partitions, too.
-- object: public.events_2026_01
-- leak: yes
-- context: guc
-- also: rls-disabled
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
grant select, insert on all tables in schema public to @app@;
revoke all on events_2026_02 from @app@;

-- seed
insert into events values ('@A@', '2026-01-05', 'canary-a'), ('@B@', '2026-01-06', 'canary-b'), ('@B@', '2026-02-06', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select what from events_2026_01;
rollback;
