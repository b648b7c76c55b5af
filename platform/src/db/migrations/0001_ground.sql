-- The ground: three walled schemas, and the doors between them.
--
-- control   people, sessions, tenants, memberships: what exists before a mode is known
-- live/test one schema a mode, the same tables, a login each
-- doors     the only functions that look across tenants: exact match, one owner each, listed in doors.txt
--
-- Run as tenantry_migrate after `set role tenantry_owner`. The roles come from `tenantry database plan`.

create schema control;
create schema live;
create schema test;
create schema doors;

grant usage on schema control to tenantry_control, tenantry_jobs, tenantry_operator;
grant usage on schema live to tenantry_live;
grant usage on schema test to tenantry_test;
grant usage on schema doors to tenantry_control, tenantry_live, tenantry_test, tenantry_jobs, tenantry_operator;

alter default privileges for role tenantry_owner revoke execute on functions from public;

-- ------------------------------------------------------------------ person-owned

create table control.persons (
    person_id   uuid primary key,
    email       text not null check (length(email) <= 254),
    email_lower text not null,
    name        text not null check (length(name) between 1 and 200),
    status      text not null default 'pending' check (status in ('pending', 'active', 'deactivated')),
    operator    boolean not null default false,
    created_at  timestamptz not null,
    verified_at timestamptz
);
comment on column control.persons.operator is 'Platform staff (AC-4): a flag beside every tenant role. No serving login may write it.';

create table control.identities (
    person_id  uuid not null references control.persons (person_id) on delete cascade,
    id         uuid not null,
    kind       text not null check (kind in ('password', 'oidc')),
    issuer     text not null,
    subject    text not null,
    secret     text,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (person_id, id),
    unique (person_id, kind, issuer, subject)
);

create table control.sessions (
    person_id         uuid not null references control.persons (person_id) on delete cascade,
    id                uuid not null,
    root_id           uuid not null,
    parent_id         uuid,
    realm             text not null check (realm in ('staff', 'customer')),
    host              text not null,
    tenant_id         uuid,
    mode              text check (mode in ('live', 'test')),
    counter           bigint not null default 0 check (counter >= 0),
    rotated_at        timestamptz not null,
    successor_used_at timestamptz,
    auth_time         timestamptz not null,
    amr               text[] not null,
    ip                inet,
    user_agent        text,
    created_at        timestamptz not null,
    last_seen_at      timestamptz not null,
    expires_at        timestamptz not null,
    ended_at          timestamptz,
    end_reason        text,
    primary key (person_id, id)
);
create index sessions_tree on control.sessions (person_id, root_id);

-- ------------------------------------------------------------------ tenant-owned, in control

create table control.tenants (
    tenant_id     uuid primary key,
    slug          text not null check (slug ~ '^[a-z0-9](-?[a-z0-9])*$' and length(slug) between 3 and 40),
    name          text not null check (length(name) between 1 and 200),
    status        text not null default 'active'
                  check (status in ('active', 'past_due', 'suspended', 'offboarding', 'deactivated')),
    status_reason text,
    status_at     timestamptz not null,
    plan          text not null default 'free',
    created_at    timestamptz not null
);

create table control.memberships (
    tenant_id  uuid not null references control.tenants (tenant_id) on delete cascade,
    person_id  uuid not null references control.persons (person_id) on delete cascade,
    role       text not null check (length(role) between 1 and 64),
    created_at timestamptz not null,
    primary key (tenant_id, person_id)
);
create index memberships_person on control.memberships (person_id);

-- ------------------------------------------------------------------ global: no grants, only doors

create table control.emails (
    email_lower text primary key,
    person_id   uuid not null references control.persons (person_id) on delete cascade
);

create table control.slugs (
    slug        text primary key,
    tenant_id   uuid not null,
    claimed     boolean not null default false,
    reserved_until timestamptz not null
);

create table control.links (
    digest     bytea primary key check (length(digest) = 32),
    id         uuid not null,
    kind       text not null,
    person_id  uuid not null,
    data       bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
comment on column control.links.person_id is 'No reference: whoever signs up becomes a person only by using the link.';
create index links_person on control.links (person_id, kind);

create table control.codes (
    digest     bytea primary key check (length(digest) = 32),
    data       bytea not null,
    expires_at timestamptz not null
);
comment on table control.codes is 'Hand-off codes: 30 seconds, redeemed once, then gone.';

create table control.signing_keys (
    id         uuid primary key,
    purpose    text not null,
    algorithm  text not null check (algorithm in ('EdDSA', 'ES256')),
    jwk        jsonb not null,
    sealed     bytea not null,
    created_at timestamptz not null,
    signs_from timestamptz not null,
    signs_until timestamptz not null,
    verifies_until timestamptz not null check (verifies_until >= signs_until)
);
create index signing_keys_purpose on control.signing_keys (purpose, signs_from);

create table control.canary (
    only_one boolean primary key default true check (only_one),
    sealed   bytea not null,
    created_at timestamptz not null
);

create table control.verdicts (
    control text primary key,
    outcome text not null check (outcome in ('pass', 'fail', 'unknown')),
    since   timestamptz not null,
    at      timestamptz not null
);
comment on table control.verdicts is 'What each posture control found last, and since when it finds that.';

create table control.change (
    xid     xid8 not null default pg_current_xact_id(),
    id      uuid not null,
    at      timestamptz not null,
    kind    text not null,
    subject uuid not null,
    primary key (xid, id)
);

create table control.jobs (
    id            uuid primary key,
    kind          text not null,
    payload       bytea not null,
    due_at        timestamptz not null,
    created_at    timestamptz not null,
    attempts      integer not null default 0,
    claimed_until timestamptz,
    finished_at   timestamptz,
    failed_at     timestamptz,
    last_error    text
);
create index jobs_due on control.jobs (due_at) where finished_at is null and failed_at is null;

-- ------------------------------------------------------------------ in every schema: audit, events, subject keys

do $$
declare
    s text;
begin
    foreach s in array array['control', 'live', 'test'] loop
        execute format($t$
            create table %1$I.audit (
                tenant_id   uuid not null,
                id          uuid not null,
                version     smallint not null,
                at          timestamptz not null,
                actor_type  text not null check (actor_type in ('USER', 'SYSTEM')),
                actor_kind  text not null,
                actor_id    text not null,
                subject_id  uuid not null,
                action      text not null,
                entity_type text not null,
                entity_id   text not null,
                request_id  text,
                metadata    jsonb not null,
                changes     jsonb not null,
                personal    bytea not null,
                digests     jsonb not null,
                leaf_hash   bytea not null check (length(leaf_hash) = 32),
                primary key (tenant_id, id)
            ) partition by range (id);
            create index audit_action on %1$I.audit (tenant_id, action, id);
            create index audit_actor on %1$I.audit (tenant_id, actor_id, id);
            create index audit_entity on %1$I.audit (tenant_id, entity_type, entity_id, id);

            create table %1$I.audit_leaves (
                tenant_id  uuid not null,
                leaf_index bigint not null check (leaf_index >= 0),
                audit_id   uuid not null,
                leaf_hash  bytea not null,
                sealed_at  timestamptz not null,
                primary key (tenant_id, leaf_index)
            );

            create table %1$I.subject_keys (
                tenant_id  uuid not null,
                subject_id uuid not null,
                sealed     bytea not null,
                created_at timestamptz not null,
                primary key (tenant_id, subject_id)
            );

            create table %1$I.events (
                tenant_id uuid not null,
                id        uuid not null,
                at        timestamptz not null,
                type      text not null,
                data      jsonb not null,
                primary key (tenant_id, id)
            ) partition by range (id);
        $t$, s);
    end loop;

    -- What exists once a mode.
    foreach s in array array['live', 'test'] loop
        execute format($t$
            create table %1$I.api_keys (
                tenant_id  uuid not null,
                id         uuid not null,
                name       text not null check (length(name) between 1 and 100),
                digest     bytea not null check (length(digest) = 32),
                start      text not null check (length(start) = 8),
                scopes     text[] not null,
                created_by uuid,
                created_at timestamptz not null,
                expires_at timestamptz,
                revoked_at timestamptz,
                last_used_at timestamptz,
                primary key (tenant_id, id),
                unique (tenant_id, digest)
            );
            create index api_keys_live on %1$I.api_keys (tenant_id) where revoked_at is null;
        $t$, s);
    end loop;
end
$$;

-- ------------------------------------------------------------------ audit rows stay as they are (AUD-1, AUD-4)

create function control.refuse_change() returns trigger language plpgsql set search_path = '' as $$
begin
    raise exception 'audit rows are append-only' using errcode = 'insufficient_privilege';
end
$$;

do $$
declare
    s text;
begin
    foreach s in array array['control', 'live', 'test'] loop
        execute format('create trigger append_only before update or delete on %I.audit
                        for each row execute function control.refuse_change()', s);
        execute format('create trigger no_truncate before truncate on %I.audit
                        for each statement execute function control.refuse_change()', s);
    end loop;
end
$$;

-- ------------------------------------------------------------------ partitions by month of the UUIDv7

create function doors.uuid7_floor(at timestamptz) returns uuid
language sql immutable strict set search_path = '' as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- Owned by tenantry_owner, the one exception: only a table's owner can add a partition to it.
create function doors.ensure_partitions(from_at timestamptz, months integer) returns integer
language plpgsql security definer set search_path = '' as $$
declare
    s text; t text; m integer; low timestamptz; high timestamptz; child text; made integer := 0;
begin
    if months not between 0 and 36 then
        raise exception 'months must be between 0 and 36';
    end if;
    foreach s in array array['control', 'live', 'test'] loop
        foreach t in array array['audit', 'events'] loop
            for m in 0..months loop
                low := (date_trunc('month', from_at at time zone 'UTC') + make_interval(months => m)) at time zone 'UTC';
                high := ((low at time zone 'UTC') + interval '1 month') at time zone 'UTC';
                child := t || to_char(low at time zone 'UTC', '_YYYY_MM');
                continue when exists (
                    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = s and c.relname = child);
                execute format('create table %I.%I partition of %I.%I for values from (%L) to (%L)',
                               s, child, s, t, doors.uuid7_floor(low), doors.uuid7_floor(high));
                execute format('alter table %I.%I enable row level security', s, child);
                execute format('alter table %I.%I force row level security', s, child);
                if t = 'audit' then
                    execute format('create trigger no_truncate before truncate on %I.%I
                                    for each statement execute function control.refuse_change()', s, child);
                end if;
                made := made + 1;
            end loop;
        end loop;
    end loop;
    return made;
end
$$;

-- ------------------------------------------------------------------ the second wall: FORCEd row level security

do $$
declare
    s text;
    t text;
begin
    for s, t in
        select n.nspname, c.relname
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('control', 'live', 'test') and c.relkind in ('r', 'p')
    loop
        execute format('alter table %I.%I enable row level security', s, t);
        execute format('alter table %I.%I force row level security', s, t);
    end loop;

    foreach t in array array['persons', 'identities', 'sessions'] loop
        execute format('create policy person on control.%I to tenantry_control
            using (person_id = current_setting(''tenantry.person'')::uuid)
            with check (person_id = current_setting(''tenantry.person'')::uuid)', t);
    end loop;

    for s, t in
        select n.nspname, c.relname
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('control', 'live', 'test') and c.relkind in ('r', 'p') and c.relname in
            ('tenants', 'memberships', 'audit', 'audit_leaves', 'subject_keys', 'events', 'api_keys')
    loop
        execute format('create policy tenant on %I.%I to %I
            using (tenant_id = current_setting(''tenantry.tenant'')::uuid)
            with check (tenant_id = current_setting(''tenantry.tenant'')::uuid)',
            s, t, 'tenantry_' || s);
    end loop;
end
$$;

-- The operator's login: the list of tenants, their status, and the audit rows of what it does to them.
create policy operator on control.tenants to tenantry_operator using (true) with check (true);
create policy operator_audit on control.audit to tenantry_operator
    using (tenant_id = current_setting('tenantry.tenant')::uuid)
    with check (tenant_id = current_setting('tenantry.tenant')::uuid);
create policy operator_keys on control.subject_keys to tenantry_operator
    using (tenant_id = current_setting('tenantry.tenant')::uuid)
    with check (tenant_id = current_setting('tenantry.tenant')::uuid);
create policy operator_events on control.events to tenantry_operator
    using (tenant_id = current_setting('tenantry.tenant')::uuid)
    with check (tenant_id = current_setting('tenantry.tenant')::uuid);

-- The job runner: the queue, and nothing else.
create policy jobs on control.jobs to tenantry_jobs using (true) with check (true);

-- ------------------------------------------------------------------ grants: never ALL, never TRUNCATE

-- Columns by name: an insert of all of them could make platform staff, or a tenant in another status than a new one's.
grant select, insert (person_id, email, email_lower, name, status, created_at, verified_at) on control.persons to tenantry_control;
grant update (email, email_lower, name, status, verified_at) on control.persons to tenantry_control;
grant select, insert, delete on control.identities to tenantry_control;
grant update (secret, changed_at) on control.identities to tenantry_control;
grant select, insert on control.sessions to tenantry_control;
grant update (counter, rotated_at, successor_used_at, last_seen_at, ended_at, end_reason) on control.sessions to tenantry_control;

grant select, insert (tenant_id, slug, name, status_at, plan, created_at) on control.tenants to tenantry_control;
grant update (name) on control.tenants to tenantry_control;
grant select, insert, update, delete on control.memberships to tenantry_control;

grant select on control.tenants to tenantry_operator;
grant update (status, status_reason, status_at) on control.tenants to tenantry_operator;
grant select, insert on control.audit, control.events, control.subject_keys to tenantry_operator;

grant select, insert on control.audit, control.events, control.subject_keys to tenantry_control;
grant select, insert on live.audit, live.events, live.subject_keys to tenantry_live;
grant select, insert on test.audit, test.events, test.subject_keys to tenantry_test;
grant select on control.audit_leaves to tenantry_control;
grant select on live.audit_leaves to tenantry_live;
grant select on test.audit_leaves to tenantry_test;

grant select, insert on live.api_keys to tenantry_live;
grant select, insert on test.api_keys to tenantry_test;
grant update (revoked_at, last_used_at) on live.api_keys to tenantry_live;
grant update (revoked_at, last_used_at) on test.api_keys to tenantry_test;

grant select, update, delete on control.jobs to tenantry_jobs;
