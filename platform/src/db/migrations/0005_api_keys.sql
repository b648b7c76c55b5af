-- Keys that rotate, are told apart by network, are edited, warned about and deleted (KEY-1, KEY-2, KEY-3, KEY-5).

do $$
declare
    s text;
begin
    foreach s in array array['live', 'test'] loop
        execute format($t$
            alter table %1$I.api_keys
                add column version bigint not null default 1,
                add column allowed_networks text[] not null default '{}' check (cardinality(allowed_networks) <= 32),
                add column created_by_key uuid,
                add column rotated_from uuid,
                add column replaced_by uuid,
                add column warned_days integer,
                add constraint api_keys_rotated_from foreign key (tenant_id, rotated_from)
                    references %1$I.api_keys (tenant_id, id) on delete set null (rotated_from),
                add constraint api_keys_replaced_by foreign key (tenant_id, replaced_by)
                    references %1$I.api_keys (tenant_id, id) on delete set null (replaced_by);
            -- One successor a key, whoever rotates it at the same time.
            create unique index api_keys_successor on %1$I.api_keys (tenant_id, rotated_from) where rotated_from is not null;
            create index api_keys_replaced on %1$I.api_keys (tenant_id, replaced_by) where replaced_by is not null;
            create index api_keys_ending on %1$I.api_keys (expires_at)
                where revoked_at is null and replaced_by is null and expires_at is not null;
            comment on column %1$I.api_keys.allowed_networks is 'CIDR, canonical. Empty: from anywhere.';
            comment on column %1$I.api_keys.warned_days is 'The warning that was sent last: so many days before the end.';
            grant delete on %1$I.api_keys to %2$I;
            grant update (name, allowed_networks, version, expires_at, replaced_by, warned_days) on %1$I.api_keys to %2$I;
        $t$, s, 'tenantry_' || s);
    end loop;
end
$$;

-- Many rows, all of the tenant in the context: names of the people who made its keys, also of those who have left. Of
-- whoever made none here, nothing is told.
create function doors.makers_of_keys(makers uuid[]) returns table (person_id uuid, name text, is_member boolean)
language sql stable strict security definer set search_path = '' as $$
    select p.person_id, p.name,
           exists (select from control.memberships m
                   where m.tenant_id = current_setting('tenantry.tenant')::uuid and m.person_id = p.person_id)
    from control.persons p
    where p.person_id = any (makers)
      and (exists (select from live.api_keys k
                   where k.tenant_id = current_setting('tenantry.tenant')::uuid and k.created_by = p.person_id)
        or exists (select from test.api_keys k
                   where k.tenant_id = current_setting('tenantry.tenant')::uuid and k.created_by = p.person_id))
    limit 200
$$;

-- Many rows, all of the tenant in the context: who is told of a key's end. Its maker, while they are a member, comes
-- first; then the owners. Not strict: a key may have been made by another key.
create function doors.contacts_of_key(maker uuid)
returns table (person_id uuid, email text, role text, is_owner boolean)
language sql stable security definer set search_path = '' as $$
    select p.person_id, p.email, m.role, m.owner
    from control.memberships m join control.persons p on p.person_id = m.person_id
    where m.tenant_id = current_setting('tenantry.tenant')::uuid and p.status = 'active'
      and (m.person_id = maker or m.owner)
    order by m.person_id is distinct from maker, m.created_at, m.person_id limit 20
$$;

-- Many rows, of all tenants that are served: ids of the keys about whose end nobody was told yet, for the schedule
-- alone. A key that lives no longer than a threshold is not warned about at it.
create function doors.keys_ending(at timestamptz, thresholds integer[], after uuid, most integer)
returns table (mode text, tenant_id uuid, id uuid, days integer)
language sql stable strict security definer set search_path = '' as $$
    select k.mode, k.tenant_id, k.id, due.days
    from (select 'live' as mode, l.tenant_id, l.id, l.created_at, l.expires_at, l.warned_days from live.api_keys l
          where l.revoked_at is null and l.replaced_by is null and l.expires_at is not null
            and l.expires_at > at and l.expires_at <= at + make_interval(days => thresholds[1])
          union all
          select 'test', t.tenant_id, t.id, t.created_at, t.expires_at, t.warned_days from test.api_keys t
          where t.revoked_at is null and t.replaced_by is null and t.expires_at is not null
            and t.expires_at > at and t.expires_at <= at + make_interval(days => thresholds[1])) k
    join control.tenants o on o.tenant_id = k.tenant_id and o.status in ('active', 'past_due')
    cross join lateral (
        select min(d) as days from unnest(thresholds) d
        where k.expires_at <= at + make_interval(days => d) and k.expires_at > k.created_at + make_interval(days => d)) due
    where due.days is not null and (k.warned_days is null or k.warned_days > due.days) and k.id > after
    order by k.id limit least(most, 1000)
$$;

-- What each door's owner may touch: for the schedule the columns that decide, and no name, digest or scope.
do $$
declare
    door text;
    s text;
    relation text;
    privileges text;
begin
    for door, s, relation, privileges in values
        ('makers_of_keys', 'control', 'persons', 'select (person_id, name)'),
        ('makers_of_keys', 'control', 'memberships', 'select (tenant_id, person_id)'),
        ('makers_of_keys', 'live', 'api_keys', 'select (tenant_id, created_by)'),
        ('makers_of_keys', 'test', 'api_keys', 'select (tenant_id, created_by)'),
        ('contacts_of_key', 'control', 'persons', 'select (person_id, email, status)'),
        ('contacts_of_key', 'control', 'memberships', 'select (tenant_id, person_id, role, owner, created_at)'),
        ('keys_ending', 'control', 'tenants', 'select (tenant_id, status)'),
        ('keys_ending', 'live', 'api_keys', 'select (tenant_id, id, created_at, expires_at, revoked_at, replaced_by, warned_days)'),
        ('keys_ending', 'test', 'api_keys', 'select (tenant_id, id, created_at, expires_at, revoked_at, replaced_by, warned_days)')
    loop
        execute format('grant usage on schema %I to %I', s, 'tenantry_door_' || door);
        execute format('grant %s on %I.%I to %I', privileges, s, relation, 'tenantry_door_' || door);
        execute format('create policy %I on %I.%I to %I using (true) with check (true)',
                       'door_' || door, s, relation, 'tenantry_door_' || door);
    end loop;
end
$$;

revoke execute on function
    doors.makers_of_keys(uuid[]), doors.contacts_of_key(uuid),
    doors.keys_ending(timestamptz, integer[], uuid, integer)
from public;
grant execute on function
    doors.makers_of_keys(uuid[]), doors.contacts_of_key(uuid),
    doors.keys_ending(timestamptz, integer[], uuid, integer)
to tenantry_control;

-- Each door to its own owner, as in 0002.
do $$
declare
    f record;
begin
    for f in
        select p.oid::regprocedure::text as signature, 'tenantry_door_' || p.proname as owner
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('makers_of_keys', 'contacts_of_key', 'keys_ending')
    loop
        execute format('grant create on schema doors to %I', f.owner);
        execute format('alter function %s owner to %I', f.signature, f.owner);
        execute format('revoke create on schema doors from %I', f.owner);
    end loop;
end
$$;
