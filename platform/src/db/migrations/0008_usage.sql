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

-- ------------------------------------------------------------------ what platform staff looks at: no payload in the clear, no secret

-- What one tenant uses, in all its books together. Many rows, all of the tenant in the context.
create function doors.operator_usage(of_grain text, since timestamptz)
returns table (kind text, at timestamptz, total bigint)
language sql stable strict security definer set search_path = '' as $$
    select u.kind, u.at, sum(u.total)::bigint
    from (select tenant_id, subject, kind, grain, at, total from control.usage
          union all select tenant_id, subject, kind, grain, at, total from live.usage
          union all select tenant_id, subject, kind, grain, at, total from test.usage) u
    where u.tenant_id = current_setting('tenantry.tenant')::uuid
      and u.subject = '00000000-0000-0000-0000-000000000000' and u.grain = of_grain and u.at >= since
    group by u.kind, u.at
$$;

-- A person by the whole address or the id, and nothing that proves who they are.
create function doors.operator_person(address text, wanted uuid, at timestamptz)
returns table (person_id uuid, name text, email text, status text, operator boolean, created_at timestamptz,
               verified_at timestamptz, sessions bigint)
language sql stable strict security definer set search_path = '' as $$
    select p.person_id, p.name, p.email, p.status, p.operator, p.created_at, p.verified_at,
           (select count(*) from control.sessions s
            where s.person_id = p.person_id and s.id = s.root_id and s.ended_at is null and s.expires_at > at)
    from control.persons p
    where p.person_id = wanted
       or p.person_id = (select e.person_id from control.emails e where e.email_lower = address)
    limit 1
$$;

-- Many rows: the workspaces of one person.
create function doors.operator_workspaces(person uuid)
returns table (tenant_id uuid, slug text, name text, status text, role text, since timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select t.tenant_id, t.slug, t.name, t.status, m.role, m.created_at
    from control.memberships m join control.tenants t on t.tenant_id = m.tenant_id
    where m.person_id = person order by t.name, t.tenant_id limit 200
$$;

create function doors.job_state(failed_at timestamptz, claimed_until timestamptz, attempts integer, at timestamptz)
returns text
language sql immutable set search_path = '' as $$
    select case when failed_at is not null then 'failed'
                when claimed_until > at then 'running'
                when attempts > 0 then 'retrying'
                else 'waiting' end
$$;

-- Many rows, a few: how many jobs of each kind stand where, and since when the oldest.
create function doors.operator_job_counts(at timestamptz)
returns table (kind text, state text, jobs bigint, oldest timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select j.kind, doors.job_state(j.failed_at, j.claimed_until, j.attempts, operator_job_counts.at), count(*), min(j.created_at)
    from control.jobs j group by 1, 2 order by 1, 2
$$;

-- Many rows: jobs, newest first. What is to be done comes sealed, and of mails alone: for their recipient.
create function doors.operator_jobs(of_state text, of_kind text, before uuid, most integer, at timestamptz)
returns table (id uuid, kind text, state text, due_at timestamptz, created_at timestamptz, attempts integer,
               last_error text, sealed bytea)
language sql stable strict security definer set search_path = '' as $$
    select j.id, j.kind, s.state, j.due_at, j.created_at, j.attempts, j.last_error,
           case when j.kind = 'mail.send' then j.payload end
    from control.jobs j
    cross join lateral (select doors.job_state(j.failed_at, j.claimed_until, j.attempts, operator_jobs.at) as state) s
    where j.id < before and (of_kind = '' or j.kind = of_kind) and (of_state = '' or s.state = of_state)
    order by j.id desc limit least(most, 200)
$$;

-- A job that is not under way is due now, with all its tries. It is no tenant's, so the platform's log tells of it.
create function doors.retry_job(job uuid, by_whom text, at timestamptz) returns table (kind text)
language sql strict security definer set search_path = '' as $$
    with done as (
             update control.jobs j set failed_at = null, due_at = at, attempts = 0, claimed_until = null
             where j.id = job and (j.claimed_until is null or j.claimed_until <= at)
             returning j.kind as of_kind),
         noted as (
             select doors.note_platform_act('job.retried', job::text, jsonb_build_object('kind', d.of_kind, 'by', by_whom))
             from done d)
    select d.of_kind from done d cross join noted
$$;

-- A job that failed for good is forgotten.
create function doors.discard_job(job uuid, by_whom text) returns table (kind text)
language sql strict security definer set search_path = '' as $$
    with done as (
             delete from control.jobs j where j.id = job and j.failed_at is not null returning j.kind as of_kind),
         noted as (
             select doors.note_platform_act('job.discarded', job::text, jsonb_build_object('kind', d.of_kind, 'by', by_whom))
             from done d)
    select d.of_kind from done d cross join noted
$$;

do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('operator_usage', 'control.usage', 'select'),
        ('operator_usage', 'live.usage', 'select'),
        ('operator_usage', 'test.usage', 'select'),
        ('operator_person', 'control.persons', 'select'),
        ('operator_person', 'control.emails', 'select'),
        ('operator_person', 'control.sessions', 'select'),
        ('operator_workspaces', 'control.memberships', 'select'),
        ('operator_workspaces', 'control.tenants', 'select'),
        ('operator_job_counts', 'control.jobs', 'select (kind, created_at, attempts, claimed_until, failed_at)'),
        ('operator_jobs', 'control.jobs', 'select'),
        ('retry_job', 'control.jobs', 'select (id, kind, claimed_until), update (failed_at, due_at, attempts, claimed_until)'),
        ('discard_job', 'control.jobs', 'select (id, kind, failed_at), delete')
    loop
        execute format('grant usage on schema %s to %I', split_part(relation, '.', 1), 'tenantry_door_' || door);
        execute format('grant %s on %s to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on %s to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;

    foreach door in array array['operator_job_counts', 'operator_jobs'] loop
        execute format('grant usage on schema doors to %I', 'tenantry_door_' || door);
        execute format('grant execute on function doors.job_state(timestamptz, timestamptz, integer, timestamptz) to %I',
                       'tenantry_door_' || door);
    end loop;
    foreach door in array array['retry_job', 'discard_job'] loop
        execute format('grant usage on schema doors to %I', 'tenantry_door_' || door);
        execute format('grant execute on function doors.note_platform_act(text, text, jsonb) to %I', 'tenantry_door_' || door);
    end loop;
end
$$;

-- Each door for platform staff alone, and to its own owner.
do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in
            ('operator_usage', 'operator_person', 'operator_workspaces', 'operator_job_counts', 'operator_jobs',
             'retry_job', 'discard_job')
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('revoke execute on function %s from public', f.signature);
        execute format('grant execute on function %s to tenantry_operator', f.signature);
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;

-- ------------------------------------------------------------------ what browsers reported of violated policies, grouped (WEB-1)

do $$
declare
    s text;
begin
    foreach s in array array['live', 'test'] loop
        execute format($t$
            create table %1$I.csp_reports (
                tenant_id   uuid not null,
                directive   text not null check (length(directive) <= 200),
                blocked     text not null check (length(blocked) <= 200),
                path        text not null check (length(path) <= 200),
                is_enforced boolean not null,
                reports     bigint not null check (reports > 0),
                first_at    timestamptz not null,
                last_at     timestamptz not null,
                primary key (tenant_id, directive, blocked, path, is_enforced)
            );
            create index csp_reports_age on %1$I.csp_reports (last_at);
            comment on table %1$I.csp_reports is 'Strangers'' words: bounded a tenant, without query, fragment or name.';
            alter table %1$I.csp_reports enable row level security;
            alter table %1$I.csp_reports force row level security;
            create policy tenant on %1$I.csp_reports to %2$I
                using (tenant_id = current_setting('tenantry.tenant')::uuid)
                with check (tenant_id = current_setting('tenantry.tenant')::uuid);
            grant select, insert on %1$I.csp_reports to %2$I;
            grant update (reports, first_at, last_at) on %1$I.csp_reports to %2$I;
            create policy door_sweep_csp_reports on %1$I.csp_reports to tenantry_door_sweep_csp_reports
                using (true) with check (true);
            grant usage on schema %1$I to tenantry_door_sweep_csp_reports;
            grant select (last_at), delete on %1$I.csp_reports to tenantry_door_sweep_csp_reports;
        $t$, s, 'tenantry_' || s);
    end loop;
end
$$;

-- Groups of every tenant that no browser has reported for long.
create function doors.sweep_csp_reports(before timestamptz) returns bigint
language sql strict security definer set search_path = '' as $$
    with of_live as (delete from live.csp_reports r where r.last_at < before returning 1),
         of_test as (delete from test.csp_reports r where r.last_at < before returning 1)
    select (select count(*) from of_live) + (select count(*) from of_test)
$$;

revoke execute on function doors.sweep_csp_reports(timestamptz) from public;
grant execute on function doors.sweep_csp_reports(timestamptz) to tenantry_jobs;

grant create on schema doors to tenantry_door_sweep_csp_reports;
alter function doors.sweep_csp_reports(timestamptz) owner to tenantry_door_sweep_csp_reports;
revoke create on schema doors from tenantry_door_sweep_csp_reports;
