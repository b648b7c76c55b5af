-- The schema tells what it is: `serve` starts on its own alone.

-- Many rows, one a migration: what was applied, and the digest of its text.
create function doors.applied_migrations() returns table (name text, digest text)
language sql stable security definer set search_path = '' as $$
    select a.name, a.digest from migrations.applied a order by a.name
$$;

grant usage on schema migrations to tenantry_door_applied_migrations;
grant select (name, digest) on migrations.applied to tenantry_door_applied_migrations;
revoke execute on function doors.applied_migrations() from public;
grant execute on function doors.applied_migrations() to tenantry_control;

-- To its own owner, as in 0002.
grant create on schema doors to tenantry_door_applied_migrations;
alter function doors.applied_migrations() owner to tenantry_door_applied_migrations;
revoke create on schema doors from tenantry_door_applied_migrations;
