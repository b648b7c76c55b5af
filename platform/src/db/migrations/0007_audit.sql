-- The audit log found by address and request, kept for a year at least, and a log of the platform's own acts (AUD-3, AUD-4).

-- ------------------------------------------------------------------ an index for each filter

-- ip_mark: 16 bits of a keyed digest of the address, which is itself only in the ciphertext. 65,536 IPv4 addresses share
-- each mark, so that what stays of an erased person names no address. Rows of before have none.
do $$
declare
    s text;
begin
    foreach s in array array['control', 'live', 'test'] loop
        execute format($t$
            alter table %1$I.audit add column ip_mark integer check (ip_mark between 0 and 65535);
            drop index %1$I.audit_entity;
            create index audit_entity_type on %1$I.audit (tenant_id, entity_type, id);
            create index audit_entity_id on %1$I.audit (tenant_id, entity_id, id);
            create index audit_request on %1$I.audit (tenant_id, request_id, id) where request_id is not null;
            create index audit_address on %1$I.audit (tenant_id, ip_mark, id) where ip_mark is not null;
        $t$, s);
    end loop;
end
$$;

-- ------------------------------------------------------------------ what was done to the whole installation

create table control.platform_log (
    seq     bigint generated always as identity primary key,
    at      timestamptz not null,
    login   text not null,
    action  text not null,
    subject text not null,
    detail  jsonb not null
);
comment on table control.platform_log is 'Acts that are no single tenant''s: platform staff made, months of audit rows dropped.';
alter table control.platform_log enable row level security;
alter table control.platform_log force row level security;
create trigger append_only before update or delete on control.platform_log
    for each row execute function control.refuse_change();
create trigger no_truncate before truncate on control.platform_log
    for each statement execute function control.refuse_change();

-- For other doors alone. The session's login cannot be chosen by whoever calls.
create function doors.note_platform_act(act text, on_what text, details jsonb) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.platform_log (at, login, action, subject, detail)
    values (pg_catalog.now(), session_user, act, on_what, details)
$$;

-- Many rows, for platform staff alone: newest first.
create function doors.platform_log(before bigint, most integer)
returns table (seq bigint, at timestamptz, login text, action text, subject text, detail jsonb)
language sql stable strict security definer set search_path = '' as $$
    select l.seq, l.at, l.login, l.action, l.subject, l.detail
    from control.platform_log l where l.seq < before order by l.seq desc limit least(most, 200)
$$;

-- As before, and nobody becomes platform staff without a row that says so (AC-4).
create or replace function doors.set_operator(address text, wanted boolean) returns boolean
language plpgsql strict security definer set search_path = '' as $$
declare
    who uuid;
begin
    update control.persons p set operator = wanted
    from control.emails e where e.email_lower = address and e.person_id = p.person_id
    returning p.person_id into who;
    if who is null then
        return false;
    end if;
    perform doors.note_platform_act(
        case when wanted then 'operator.granted' else 'operator.revoked' end, who::text, '{}');
    return true;
end
$$;

-- ------------------------------------------------------------------ names for the ids of a page

-- Many rows, all of the tenant in the context: people that it already lists as members.
create function doors.member_names(wanted uuid[]) returns table (person_id uuid, name text, email text)
language sql stable strict security definer set search_path = '' as $$
    select p.person_id, p.name, p.email
    from control.memberships m join control.persons p on p.person_id = m.person_id
    where m.tenant_id = current_setting('tenantry.tenant')::uuid and m.person_id = any (wanted)
    limit 400
$$;

-- ------------------------------------------------------------------ months of the log

-- What there is, from the catalogue: the bounds of each partition, and about how many rows it has.
create function doors.audit_months() returns table (plane text, low uuid, high uuid, about bigint)
language sql stable set search_path = '' as $$
    select n.nspname::text,
           substring(b.bound from 'FROM \(''([0-9a-f-]{36})''\)')::uuid,
           substring(b.bound from 'TO \(''([0-9a-f-]{36})''\)')::uuid,
           greatest(c.reltuples, 0)::bigint
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_class parent on parent.oid = i.inhparent and parent.relname = 'audit' and parent.relkind = 'p'
    join pg_catalog.pg_namespace n on n.oid = parent.relnamespace and n.nspname in ('control', 'live', 'test')
    cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) b
    order by 1, 2
$$;

-- Drops the months that ended that long ago, whole. The floor of a year stands here, where no setting reaches it, and
-- it is counted by this server's clock too: whoever calls cannot make young rows old by naming a later day.
-- Owned by tenantry_owner: only a table's owner can drop a partition of it.
create function doors.drop_audit_months(asked_at timestamptz, months integer) returns table (plane text, low uuid, high uuid)
language plpgsql security definer set search_path = '' as $$
declare
    month record;
    child text;
    ended_before uuid;
begin
    if months is null or months < 12 then
        raise exception 'audit rows are kept for a year at least: months must be 12 or more' using errcode = 'check_violation';
    end if;
    ended_before := doors.uuid7_floor(
        ((least(asked_at, pg_catalog.now()) at time zone 'UTC') - make_interval(months => months)) at time zone 'UTC');
    for month in
        select n.nspname, c.relname, c.reltuples,
               substring(b.bound from 'FROM \(''([0-9a-f-]{36})''\)')::uuid as low,
               substring(b.bound from 'TO \(''([0-9a-f-]{36})''\)')::uuid as high
        from pg_catalog.pg_inherits i
        join pg_catalog.pg_class c on c.oid = i.inhrelid
        join pg_catalog.pg_class parent on parent.oid = i.inhparent and parent.relname = 'audit' and parent.relkind = 'p'
        join pg_catalog.pg_namespace n on n.oid = parent.relnamespace and n.nspname in ('control', 'live', 'test')
        cross join lateral (select pg_catalog.pg_get_expr(c.relpartbound, c.oid) as bound) b
        order by 1, 2
    loop
        -- A partition without bounds, the default one, has no age: null is not true, and it stays.
        continue when (month.high <= ended_before) is not true;
        child := format('%I.%I', month.nspname, month.relname);
        execute 'drop table ' || child;
        perform doors.note_platform_act('audit.month_dropped', child, jsonb_build_object(
            'from', month.low, 'until', month.high, 'about', greatest(month.reltuples, 0)::bigint, 'kept_months', months));
        plane := month.nspname; low := month.low; high := month.high;
        return next;
    end loop;
end
$$;

-- ------------------------------------------------------------------ what each door's owner may touch, and who may call it

do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('note_platform_act', 'platform_log', 'insert'),
        ('platform_log', 'platform_log', 'select'),
        ('member_names', 'memberships', 'select'),
        ('member_names', 'persons', 'select')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
end
$$;

revoke execute on function
    doors.note_platform_act(text, text, jsonb), doors.platform_log(bigint, integer), doors.member_names(uuid[]),
    doors.audit_months(), doors.drop_audit_months(timestamptz, integer)
from public;

grant usage on schema doors to tenantry_door_set_operator;
grant execute on function doors.note_platform_act(text, text, jsonb) to tenantry_door_set_operator;
grant execute on function doors.platform_log(bigint, integer) to tenantry_operator;
grant execute on function doors.member_names(uuid[]) to tenantry_control;
grant execute on function doors.audit_months() to tenantry_jobs, tenantry_control;
grant execute on function doors.drop_audit_months(timestamptz, integer) to tenantry_jobs;

do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('note_platform_act', 'platform_log', 'member_names')
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
