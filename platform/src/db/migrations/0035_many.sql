-- What grows is bounded where somebody would not see it: the workspaces of one person, and the rows that a start reads.

-- Everything that a session knows is loaded at once, up to 200 workspaces. Whoever joined one more could not enter it, and
-- nobody would be told. Two who join at once wait for one another.
create function doors.bound_memberships() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('memberships ' || new.person_id::text, 0));
    if (select count(*) from control.memberships m where m.person_id = new.person_id) >= 200
       and not exists (select from control.memberships m
                       where m.person_id = new.person_id and m.tenant_id = new.tenant_id) then
        raise exception 'a person is in 200 workspaces at most'
            using errcode = 'check_violation', constraint = 'memberships_of_a_person';
    end if;
    return new;
end
$$;

-- How passwords are stored, from some hundred thousand of them: enough for the shares, and as fast with ten million.
create function doors.password_hash_sample() returns table (kind text, hashes bigint)
language plpgsql stable security definer set search_path = '' as $$
declare
    share real := (select least(100, 100 * 100000 / greatest(c.reltuples, 1))::real from pg_catalog.pg_class c
                   where c.oid = 'control.identities'::regclass);
begin
    return query
    select coalesce(substring(i.secret from '^(?:\$2b\$[0-9]{2}(?=\$)|\$[a-z0-9-]+\$(?:v=[0-9]+\$)?[a-z]+=[0-9]+(?:,[a-z]+=[0-9]+)*)'),
                    'in another form'), count(*)
    from control.identities i tablesample system (share) where i.kind = 'password' and i.secret is not null group by 1;
end
$$;

do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('bound_memberships', 'memberships', 'select (tenant_id, person_id)'),
        ('password_hash_sample', 'identities', 'select (kind, secret)')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
        execute format('revoke execute on function doors.%I() from public', door);
        execute format('grant create on schema doors to %I', 'tenantry_door_' || door);
        execute format('alter function doors.%I() owner to %I', door, 'tenantry_door_' || door);
        execute format('revoke create on schema doors from %I', 'tenantry_door_' || door);
    end loop;
end
$$;

grant execute on function doors.password_hash_sample() to tenantry_control;
create trigger bound_memberships before insert on control.memberships
    for each row execute function doors.bound_memberships();
