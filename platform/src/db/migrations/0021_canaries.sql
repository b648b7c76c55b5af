-- The canaries of posture, tenants and people, have ids that no clock can draw (their time is 1970): no app that keeps a
-- table of its own hears of them.

-- As before, and nothing of a canary. clock_timestamp: of a long transaction, when it changed the thing and not when it began.
create or replace function doors.note_in_directory() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    thing jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
    nothing constant text := '00000000-0000-0000-0000-000000000000';
begin
    if coalesce(thing ->> 'person_id', thing ->> 'tenant_id')::uuid < '00000001-0000-0000-0000-000000000000'
       or coalesce(thing ->> 'tenant_id', thing ->> 'person_id')::uuid < '00000001-0000-0000-0000-000000000000' then
        return null;
    end if;
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

-- The owner of the tables sees no row while row level security is forced on it.
alter table control.directory no force row level security;
delete from control.directory d
where d.kind = 'tenant' and d.tenant_id < '00000001-0000-0000-0000-000000000000';
alter table control.directory force row level security;
