-- The directory: what changed last of people, memberships and workspaces, for apps that keep tables of their own
-- (AC-2), and the platform's own keys that read it.

-- ------------------------------------------------------------------ the directory

-- One row a thing, also of one that is gone: what a list must still tell. The transaction's number gives the order:
-- below pg_snapshot_xmin everything is decided, so a reader that goes on from there misses nothing.
create table control.directory (
    kind       text not null check (kind in ('user', 'member', 'tenant')),
    tenant_id  uuid not null,
    person_id  uuid not null,
    xid        xid8 not null,
    changed_at timestamptz not null,
    is_deleted boolean not null,
    primary key (kind, tenant_id, person_id)
);
comment on table control.directory is 'The nil UUID stands where a kind has no tenant or no person.';
create index directory_order on control.directory (kind, xid, tenant_id, person_id);
create index directory_order_of_tenant on control.directory (tenant_id, xid, person_id) where kind = 'member';
create index directory_memberships on control.directory (person_id) where kind = 'member';
create index directory_changed_at on control.directory (kind, changed_at) include (xid);

-- clock_timestamp: of a long transaction, when it changed the thing and not when it began.
create function doors.note_in_directory() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    thing jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
    nothing constant text := '00000000-0000-0000-0000-000000000000';
begin
    insert into control.directory as d (kind, tenant_id, person_id, xid, changed_at, is_deleted)
    values (tg_argv[0], coalesce(thing ->> 'tenant_id', nothing)::uuid, coalesce(thing ->> 'person_id', nothing)::uuid,
            pg_current_xact_id(), clock_timestamp(), tg_op = 'DELETE')
    on conflict (kind, tenant_id, person_id) do update
        set xid = excluded.xid, changed_at = excluded.changed_at, is_deleted = excluded.is_deleted;
    -- A person's name and address stand in the lists of their workspaces' members too.
    if tg_argv[0] = 'user' and tg_op = 'UPDATE' then
        update control.directory d set xid = pg_current_xact_id(), changed_at = clock_timestamp()
        where d.kind = 'member' and d.person_id = new.person_id and not d.is_deleted;
    end if;
    return null;
end
$$;

create trigger note_in_directory after insert or delete on control.persons
    for each row execute function doors.note_in_directory('user');
create trigger note_change_in_directory after update on control.persons
    for each row when (old.* is distinct from new.*) execute function doors.note_in_directory('user');
create trigger note_in_directory after insert or delete on control.memberships
    for each row execute function doors.note_in_directory('member');
create trigger note_change_in_directory after update on control.memberships
    for each row when (old.* is distinct from new.*) execute function doors.note_in_directory('member');
create trigger note_in_directory after insert or delete on control.tenants
    for each row execute function doors.note_in_directory('tenant');
create trigger note_change_in_directory after update on control.tenants
    for each row when (old.* is distinct from new.*) execute function doors.note_in_directory('tenant');

-- What was there before. The owner of the tables sees no row while row level security is forced on it.
alter table control.persons no force row level security;
alter table control.memberships no force row level security;
alter table control.tenants no force row level security;
insert into control.directory
    select 'user', '00000000-0000-0000-0000-000000000000', p.person_id, pg_current_xact_id(), clock_timestamp(), false
    from control.persons p
    union all
    select 'member', m.tenant_id, m.person_id, pg_current_xact_id(), clock_timestamp(), false
    from control.memberships m
    union all
    select 'tenant', t.tenant_id, '00000000-0000-0000-0000-000000000000', pg_current_xact_id(), clock_timestamp(), false
    from control.tenants t;
alter table control.persons force row level security;
alter table control.memberships force row level security;
alter table control.tenants force row level security;

alter table control.directory enable row level security;
alter table control.directory force row level security;

-- ------------------------------------------------------------------ management keys

create table control.management_keys (
    id         uuid primary key,
    name       text not null check (length(name) between 1 and 100),
    digest     bytea not null unique check (length(digest) = 32),
    start      text not null check (length(start) = 8),
    scopes     text[] not null check (cardinality(scopes) > 0 and scopes <@ array['users:list', 'members:list', 'tenants:list']),
    created_at timestamptz not null,
    revoked_at timestamptz
);
comment on table control.management_keys is 'Keys of the platform, of no tenant. Made and revoked by the owner''s login alone.';
alter table control.management_keys enable row level security;
alter table control.management_keys force row level security;

-- ------------------------------------------------------------------ doors

-- The horizon of the lists: what has a greater number may still be joined by another.
-- Where a list begins that asks for a time: the smallest number of what changed since. A minute earlier than asked,
-- because a transaction that noted its change before that time may have committed after it.

-- Many rows: a page of everybody, for the platform's own app with `users:list`.
create function doors.directory_of_users(after xid8, after_person uuid, since timestamptz, most integer)
returns table (horizon xid8, xid xid8, changed_at timestamptz, person_id uuid, is_deleted boolean,
               email text, name text, status text, created_at timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select h.horizon, c.xid, c.changed_at, c.person_id, p.person_id is null, p.email, p.name, p.status, p.created_at
    from (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as horizon) h
    left join lateral (
        select d.xid, d.changed_at, d.person_id from control.directory d
        where d.kind = 'user' and d.xid < h.horizon and (d.xid, d.person_id) > (after, after_person)
          and d.xid >= coalesce((select min(s.xid) from control.directory s where since > 'epoch' and s.kind = 'user'
                                 and s.changed_at >= since - interval '1 minute'),
                                case when since > 'epoch' then h.horizon else '0'::xid8 end)
        order by d.xid, d.person_id limit least(most, 501)) c on true
    left join control.persons p on p.person_id = c.person_id
    order by c.xid, c.person_id
$$;

-- Many rows: a page of who belongs where, for the platform's own app with `members:list`.
create function doors.directory_of_members(
    after xid8, after_tenant uuid, after_person uuid, since timestamptz, most integer)
returns table (horizon xid8, xid xid8, changed_at timestamptz, tenant_id uuid, person_id uuid, is_deleted boolean,
               role text, owner boolean, created_at timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select h.horizon, c.xid, c.changed_at, c.tenant_id, c.person_id, m.person_id is null, m.role, m.owner, m.created_at
    from (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as horizon) h
    left join lateral (
        select d.xid, d.changed_at, d.tenant_id, d.person_id from control.directory d
        where d.kind = 'member' and d.xid < h.horizon
          and (d.xid, d.tenant_id, d.person_id) > (after, after_tenant, after_person)
          and d.xid >= coalesce((select min(s.xid) from control.directory s where since > 'epoch' and s.kind = 'member'
                                 and s.changed_at >= since - interval '1 minute'),
                                case when since > 'epoch' then h.horizon else '0'::xid8 end)
        order by d.xid, d.tenant_id, d.person_id limit least(most, 501)) c on true
    left join control.memberships m on m.tenant_id = c.tenant_id and m.person_id = c.person_id
    order by c.xid, c.tenant_id, c.person_id
$$;

-- Many rows: a page of all workspaces, for the platform's own app with `tenants:list`.
create function doors.directory_of_tenants(after xid8, after_tenant uuid, since timestamptz, most integer)
returns table (horizon xid8, xid xid8, changed_at timestamptz, tenant_id uuid, is_deleted boolean,
               slug text, name text, status text, plan text, created_at timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select h.horizon, c.xid, c.changed_at, c.tenant_id, t.tenant_id is null, t.slug, t.name, t.status, t.plan, t.created_at
    from (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as horizon) h
    left join lateral (
        select d.xid, d.changed_at, d.tenant_id from control.directory d
        where d.kind = 'tenant' and d.xid < h.horizon and (d.xid, d.tenant_id) > (after, after_tenant)
          and d.xid >= coalesce((select min(s.xid) from control.directory s where since > 'epoch' and s.kind = 'tenant'
                                 and s.changed_at >= since - interval '1 minute'),
                                case when since > 'epoch' then h.horizon else '0'::xid8 end)
        order by d.xid, d.tenant_id limit least(most, 501)) c on true
    left join control.tenants t on t.tenant_id = c.tenant_id
    order by c.xid, c.tenant_id
$$;

-- Many rows, all of the tenant in the context: its own members in the order of their changes, for its own keys.
create function doors.member_changes(after xid8, after_person uuid, since timestamptz, most integer)
returns table (horizon xid8, xid xid8, changed_at timestamptz, person_id uuid, is_deleted boolean, name text, email text,
               status text, role text, created_at timestamptz, owner boolean, version bigint)
language sql stable strict security definer set search_path = '' as $$
    select h.horizon, c.xid, c.changed_at, c.person_id, m.person_id is null, p.name, p.email, p.status, m.role, m.created_at,
           m.owner, m.version
    from (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as horizon) h
    left join lateral (
        select d.xid, d.changed_at, d.tenant_id, d.person_id from control.directory d
        where d.kind = 'member' and d.tenant_id = current_setting('tenantry.tenant')::uuid
          and d.xid < h.horizon and (d.xid, d.person_id) > (after, after_person)
          and d.xid >= coalesce((select min(s.xid) from control.directory s where since > 'epoch' and s.kind = 'member'
                                 and s.tenant_id = current_setting('tenantry.tenant')::uuid
                                 and s.changed_at >= since - interval '1 minute'),
                                case when since > 'epoch' then h.horizon else '0'::xid8 end)
        order by d.xid, d.person_id limit least(most, 501)) c on true
    left join control.memberships m on m.tenant_id = c.tenant_id and m.person_id = c.person_id
    left join control.persons p on p.person_id = m.person_id
    order by c.xid, c.person_id
$$;

create function doors.management_key(wanted bytea) returns table (id uuid, scopes text[])
language sql stable strict security definer set search_path = '' as $$
    select k.id, k.scopes from control.management_keys k where k.digest = wanted and k.revoked_at is null
$$;

-- For the owner's login alone: `tenantry management-keys`.
create function doors.create_management_key(
    key_id uuid, called text, key_digest bytea, begins text, with_scopes text[], at timestamptz) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.management_keys (id, name, digest, start, scopes, created_at)
    values (key_id, called, key_digest, begins, with_scopes, at);
    select doors.note_platform_act('management_key.created', key_id::text,
        pg_catalog.jsonb_build_object('name', called, 'start', begins, 'scopes', with_scopes))
$$;

-- Many rows, for the owner's login alone: the few keys of the platform, without what they are known by.
create function doors.list_management_keys()
returns table (id uuid, name text, start text, scopes text[], created_at timestamptz, revoked_at timestamptz)
language sql stable security definer set search_path = '' as $$
    select k.id, k.name, k.start, k.scopes, k.created_at, k.revoked_at from control.management_keys k
    order by k.id desc limit 1000
$$;

-- Asking again is safe: the first time counts, and is noted once.
create function doors.revoke_management_key(wanted uuid, at timestamptz) returns boolean
language plpgsql strict security definer set search_path = '' as $$
begin
    update control.management_keys k set revoked_at = at where k.id = wanted and k.revoked_at is null;
    if found then
        perform doors.note_platform_act('management_key.revoked', wanted::text, '{}');
        return true;
    end if;
    return exists (select from control.management_keys k where k.id = wanted);
end
$$;

-- What each door's owner may touch.
do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('note_in_directory', 'directory', 'select, insert, update'),
        ('directory_of_users', 'directory', 'select'),
        ('directory_of_users', 'persons', 'select (person_id, email, name, status, created_at)'),
        ('directory_of_members', 'directory', 'select'),
        ('directory_of_members', 'memberships', 'select'),
        ('directory_of_tenants', 'directory', 'select'),
        ('directory_of_tenants', 'tenants', 'select (tenant_id, slug, name, status, plan, created_at)'),
        ('member_changes', 'directory', 'select'),
        ('member_changes', 'memberships', 'select'),
        ('member_changes', 'persons', 'select (person_id, email, name, status)'),
        ('management_key', 'management_keys', 'select'),
        ('create_management_key', 'management_keys', 'insert'),
        ('list_management_keys', 'management_keys', 'select (id, name, start, scopes, created_at, revoked_at)'),
        ('revoke_management_key', 'management_keys', 'select, update (revoked_at)')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
end
$$;

grant usage on schema doors to tenantry_door_create_management_key, tenantry_door_revoke_management_key;
grant execute on function doors.note_platform_act(text, text, jsonb)
to tenantry_door_create_management_key, tenantry_door_revoke_management_key;

-- Who may go through which door. Nobody calls the trigger.
grant execute on function
    doors.directory_of_users(xid8, uuid, timestamptz, integer),
    doors.directory_of_members(xid8, uuid, uuid, timestamptz, integer),
    doors.directory_of_tenants(xid8, uuid, timestamptz, integer),
    doors.member_changes(xid8, uuid, timestamptz, integer),
    doors.management_key(bytea)
to tenantry_control;
grant execute on function
    doors.create_management_key(uuid, text, bytea, text, text[], timestamptz),
    doors.list_management_keys(), doors.revoke_management_key(uuid, timestamptz)
to tenantry_owner;

-- Each door to its own owner, as in 0002.
do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in (
            'note_in_directory', 'directory_of_users', 'directory_of_members', 'directory_of_tenants', 'member_changes',
            'management_key', 'create_management_key', 'list_management_keys', 'revoke_management_key')
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
