-- The doors: every function that looks across tenants or people (AC-8).
--
-- Each is SECURITY DEFINER with an empty search_path, matches exactly, answers one row unless it says why not,
-- and belongs to a NOLOGIN role of its own that can touch what this one function needs and nothing else.

create function doors.person_by_email(address text) returns table (person_id uuid)
language sql stable strict security definer set search_path = '' as $$
    select e.person_id from control.emails e where e.email_lower = address
$$;

create function doors.claim_email(address text, person uuid) returns boolean
language sql strict security definer set search_path = '' as $$
    with claimed as (
        insert into control.emails (email_lower, person_id) values (address, person)
        on conflict (email_lower) do nothing returning true)
    select exists (select from claimed)
$$;

create function doors.tenant_by_slug(wanted text)
returns table (tenant_id uuid, name text, status text, plan text)
language sql stable strict security definer set search_path = '' as $$
    select t.tenant_id, t.name, t.status, t.plan
    from control.slugs s join control.tenants t on t.tenant_id = s.tenant_id
    where s.slug = wanted and s.claimed
$$;

-- Many rows, for platform staff alone: every tenant with what its own context would tell of it.
create function doors.tenant_overview(wanted text, of_status text, owner_role text, before uuid, most integer)
returns table (tenant_id uuid, slug text, name text, status text, status_reason text, plan text,
               created_at timestamptz, members bigint, owner text)
language sql stable strict security definer set search_path = '' as $$
    select t.tenant_id, t.slug, t.name, t.status, t.status_reason, t.plan, t.created_at,
           (select count(*) from control.memberships m where m.tenant_id = t.tenant_id),
           (select p.email from control.memberships m join control.persons p on p.person_id = m.person_id
            where m.tenant_id = t.tenant_id and m.role = owner_role order by m.created_at, m.person_id limit 1)
    from control.tenants t
    where t.tenant_id < before
      and (of_status = '' or t.status = of_status)
      and (wanted = '' or t.tenant_id::text = lower(wanted)
           or position(lower(wanted) in t.slug) > 0 or position(lower(wanted) in lower(t.name)) > 0)
    order by t.tenant_id desc limit least(most, 200)
$$;

-- A slug is held for one sign-up until its link expires; an expired hold gives way, and one's own is renewed.
create function doors.reserve_slug(wanted text, tenant uuid, until timestamptz, at timestamptz) returns boolean
language sql strict security definer set search_path = '' as $$
    with held as (
        insert into control.slugs (slug, tenant_id, reserved_until) values (wanted, tenant, until)
        on conflict (slug) do update set tenant_id = excluded.tenant_id, reserved_until = excluded.reserved_until
            where not slugs.claimed and (slugs.reserved_until < at or slugs.tenant_id = excluded.tenant_id)
        returning true)
    select exists (select from held)
$$;

create function doors.claim_slug(wanted text, tenant uuid) returns boolean
language sql strict security definer set search_path = '' as $$
    with claimed as (
        update control.slugs set claimed = true where slug = wanted and tenant_id = tenant and not claimed
        returning true)
    select exists (select from claimed)
$$;

-- Many rows, all of the person in the context: at most as many workspaces as one person can see in a list.
create function doors.memberships_of_person()
returns table (tenant_id uuid, slug text, name text, status text, plan text, role text)
language sql stable security definer set search_path = '' as $$
    select t.tenant_id, t.slug, t.name, t.status, t.plan, m.role
    from control.memberships m join control.tenants t on t.tenant_id = m.tenant_id
    where m.person_id = current_setting('tenantry.person')::uuid
    order by t.name, t.tenant_id limit 200
$$;

-- Many rows, all of the tenant in the context: names for the people that it already lists as members.
create function doors.members_of_tenant(after uuid)
returns table (person_id uuid, name text, email text, status text, role text, created_at timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select p.person_id, p.name, p.email, p.status, m.role, m.created_at
    from control.memberships m join control.persons p on p.person_id = m.person_id
    where m.tenant_id = current_setting('tenantry.tenant')::uuid and m.person_id > after
    order by m.person_id limit 200
$$;

create function doors.create_link(
    digest bytea, id uuid, kind text, person uuid, data bytea, at timestamptz, expires timestamptz) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.links (digest, id, kind, person_id, data, created_at, expires_at)
    values (digest, id, kind, person, data, at, expires)
$$;

create function doors.peek_link(wanted bytea, of_kind text, at timestamptz)
returns table (id uuid, person_id uuid, data bytea)
language sql stable strict security definer set search_path = '' as $$
    select l.id, l.person_id, l.data from control.links l
    where l.digest = wanted and l.kind = of_kind and l.used_at is null and l.expires_at > at
$$;

create function doors.use_link(wanted bytea, of_kind text, at timestamptz)
returns table (id uuid, person_id uuid, data bytea)
language sql strict security definer set search_path = '' as $$
    update control.links l set used_at = at
    where l.digest = wanted and l.kind = of_kind and l.used_at is null and l.expires_at > at
    returning l.id, l.person_id, l.data
$$;

create function doors.put_code(digest bytea, data bytea, expires timestamptz) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.codes (digest, data, expires_at) values (digest, data, expires)
$$;

create function doors.take_code(wanted bytea, at timestamptz) returns table (data bytea)
language sql strict security definer set search_path = '' as $$
    with taken as (delete from control.codes c where c.digest = wanted returning c.data, c.expires_at)
    select t.data from taken t where t.expires_at > at
$$;

-- Many rows: the few keys that still verify something.
create function doors.signing_keys(at timestamptz)
returns table (id uuid, purpose text, algorithm text, jwk jsonb, sealed bytea,
               signs_from timestamptz, signs_until timestamptz, verifies_until timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select k.id, k.purpose, k.algorithm, k.jwk, k.sealed, k.signs_from, k.signs_until, k.verifies_until
    from control.signing_keys k where k.verifies_until > at order by k.purpose, k.signs_from, k.id
$$;

-- One schedule on all nodes: of several that try at once, one adds the key.
create function doors.add_signing_key(
    key_id uuid, of_purpose text, with_algorithm text, public_jwk jsonb, sealed_private bytea,
    at timestamptz, from_at timestamptz, until timestamptz, verifies timestamptz, expected bigint) returns boolean
language plpgsql strict security definer set search_path = '' as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('tenantry.signing_keys.' || of_purpose, 0));
    if (select count(*) from control.signing_keys k where k.purpose = of_purpose and k.verifies_until > at) <> expected then
        return false;
    end if;
    update control.signing_keys k
        set signs_until = least(k.signs_until, from_at),
            verifies_until = least(k.verifies_until, from_at + (k.verifies_until - k.signs_until))
        where k.purpose = of_purpose and k.signs_until > from_at;
    insert into control.signing_keys
        (id, purpose, algorithm, jwk, sealed, created_at, signs_from, signs_until, verifies_until)
    values (key_id, of_purpose, with_algorithm, public_jwk, sealed_private, at, from_at, until, verifies);
    return true;
end
$$;

create function doors.canary() returns table (sealed bytea)
language sql stable security definer set search_path = '' as $$
    select c.sealed from control.canary c
$$;

create function doors.plant_canary(sealed_bytes bytea, at timestamptz) returns boolean
language sql strict security definer set search_path = '' as $$
    with planted as (
        insert into control.canary (sealed, created_at) values (sealed_bytes, at)
        on conflict (only_one) do nothing returning true)
    select exists (select from planted)
$$;

create function doors.announce(change_id uuid, change_kind text, change_subject uuid, at timestamptz) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.change (id, kind, subject, at) values (change_id, change_kind, change_subject, at);
    select pg_catalog.pg_notify('tenantry_change', '')
$$;

-- Many rows: all that are committed. Below the horizon everything is decided, so nothing can appear behind a reader
-- who goes on from there; a transaction that stays open holds the horizon back, and never what others committed.
create function doors.changes_since(after xid8, most integer)
returns table (xid xid8, id uuid, kind text, subject uuid, at timestamptz, horizon xid8)
language sql stable strict security definer set search_path = '' as $$
    select c.xid, c.id, c.kind, c.subject, c.at, h.horizon
    from (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as horizon) h
    left join lateral (
        select * from control.change c where c.xid >= after order by c.xid, c.id limit most) c on true
    order by c.xid, c.id
$$;

create function doors.enqueue_job(job_id uuid, job_kind text, sealed_payload bytea, due timestamptz, at timestamptz)
returns void
language sql strict security definer set search_path = '' as $$
    insert into control.jobs (id, kind, payload, due_at, created_at) values (job_id, job_kind, sealed_payload, due, at)
$$;

-- What nobody can use any more. An ended session is kept for a while, so that its reuse can still be told; a change
-- for far longer than a node goes on from where it stopped reading.
create function doors.sweep(at timestamptz, sessions_before timestamptz) returns bigint
language sql strict security definer set search_path = '' as $$
    with links as (delete from control.links l where l.expires_at < at returning 1),
         codes as (delete from control.codes c where c.expires_at < at returning 1),
         slugs as (delete from control.slugs s where not s.claimed and s.reserved_until < at returning 1),
         changes as (delete from control.change c where c.at < sweep.at - interval '1 day' returning 1),
         sessions as (delete from control.sessions s where s.expires_at < sessions_before returning 1)
    select (select count(*) from links) + (select count(*) from codes) + (select count(*) from slugs)
         + (select count(*) from changes) + (select count(*) from sessions)
$$;

-- Many rows, one a way of hashing: how passwords are stored, and how many so. No hash, no salt, no person.
create function doors.password_hash_kinds() returns table (kind text, hashes bigint)
language sql stable security definer set search_path = '' as $$
    select coalesce(substring(i.secret from '^\$[a-z0-9-]+\$(?:v=[0-9]+\$)?[a-z]+=[0-9]+(?:,[a-z]+=[0-9]+)*'), 'in another form'), count(*)
    from control.identities i where i.kind = 'password' and i.secret is not null group by 1
$$;

-- Since when a control finds what it finds. After an hour in which nobody looked, the time starts anew.
create function doors.note_verdict(of_control text, found text, found_at timestamptz) returns timestamptz
language sql strict security definer set search_path = '' as $$
    insert into control.verdicts as v (control, outcome, since, at) values (of_control, found, found_at, found_at)
    on conflict (control) do update set
        since = case when v.outcome = excluded.outcome and v.at > excluded.at - interval '1 hour' then v.since else excluded.at end,
        outcome = excluded.outcome,
        at = excluded.at
    returning v.since
$$;

-- For the owner's login alone: `tenantry operators`.
create function doors.set_operator(address text, wanted boolean) returns boolean
language sql strict security definer set search_path = '' as $$
    with changed as (
        update control.persons p set operator = wanted
        from control.emails e where e.email_lower = address and e.person_id = p.person_id
        returning true)
    select exists (select from changed)
$$;

-- What each door's owner may touch.
do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('person_by_email', 'emails', 'select'),
        ('claim_email', 'emails', 'select, insert'),
        ('tenant_by_slug', 'slugs', 'select'),
        ('tenant_by_slug', 'tenants', 'select'),
        ('tenant_overview', 'tenants', 'select'),
        ('tenant_overview', 'memberships', 'select'),
        ('tenant_overview', 'persons', 'select'),
        ('reserve_slug', 'slugs', 'select, insert, update'),
        ('claim_slug', 'slugs', 'select, update'),
        ('memberships_of_person', 'memberships', 'select'),
        ('memberships_of_person', 'tenants', 'select'),
        ('members_of_tenant', 'memberships', 'select'),
        ('members_of_tenant', 'persons', 'select'),
        ('create_link', 'links', 'insert'),
        ('peek_link', 'links', 'select'),
        ('use_link', 'links', 'select, update'),
        ('put_code', 'codes', 'insert'),
        ('take_code', 'codes', 'select, delete'),
        ('signing_keys', 'signing_keys', 'select'),
        ('add_signing_key', 'signing_keys', 'select, insert, update'),
        ('canary', 'canary', 'select'),
        ('plant_canary', 'canary', 'select, insert'),
        ('announce', 'change', 'insert'),
        ('changes_since', 'change', 'select'),
        ('enqueue_job', 'jobs', 'insert'),
        ('sweep', 'links', 'select, delete'),
        ('sweep', 'codes', 'select, delete'),
        ('sweep', 'slugs', 'select, delete'),
        ('sweep', 'change', 'select, delete'),
        ('sweep', 'sessions', 'select, delete'),
        ('note_verdict', 'verdicts', 'select, insert, update'),
        ('password_hash_kinds', 'identities', 'select (kind, secret)'),
        ('set_operator', 'emails', 'select'),
        ('set_operator', 'persons', 'select, update')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
end
$$;

-- Who may go through which door.
revoke execute on all functions in schema doors from public;

grant execute on function
    doors.person_by_email(text), doors.claim_email(text, uuid), doors.tenant_by_slug(text),
    doors.reserve_slug(text, uuid, timestamptz, timestamptz), doors.claim_slug(text, uuid),
    doors.memberships_of_person(), doors.members_of_tenant(uuid),
    doors.create_link(bytea, uuid, text, uuid, bytea, timestamptz, timestamptz),
    doors.peek_link(bytea, text, timestamptz), doors.use_link(bytea, text, timestamptz),
    doors.put_code(bytea, bytea, timestamptz), doors.take_code(bytea, timestamptz),
    doors.signing_keys(timestamptz),
    doors.add_signing_key(uuid, text, text, jsonb, bytea, timestamptz, timestamptz, timestamptz, timestamptz, bigint),
    doors.canary(), doors.plant_canary(bytea, timestamptz),
    doors.changes_since(xid8, integer), doors.password_hash_kinds(),
    doors.note_verdict(text, text, timestamptz)
to tenantry_control;

grant execute on function
    doors.announce(uuid, text, uuid, timestamptz),
    doors.enqueue_job(uuid, text, bytea, timestamptz, timestamptz)
to tenantry_control, tenantry_live, tenantry_test, tenantry_operator;

grant execute on function doors.enqueue_job(uuid, text, bytea, timestamptz, timestamptz) to tenantry_jobs;
grant execute on function doors.uuid7_floor(timestamptz), doors.ensure_partitions(timestamptz, integer) to tenantry_jobs;
grant execute on function doors.sweep(timestamptz, timestamptz) to tenantry_jobs;
grant execute on function doors.tenant_overview(text, text, text, uuid, integer) to tenantry_operator;
grant execute on function doors.set_operator(text, boolean) to tenantry_owner;

-- Each door to its own owner. The right to create in the schema is lent for the moment that the hand-over needs.
do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.prosecdef and p.proname <> 'ensure_partitions'
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
