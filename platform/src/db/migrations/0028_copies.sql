-- Copies: a node that finds the database to be an older copy than it has seen says so here (KEY-3, ID-11). What was revoked
-- after the copy was made may work again, and nobody but whoever put it there can know.

create table control.copies (
    id              uuid primary key,
    noticed_at      timestamptz not null,
    node            text not null,
    -- What gave it away.
    sign            text not null,
    acknowledged_at timestamptz
);
comment on table control.copies is 'Nodes that found this database to be an older copy of what they had seen, until an operator has looked.';

alter table control.copies enable row level security;
alter table control.copies force row level security;

create function doors.note_copy(note_id uuid, at timestamptz, named text, given_away_by text) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.copies (id, noticed_at, node, sign) values (note_id, at, named, given_away_by)
$$;

-- How many nodes noticed one that nobody has acknowledged, and when the first did.
create function doors.copies_noticed() returns table (nodes bigint, since timestamptz)
language sql stable security definer set search_path = '' as $$
    select count(*), min(c.noticed_at) from control.copies c where c.acknowledged_at is null
$$;

-- For the owner's login alone: `tenantry database acknowledge-copy`.
create function doors.acknowledge_copies(at timestamptz) returns bigint
language sql strict security definer set search_path = '' as $$
    with seen as (
             update control.copies c set acknowledged_at = at where c.acknowledged_at is null returning 1),
         done as (
             select count(*) as notes from seen),
         noted as (
             select doors.note_platform_act('database.copy_acknowledged', 'control', jsonb_build_object('notes', d.notes))
             from done d where d.notes > 0)
    select d.notes from done d left join noted on true
$$;

do $$
declare
    door text;
    relation text;
    privileges text;
    f record;
begin
    for door, relation, privileges in values
        ('note_copy', 'copies', 'insert'),
        ('copies_noticed', 'copies', 'select'),
        ('acknowledge_copies', 'copies', 'select, update')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('note_copy', 'copies_noticed', 'acknowledge_copies')
    loop
        execute format('revoke execute on function %s from public', f.signature);
        execute format('grant create on schema doors to %I', 'tenantry_door_' || f.proname);
        execute format('alter function %s owner to %I', f.signature, 'tenantry_door_' || f.proname);
        execute format('revoke create on schema doors from %I', 'tenantry_door_' || f.proname);
    end loop;
end
$$;

grant usage on schema doors to tenantry_door_acknowledge_copies;
grant execute on function doors.note_platform_act(text, text, jsonb) to tenantry_door_acknowledge_copies;
grant execute on function doors.note_copy(uuid, timestamptz, text, text), doors.copies_noticed() to tenantry_control;
