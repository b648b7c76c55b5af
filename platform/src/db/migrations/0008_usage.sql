-- What tenants use: requests, refusals, sign-ins, by minute, hour and day (OBS-3).
--
-- In each mode what happened there; in control what belongs to the workspace as a whole.

do $$
declare
    s text;
begin
    foreach s in array array['control', 'live', 'test'] loop
        execute format($t$
            create table %1$I.usage (
                tenant_id uuid not null,
                subject   uuid not null,
                kind      text not null check (length(kind) between 1 and 32),
                grain     text not null check (grain in ('minute', 'hour', 'day')),
                at        timestamptz not null,
                total     bigint not null check (total > 0),
                primary key (tenant_id, subject, kind, grain, at)
            );
            create index usage_age on %1$I.usage (grain, at);
            comment on column %1$I.usage.subject is 'An API key, or nil for the tenant itself.';
            alter table %1$I.usage enable row level security;
            alter table %1$I.usage force row level security;
            create policy tenant on %1$I.usage to %2$I
                using (tenant_id = current_setting('tenantry.tenant')::uuid)
                with check (tenant_id = current_setting('tenantry.tenant')::uuid);
            grant select, insert on %1$I.usage to %2$I;
            grant update (total) on %1$I.usage to %2$I;
            create policy door_sweep_usage on %1$I.usage to tenantry_door_sweep_usage using (true) with check (true);
            grant usage on schema %1$I to tenantry_door_sweep_usage;
            grant select (grain, at), delete on %1$I.usage to tenantry_door_sweep_usage;
        $t$, s, 'tenantry_' || s);
    end loop;
end
$$;

-- Old rows of every tenant, by age alone.
create function doors.sweep_usage(minutes_before timestamptz, hours_before timestamptz, days_before timestamptz)
returns bigint
language sql strict security definer set search_path = '' as $$
    with ages (grain, before) as (values ('minute', minutes_before), ('hour', hours_before), ('day', days_before)),
         of_control as (delete from control.usage u using ages a where u.grain = a.grain and u.at < a.before returning 1),
         of_live as (delete from live.usage u using ages a where u.grain = a.grain and u.at < a.before returning 1),
         of_test as (delete from test.usage u using ages a where u.grain = a.grain and u.at < a.before returning 1)
    select (select count(*) from of_control) + (select count(*) from of_live) + (select count(*) from of_test)
$$;

revoke execute on function doors.sweep_usage(timestamptz, timestamptz, timestamptz) from public;
grant execute on function doors.sweep_usage(timestamptz, timestamptz, timestamptz) to tenantry_jobs;

grant create on schema doors to tenantry_door_sweep_usage;
alter function doors.sweep_usage(timestamptz, timestamptz, timestamptz) owner to tenantry_door_sweep_usage;
revoke create on schema doors from tenantry_door_sweep_usage;

-- ------------------------------------------------------------------ settings of a workspace, and where it comes back to

alter table control.tenants add column version bigint not null default 1;
alter table control.tenants add column status_before text
    check (status_before in ('active', 'past_due', 'suspended', 'offboarding', 'deactivated'));
comment on column control.tenants.status_before is 'What a suspended tenant was, and is again when it is reactivated.';
grant update (version) on control.tenants to tenantry_control;
grant update (status_before) on control.tenants to tenantry_operator;
