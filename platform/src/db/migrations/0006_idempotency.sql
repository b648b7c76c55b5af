-- Idempotency-Key: what a program asked for once, and what it was answered (WEB-8).
--
-- One table for all planes, because a key is one tenant's and mode's, whichever schema the change itself is in.
-- Nobody is granted it. Two doors lead to it, each bound to the tenant of the transaction by its own words and
-- once more by the policy of its owner.

create table control.idempotency (
    tenant_id   uuid not null,
    mode        text not null check (mode in ('live', 'test')),
    key_digest  bytea not null check (length(key_digest) = 32),
    principal   text not null,
    route       text not null,
    fingerprint bytea not null check (length(fingerprint) = 32),
    status      smallint check (status between 200 and 299),
    body        bytea,
    created_at  timestamptz not null,
    expires_at  timestamptz not null check (expires_at > created_at),
    constraint idempotency_key primary key (tenant_id, mode, key_digest)
);
comment on column control.idempotency.key_digest is 'SHA-256 of the key: what programs write there may be somebody''s address.';
comment on column control.idempotency.status is 'Absent only within the transaction that makes the row.';
comment on column control.idempotency.body is 'Sealed for this row, without a secret that is shown once.';
create index idempotency_expires on control.idempotency (expires_at);

alter table control.idempotency enable row level security;
alter table control.idempotency force row level security;

-- Of two at once the second waits here for the end of the first, and no longer than the time set. An expired row
-- gives way. Many columns, one row: either the key is the caller's now, or what is known of its first use.
create function doors.claim_idempotency(
    of_mode text, digest bytea, who text, of_route text, print bytea, at timestamptz, until timestamptz)
returns table (claimed boolean, principal text, fingerprint bytea, status smallint, body bytea)
language plpgsql strict security definer set search_path = '' set lock_timeout = '2s' as $$
begin
    if session_user not in ('tenantry_control', 'tenantry_' || of_mode) then
        raise exception 'a login claims keys of its own mode' using errcode = 'insufficient_privilege';
    end if;
    insert into control.idempotency as i
        (tenant_id, mode, key_digest, principal, route, fingerprint, created_at, expires_at)
    values (current_setting('tenantry.tenant')::uuid, of_mode, digest, who, of_route, print, at, until)
    on conflict on constraint idempotency_key do update set
        principal = excluded.principal, route = excluded.route, fingerprint = excluded.fingerprint,
        status = null, body = null, created_at = excluded.created_at, expires_at = excluded.expires_at
        where i.expires_at <= at;
    if found then
        return query select true, null::text, null::bytea, null::smallint, null::bytea;
    else
        return query select false, i.principal, i.fingerprint, i.status, i.body from control.idempotency i
            where i.tenant_id = current_setting('tenantry.tenant')::uuid and i.mode = of_mode and i.key_digest = digest;
    end if;
end
$$;

create function doors.keep_answer(of_mode text, digest bytea, print bytea, answered smallint, sealed bytea) returns boolean
language sql strict security definer set search_path = '' as $$
    with kept as (
        update control.idempotency i set status = answered, body = sealed
        where i.tenant_id = current_setting('tenantry.tenant')::uuid and i.mode = of_mode and i.key_digest = digest
          and i.fingerprint = print and i.status is null
        returning true)
    select exists (select from kept)
$$;

create function doors.sweep_idempotency(before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with swept as (
        delete from control.idempotency i where (i.tenant_id, i.mode, i.key_digest) in (
            select o.tenant_id, o.mode, o.key_digest from control.idempotency o
            where o.expires_at <= before order by o.expires_at limit most for update skip locked)
        returning 1)
    select count(*) from swept
$$;

do $$
declare
    door text;
    privileges text;
    rows text;
begin
    for door, privileges, rows in values
        ('claim_idempotency', 'select, insert, update', 'tenant_id = current_setting(''tenantry.tenant'')::uuid'),
        ('keep_answer', 'select, update', 'tenant_id = current_setting(''tenantry.tenant'')::uuid'),
        ('sweep_idempotency', 'select, update, delete', 'true')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.idempotency to %I', privileges, 'tenantry_door_' || door);
        execute format('create policy %I on control.idempotency to %I using (%s) with check (%s)',
                       'door_' || door, 'tenantry_door_' || door, rows, rows);
    end loop;
end
$$;

revoke execute on function
    doors.claim_idempotency(text, bytea, text, text, bytea, timestamptz, timestamptz),
    doors.keep_answer(text, bytea, bytea, smallint, bytea),
    doors.sweep_idempotency(timestamptz, integer)
from public;

grant execute on function
    doors.claim_idempotency(text, bytea, text, text, bytea, timestamptz, timestamptz),
    doors.keep_answer(text, bytea, bytea, smallint, bytea)
to tenantry_control, tenantry_live, tenantry_test;
grant execute on function doors.sweep_idempotency(timestamptz, integer) to tenantry_jobs;

-- Each door to its own owner, as in 0002.
do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('claim_idempotency', 'keep_answer', 'sweep_idempotency')
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
