-- A key carries the power of whoever is behind it: which person, and in which role (AC-3).

do $$
declare
    s text;
begin
    foreach s in array array['live', 'test'] loop
        execute format($t$
            alter table %1$I.api_keys
                add column person_behind uuid,
                add column role_behind text check (length(role_behind) between 1 and 64);
            comment on column %1$I.api_keys.person_behind is 'Who made it, or is behind the key that made it. They are not changed or removed by it.';
            comment on column %1$I.api_keys.role_behind is 'Their role when it was made: the key reaches no higher. Null: it gives and takes no role with a rank.';
        $t$, s);
    end loop;
end
$$;

-- Keys of before. What their makers are now is no more than they could pass on now; a key of a key has what that one
-- has. Of whoever has left nobody knows the role. The owner of the tables sees no row while row level security is forced.
alter table control.memberships no force row level security;
do $$
declare
    s text;
    inherited bigint;
begin
    foreach s in array array['live', 'test'] loop
        execute format($t$
            alter table %1$I.api_keys no force row level security;
            update %1$I.api_keys set person_behind = created_by;
            update %1$I.api_keys k set role_behind = m.role from control.memberships m
            where m.tenant_id = k.tenant_id and m.person_id = k.person_behind;
        $t$, s);
        loop
            execute format($t$
                update %1$I.api_keys k set person_behind = p.person_behind, role_behind = p.role_behind
                from %1$I.api_keys p
                where k.person_behind is null and p.tenant_id = k.tenant_id and p.id = k.created_by_key
                  and p.person_behind is not null
            $t$, s);
            get diagnostics inherited = row_count;
            exit when inherited = 0;
        end loop;
        execute format('alter table %I.api_keys force row level security', s);
    end loop;
end
$$;
alter table control.memberships force row level security;

-- As before, with who is behind the key.
drop function doors.key_that_acts(uuid);
create function doors.key_that_acts(wanted uuid)
returns table (scopes text[], expires_at timestamptz, revoked_at timestamptz, person_behind uuid, role_behind text)
language sql strict security definer set search_path = '' as $$
    select k.scopes, k.expires_at, k.revoked_at, k.person_behind, k.role_behind from live.api_keys k
    where k.tenant_id = current_setting('tenantry.tenant')::uuid and k.id = wanted for share
$$;

grant select (person_behind, role_behind) on live.api_keys to tenantry_door_key_that_acts;
grant execute on function doors.key_that_acts(uuid) to tenantry_control;
grant create on schema doors to tenantry_door_key_that_acts;
alter function doors.key_that_acts(uuid) owner to tenantry_door_key_that_acts;
revoke create on schema doors from tenantry_door_key_that_acts;
