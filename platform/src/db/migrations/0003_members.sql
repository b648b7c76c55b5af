-- Members: who owns a workspace, who is invited to it, and that it never stands without an owner (AC-3, AC-16).

-- ------------------------------------------------------------------ memberships

alter table control.memberships
    add column owner boolean not null default false,
    add column version bigint not null default 1;
comment on column control.memberships.owner is 'The configured owner''s role, as it was given: a renamed role leaves nobody without an owner.';

-- Until now the owner's role went to whoever made the workspace, under a name that only the configuration knows: it
-- is the role of the first member. The owner of the tables sees no row while row level security is forced on it.
alter table control.memberships no force row level security;
update control.memberships m set owner = true
where m.role = (select f.role from control.memberships f where f.tenant_id = m.tenant_id
                order by f.created_at, f.person_id limit 1);
alter table control.memberships force row level security;

-- ------------------------------------------------------------------ at least one owner, whoever is taken away

-- Two that are taken away at once wait for each other at the tenant's row, and the second one looks at what the first
-- has left. That needs a snapshot of its own for each statement: in a stricter isolation it would look at the past.
create function doors.keep_an_owner() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    concerned uuid[];
    tenant uuid;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'owners are taken away in READ COMMITTED alone' using errcode = 'feature_not_supported';
    end if;
    if tg_table_name = 'memberships' then
        concerned := array[old.tenant_id];
    else
        concerned := array(select m.tenant_id from control.memberships m
                           where m.person_id = old.person_id and m.owner order by m.tenant_id);
    end if;
    foreach tenant in array concerned loop
        perform 1 from control.tenants t where t.tenant_id = tenant for no key update;
        -- The tenant itself is going.
        continue when not found;
        if not exists (select from control.memberships m join control.persons p on p.person_id = m.person_id
                       where m.tenant_id = tenant and m.owner and p.status = 'active') then
            raise exception 'a workspace keeps at least one owner'
                using errcode = 'check_violation', constraint = 'memberships_keep_an_owner';
        end if;
    end loop;
    return null;
end
$$;

create trigger keep_an_owner_on_change after update on control.memberships for each row
    when (old.owner and (not new.owner or new.tenant_id <> old.tenant_id or new.person_id <> old.person_id))
    execute function doors.keep_an_owner();
create trigger keep_an_owner_on_delete after delete on control.memberships for each row
    when (old.owner) execute function doors.keep_an_owner();
-- A person who is no longer active owns nothing that could be reached.
create trigger keep_an_owner after update on control.persons for each row
    when (old.status = 'active' and new.status <> 'active')
    execute function doors.keep_an_owner();

-- ------------------------------------------------------------------ invitations

create table control.invitations (
    tenant_id   uuid not null references control.tenants (tenant_id) on delete cascade,
    id          uuid not null,
    digest      bytea not null check (length(digest) = 32),
    email       text not null check (length(email) <= 254),
    email_lower text not null,
    role        text not null check (length(role) between 1 and 64),
    invited_by  uuid,
    created_at  timestamptz not null,
    sent_at     timestamptz not null,
    expires_at  timestamptz not null,
    accepted_at timestamptz,
    accepted_by uuid,
    revoked_at  timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, digest)
);
comment on column control.invitations.invited_by is 'The person; null when a key did. No reference: an invitation outlives an account.';
-- One open invitation an address.
create unique index invitations_open on control.invitations (tenant_id, email_lower)
    where accepted_at is null and revoked_at is null;

alter table control.invitations enable row level security;
alter table control.invitations force row level security;
create policy tenant on control.invitations to tenantry_control
    using (tenant_id = current_setting('tenantry.tenant')::uuid)
    with check (tenant_id = current_setting('tenantry.tenant')::uuid);
grant select, insert on control.invitations to tenantry_control;
grant update (digest, email, role, invited_by, sent_at, expires_at, accepted_at, accepted_by, revoked_at)
    on control.invitations to tenantry_control;

-- ------------------------------------------------------------------ doors

-- Many rows, all of the tenant in the context: as before, with what makes somebody an owner and the row's version.
drop function doors.members_of_tenant(uuid);
create function doors.members_of_tenant(after uuid)
returns table (person_id uuid, name text, email text, status text, role text, created_at timestamptz,
               owner boolean, version bigint)
language sql stable strict security definer set search_path = '' as $$
    select p.person_id, p.name, p.email, p.status, m.role, m.created_at, m.owner, m.version
    from control.memberships m join control.persons p on p.person_id = m.person_id
    where m.tenant_id = current_setting('tenantry.tenant')::uuid and m.person_id > after
    order by m.person_id limit 200
$$;

create function doors.member_of_tenant(wanted uuid)
returns table (person_id uuid, name text, email text, status text, role text, created_at timestamptz,
               owner boolean, version bigint)
language sql stable strict security definer set search_path = '' as $$
    select p.person_id, p.name, p.email, p.status, m.role, m.created_at, m.owner, m.version
    from control.memberships m join control.persons p on p.person_id = m.person_id
    where m.tenant_id = current_setting('tenantry.tenant')::uuid and m.person_id = wanted
$$;

-- What ended long ago holds an address for nothing.
create function doors.sweep_invitations(before timestamptz) returns bigint
language sql strict security definer set search_path = '' as $$
    with gone as (
        delete from control.invitations i
        where coalesce(i.accepted_at, i.revoked_at, i.expires_at) < before returning 1)
    select count(*) from gone
$$;

-- What each door's owner may touch.
do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('keep_an_owner', 'memberships', 'select'),
        ('keep_an_owner', 'persons', 'select (person_id, status)'),
        ('keep_an_owner', 'tenants', 'select, update (name)'),
        ('member_of_tenant', 'memberships', 'select'),
        ('member_of_tenant', 'persons', 'select'),
        ('sweep_invitations', 'invitations', 'select, delete')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
end
$$;

-- Who may go through which door.
grant execute on function doors.members_of_tenant(uuid), doors.member_of_tenant(uuid) to tenantry_control;
grant execute on function doors.sweep_invitations(timestamptz) to tenantry_jobs;

-- Each door to its own owner. The right to create in the schema is lent for the moment that the hand-over needs.
do $$
declare
    signature text;
    owner text;
begin
    foreach signature in array array['doors.keep_an_owner()', 'doors.members_of_tenant(uuid)',
                                     'doors.member_of_tenant(uuid)', 'doors.sweep_invitations(timestamptz)'] loop
        owner := 'tenantry_door_' || substring(signature from 'doors\.([a-z_]+)\(');
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
