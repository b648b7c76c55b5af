-- Months come and go beside a long reader. A backup holds ACCESS SHARE on every table for as long as it takes, and whoever
-- waits for the opposite of that lets everybody else wait behind: no change is made, since each writes an audit row.

-- What cannot be written yet, from the catalogue: months from that of `from_at` on that no partition takes.
create function doors.missing_months(from_at timestamptz, months integer)
returns table (plane text, relation text, low timestamptz, high timestamptz)
language sql stable strict set search_path = '' as $$
    select n.nspname::text, c.relname::text, m.low, m.high
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname in ('control', 'live', 'test')
    cross join lateral (
        select s.low at time zone 'UTC' as low, (s.low + interval '1 month') at time zone 'UTC' as high
        from pg_catalog.generate_series(
            date_trunc('month', from_at at time zone 'UTC'),
            date_trunc('month', from_at at time zone 'UTC') + make_interval(months => months),
            interval '1 month') s (low)) m
    where c.relkind = 'p' and c.relname in ('audit', 'events') and not exists (
        select from pg_catalog.pg_inherits i
        join pg_catalog.pg_class k on k.oid = i.inhrelid
        cross join lateral (select pg_catalog.pg_get_expr(k.relpartbound, k.oid) as bound) b
        where i.inhparent = c.oid
          and substring(b.bound from 'FROM \(''([0-9a-f-]{36})''\)')::uuid <= doors.uuid7_floor(m.low)
          and substring(b.bound from 'TO \(''([0-9a-f-]{36})''\)')::uuid > doors.uuid7_floor(m.low))
    order by m.low, 1, 2
$$;

-- As before, and beside readers and writers: a table is made alone and attached, which waits for neither of them, where
-- `create table … partition of` waits for all. Of two nodes that start at once, the second finds the work of the first.
-- Owned by tenantry_owner, the one exception: only a table's owner can add a partition to it.
create or replace function doors.ensure_partitions(from_at timestamptz, months integer) returns integer
language plpgsql security definer set search_path = '' set lock_timeout = '100ms' as $$
declare
    gap record;
    child text;
    made integer := 0;
begin
    if months not between 0 and 36 then
        raise exception 'months must be between 0 and 36';
    end if;
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('tenantry.months', 0));
    for gap in select * from doors.missing_months(from_at, months) loop
        child := gap.relation || to_char(gap.low at time zone 'UTC', '_YYYY_MM');
        execute format('create table %I.%I (like %I.%I including defaults including constraints including storage)',
                       gap.plane, child, gap.plane, gap.relation);
        execute format('alter table %I.%I enable row level security', gap.plane, child);
        execute format('alter table %I.%I force row level security', gap.plane, child);
        if gap.relation = 'audit' then
            execute format('create trigger no_truncate before truncate on %I.%I
                            for each statement execute function control.refuse_change()', gap.plane, child);
        end if;
        execute format('alter table %I.%I attach partition %I.%I for values from (%L) to (%L)', gap.plane, gap.relation,
                       gap.plane, child, doors.uuid7_floor(gap.low), doors.uuid7_floor(gap.high));
        made := made + 1;
    end loop;
    return made;
end
$$;

-- For the door below alone: drops the one oldest month that ended before, and says so in the platform's log.
create function doors.drop_oldest_month(of_relation text, ended_before uuid, kept_months integer)
returns table (plane text, low uuid, high uuid)
language plpgsql set search_path = '' as $$
declare
    month record;
    child text;
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('tenantry.months', 0));
    -- A partition without bounds, the default one, has no age: null is not true, and it stays.
    select n.nspname, c.relname, greatest(c.reltuples, 0)::bigint as about, b.low, b.high into month
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_class parent on parent.oid = i.inhparent and parent.relname = of_relation and parent.relkind = 'p'
    join pg_catalog.pg_namespace n on n.oid = parent.relnamespace and n.nspname in ('control', 'live', 'test')
    cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) e
    cross join lateral (
        select substring(e.bound from 'FROM \(''([0-9a-f-]{36})''\)')::uuid as low,
               substring(e.bound from 'TO \(''([0-9a-f-]{36})''\)')::uuid as high) b
    where b.high <= ended_before
    order by b.low, n.nspname limit 1;
    if not found then
        return;
    end if;
    child := format('%I.%I', month.nspname, month.relname);
    execute 'drop table ' || child;
    perform doors.note_platform_act(of_relation || '.month_dropped', child, jsonb_build_object(
        'from', month.low, 'until', month.high, 'about', month.about, 'kept_months', kept_months));
    plane := month.nspname; low := month.low; high := month.high;
    return next;
end
$$;

-- As before, and one month a call: whoever wants to drop all asks until there is none. A month that somebody reads stays,
-- and whoever writes meanwhile waits for a tenth of a second.
create or replace function doors.drop_audit_months(asked_at timestamptz, months integer)
returns table (plane text, low uuid, high uuid)
language plpgsql security definer set search_path = '' set lock_timeout = '100ms' as $$
begin
    if months is null or months < 12 then
        raise exception 'audit rows are kept for a year at least: months must be 12 or more' using errcode = 'check_violation';
    end if;
    return query select * from doors.drop_oldest_month('audit', doors.uuid7_floor(
        ((least(asked_at, pg_catalog.now()) at time zone 'UTC') - make_interval(months => months)) at time zone 'UTC'), months);
end
$$;

revoke execute on function
    doors.missing_months(timestamptz, integer), doors.drop_oldest_month(text, uuid, integer)
from public;
grant execute on function doors.missing_months(timestamptz, integer) to tenantry_jobs;
