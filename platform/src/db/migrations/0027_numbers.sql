-- The lists of what changed and the change feed go by numbers of transactions, which belong to one cluster. A dump that is
-- loaded into another one brings the numbers of the old: while they lie ahead of the new, the lists end before they begin.

-- Whether there are such: no row that is visible was written by a transaction that is still to come.
create function doors.numbers_are_foreign() returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (
               select from control.directory d
               where d.kind = any (array['user', 'member', 'tenant'])
                 and d.xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))
        or exists (
               select from control.change c
               where c.xid >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))
$$;

-- For the owner's login alone: `tenantry database renumber`. Gives so many of them the number of this transaction, and
-- answers how many; whoever renumbers asks until there is none. Whoever reads the lists from their beginning meets all.
create function doors.renumber(most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with ahead as (
             select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as xid),
         things as (
             update control.directory d set xid = pg_catalog.pg_current_xact_id() where d.ctid = any (array(
                 select o.ctid from control.directory o
                 where o.kind = any (array['user', 'member', 'tenant']) and o.xid >= (select a.xid from ahead a)
                 limit most for update)) returning 1),
         changes as (
             update control.change c set xid = pg_catalog.pg_current_xact_id() where c.ctid = any (array(
                 select o.ctid from control.change o where o.xid >= (select a.xid from ahead a)
                 limit most for update)) returning 1),
         done as (
             select (select count(*) from things) + (select count(*) from changes) as rows),
         noted as (
             select doors.note_platform_act('database.renumbered', 'control', jsonb_build_object('rows', d.rows))
             from done d where d.rows > 0)
    select d.rows from done d left join noted on true
$$;

-- As before, in the whole order of its index: the rows of one transaction, as after a renumbering, are not sorted for each page.
create or replace function doors.directory_of_users(after xid8, after_person uuid, since timestamptz, most integer)
returns table (horizon xid8, xid xid8, changed_at timestamptz, person_id uuid, is_deleted boolean,
               email text, name text, status text, created_at timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select h.horizon, c.xid, c.changed_at, c.person_id, p.person_id is null, p.email, p.name, p.status, p.created_at
    from (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as horizon) h
    left join lateral (
        select d.xid, d.changed_at, d.person_id from control.directory d
        where d.kind = 'user' and d.xid < h.horizon
          and (d.xid, d.tenant_id, d.person_id) > (after, '00000000-0000-0000-0000-000000000000'::uuid, after_person)
          and d.xid >= coalesce((select min(s.xid) from control.directory s where since > 'epoch' and s.kind = 'user'
                                 and s.changed_at >= since - interval '1 minute'),
                                case when since > 'epoch' then h.horizon else '0'::xid8 end)
        order by d.xid, d.tenant_id, d.person_id limit least(most, 501)) c on true
    left join control.persons p on p.person_id = c.person_id
    order by c.xid, c.person_id
$$;

do $$
declare
    door text;
    relation text;
    privileges text;
    f record;
begin
    for door, relation, privileges in values
        ('numbers_are_foreign', 'directory', 'select (kind, xid)'),
        ('numbers_are_foreign', 'change', 'select (xid)'),
        ('renumber', 'directory', 'select, update (xid)'),
        ('renumber', 'change', 'select, update (xid)')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('numbers_are_foreign', 'renumber')
    loop
        execute format('revoke execute on function %s from public', f.signature);
        execute format('grant create on schema doors to %I', 'tenantry_door_' || f.proname);
        execute format('alter function %s owner to %I', f.signature, 'tenantry_door_' || f.proname);
        execute format('revoke create on schema doors from %I', 'tenantry_door_' || f.proname);
    end loop;
end
$$;

grant usage on schema doors to tenantry_door_renumber;
grant execute on function doors.note_platform_act(text, text, jsonb) to tenantry_door_renumber;
grant execute on function doors.numbers_are_foreign() to tenantry_control;
