-- What is over goes in batches: a statement of a serving login has ten seconds, and after a week without a sweep there may
-- be more than it deletes in that time. Each door takes at most so many rows of each table and answers how many; whoever
-- sweeps asks until there is less. Two nodes that sweep at once take different rows.

drop function doors.sweep(timestamptz, timestamptz);
drop function doors.sweep_usage(timestamptz, timestamptz, timestamptz);
drop function doors.sweep_csp_reports(timestamptz);
drop function doors.sweep_invitations(timestamptz);

create index sessions_expires on control.sessions (expires_at);

-- What nobody can use any more. An ended session is kept for a while, so that its reuse can still be told; a change
-- for far longer than a node goes on from where it stopped reading.
create function doors.sweep(at timestamptz, sessions_before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with links as (
             delete from control.links l where l.ctid = any (array(
                 select o.ctid from control.links o where o.expires_at < at limit most for update skip locked)) returning 1),
         codes as (
             delete from control.codes c where c.ctid = any (array(
                 select o.ctid from control.codes o where o.expires_at < at limit most for update skip locked)) returning 1),
         slugs as (
             delete from control.slugs s where s.ctid = any (array(
                 select o.ctid from control.slugs o where not o.claimed and o.reserved_until < at
                 limit most for update skip locked)) returning 1),
         changes as (
             delete from control.change c where c.ctid = any (array(
                 select o.ctid from control.change o where o.at < sweep.at - interval '1 day'
                 limit most for update skip locked)) returning 1),
         sessions as (
             delete from control.sessions s where s.ctid = any (array(
                 select o.ctid from control.sessions o where o.expires_at < sessions_before order by o.expires_at
                 limit most for update skip locked)) returning 1)
    select (select count(*) from links) + (select count(*) from codes) + (select count(*) from slugs)
         + (select count(*) from changes) + (select count(*) from sessions)
$$;

-- Old rows of every tenant, by age alone.
create function doors.sweep_usage(
    minutes_before timestamptz, hours_before timestamptz, days_before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with of_control as (
             delete from control.usage u where u.ctid = any (array(
                 select o.place from (values ('minute', minutes_before), ('hour', hours_before), ('day', days_before)) a (grain, before)
                 cross join lateral (
                     select o.ctid as place from control.usage o where o.grain = a.grain and o.at < a.before order by o.at
                     limit most for update skip locked) o
                 limit most)) returning 1),
         of_live as (
             delete from live.usage u where u.ctid = any (array(
                 select o.place from (values ('minute', minutes_before), ('hour', hours_before), ('day', days_before)) a (grain, before)
                 cross join lateral (
                     select o.ctid as place from live.usage o where o.grain = a.grain and o.at < a.before order by o.at
                     limit most for update skip locked) o
                 limit most)) returning 1),
         of_test as (
             delete from test.usage u where u.ctid = any (array(
                 select o.place from (values ('minute', minutes_before), ('hour', hours_before), ('day', days_before)) a (grain, before)
                 cross join lateral (
                     select o.ctid as place from test.usage o where o.grain = a.grain and o.at < a.before order by o.at
                     limit most for update skip locked) o
                 limit most)) returning 1)
    select (select count(*) from of_control) + (select count(*) from of_live) + (select count(*) from of_test)
$$;

-- Groups of every tenant that no browser has reported for long.
create function doors.sweep_csp_reports(before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with of_live as (
             delete from live.csp_reports r where r.ctid = any (array(
                 select o.ctid from live.csp_reports o where o.last_at < before order by o.last_at
                 limit most for update skip locked)) returning 1),
         of_test as (
             delete from test.csp_reports r where r.ctid = any (array(
                 select o.ctid from test.csp_reports o where o.last_at < before order by o.last_at
                 limit most for update skip locked)) returning 1)
    select (select count(*) from of_live) + (select count(*) from of_test)
$$;

-- What ended long ago holds an address for nothing.
create function doors.sweep_invitations(before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with gone as (
        delete from control.invitations i where i.ctid = any (array(
            select o.ctid from control.invitations o
            where coalesce(o.accepted_at, o.revoked_at, o.expires_at) < before limit most for update skip locked))
        returning 1)
    select count(*) from gone
$$;

-- Whoever locks a row must be able to change something of it, and where a row lies is told to who may read all of it.
grant update (expires_at) on control.links, control.codes, control.sessions to tenantry_door_sweep;
grant update (reserved_until) on control.slugs to tenantry_door_sweep;
grant update (at) on control.change to tenantry_door_sweep;
grant update (expires_at) on control.invitations to tenantry_door_sweep_invitations;
grant select, update (at) on control.usage, live.usage, test.usage to tenantry_door_sweep_usage;
grant select, update (last_at) on live.csp_reports, test.csp_reports to tenantry_door_sweep_csp_reports;

revoke execute on function
    doors.sweep(timestamptz, timestamptz, integer),
    doors.sweep_usage(timestamptz, timestamptz, timestamptz, integer),
    doors.sweep_csp_reports(timestamptz, integer),
    doors.sweep_invitations(timestamptz, integer)
from public;
grant execute on function
    doors.sweep(timestamptz, timestamptz, integer),
    doors.sweep_usage(timestamptz, timestamptz, timestamptz, integer),
    doors.sweep_csp_reports(timestamptz, integer),
    doors.sweep_invitations(timestamptz, integer)
to tenantry_jobs;

-- Each door to its own owner, as in 0002.
do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('sweep', 'sweep_usage', 'sweep_csp_reports', 'sweep_invitations')
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
