-- Nodes: who may believe what they cached, and how far each has heard (KEY-3, ID-11).

create table control.nodes (
    node_id    uuid primary key,
    name       text not null,
    started_at timestamptz not null,
    -- Counts renewals. One that the node did not make says that this is another copy of the database.
    beat       bigint not null default 0,
    -- Every change that is visible in it was applied.
    seen       pg_snapshot not null,
    -- How long this node serves from memory while the database is known to be down.
    grace_s    integer not null
);
comment on table control.nodes is 'Serving processes. Each renews its lease on trusting its caches several times a second.';

alter table control.nodes enable row level security;
alter table control.nodes force row level security;

create function doors.join_nodes(node uuid, named text, at timestamptz, grace integer) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.nodes (node_id, name, started_at, seen, grace_s)
    values (node, named, at, pg_catalog.pg_current_snapshot(), grace)
$$;

-- In a transaction of its own before the changes are read: whoever commits a change that this reading did not see
-- finds the renewal.
create function doors.renew_node(node uuid, expected bigint, applied pg_snapshot)
returns table (is_renewed boolean, stands_at bigint)
language plpgsql strict security definer set search_path = '' as $$
begin
    return query update control.nodes n set beat = n.beat + 1, seen = applied
        where n.node_id = node and n.beat = expected returning true, n.beat;
    if not found then
        return query select false, n.beat from control.nodes n where n.node_id = node;
    end if;
end
$$;

create function doors.leave_nodes(node uuid) returns void
language sql strict security definer set search_path = '' as $$
    delete from control.nodes n where n.node_id = node
$$;

-- Of one that was silent for long. Had it renewed meanwhile, its beat is another one.
create function doors.forget_node(node uuid, silent_at bigint) returns void
language sql strict security definer set search_path = '' as $$
    delete from control.nodes n where n.node_id = node and n.beat = silent_at
$$;

-- Many rows: the few serving processes, with whether each has applied what the transaction changed.
create function doors.nodes_at(change xid8)
returns table (node_id uuid, name text, beat bigint, grace_s integer, has_applied boolean)
language sql stable strict security definer set search_path = '' as $$
    select n.node_id, n.name, n.beat, n.grace_s, pg_catalog.pg_visible_in_snapshot(change, n.seen)
    from control.nodes n order by n.node_id limit 1000
$$;

create function doors.announce_change(change_id uuid, change_kind text, change_subject uuid, at timestamptz) returns xid8
language sql strict security definer set search_path = '' as $$
    insert into control.change (id, kind, subject, at) values (change_id, change_kind, change_subject, at);
    select pg_catalog.pg_notify('tenantry_change', '');
    select pg_catalog.pg_current_xact_id()
$$;

-- Many rows, as changes_since, with the snapshot that they were read in.
create function doors.changes_seen(after xid8, most integer)
returns table (xid xid8, id uuid, kind text, subject uuid, horizon xid8, seen pg_snapshot)
language sql stable strict security definer set search_path = '' as $$
    select c.xid, c.id, c.kind, c.subject, h.horizon, h.seen
    from (select s.seen, pg_catalog.pg_snapshot_xmin(s.seen) as horizon
          from (select pg_catalog.pg_current_snapshot() as seen) s) h
    left join lateral (
        select * from control.change c where c.xid >= after order by c.xid, c.id limit most) c on true
    order by c.xid, c.id
$$;

do $$
declare
    door text;
    relation text;
    privileges text;
    f record;
begin
    for door, relation, privileges in values
        ('join_nodes', 'nodes', 'insert'),
        ('renew_node', 'nodes', 'select, update'),
        ('leave_nodes', 'nodes', 'select, delete'),
        ('forget_node', 'nodes', 'select, delete'),
        ('nodes_at', 'nodes', 'select'),
        ('announce_change', 'change', 'insert'),
        ('changes_seen', 'change', 'select')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in (
            'join_nodes', 'renew_node', 'leave_nodes', 'forget_node', 'nodes_at', 'announce_change', 'changes_seen')
    loop
        execute format('revoke execute on function %s from public', f.signature);
        execute format('grant create on schema doors to %I', 'tenantry_door_' || f.proname);
        execute format('alter function %s owner to %I', f.signature, 'tenantry_door_' || f.proname);
        execute format('revoke create on schema doors from %I', 'tenantry_door_' || f.proname);
    end loop;
end
$$;

grant execute on function
    doors.join_nodes(uuid, text, timestamptz, integer), doors.renew_node(uuid, bigint, pg_snapshot),
    doors.leave_nodes(uuid), doors.forget_node(uuid, bigint), doors.nodes_at(xid8), doors.changes_seen(xid8, integer)
to tenantry_control;
grant execute on function doors.announce_change(uuid, text, uuid, timestamptz)
to tenantry_control, tenantry_live, tenantry_test, tenantry_operator;
