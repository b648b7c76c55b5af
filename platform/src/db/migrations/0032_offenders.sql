-- Whom the gateway refuses for a while, because too much of theirs was refused before (RL-4).
--
-- Addresses are no tenant's: only doors touch their rows. A key or a member of a workspace is the workspace's own.

create table control.address_blocks (
    id          uuid primary key,
    scope       text not null check (scope in ('everything', 'sign_in', 'reports')),
    network     cidr not null,
    account     bytea not null check (length(account) = case when scope = 'sign_in' then 16 else 0 end),
    offence     text not null check (length(offence) between 1 and 32),
    points      integer not null check (points >= 0),
    nth         integer not null check (nth > 0),
    by_hand     boolean not null,
    blocked_by  text not null check (length(blocked_by) <= 100),
    reason      text not null check (length(reason) <= 500),
    at          timestamptz not null,
    until       timestamptz not null check (until > at),
    lifted_at   timestamptz,
    lifted_by   text check (length(lifted_by) <= 100),
    lift_reason text check (length(lift_reason) <= 500)
);
comment on column control.address_blocks.network is 'What limits count by: an IPv4 address, the /64 of an IPv6 one; by hand also a wider network.';
comment on column control.address_blocks.account is 'A keyed digest of an e-mail address, for sign-ins to that account alone: whether there is one, nobody can tell.';
create index address_blocks_subject on control.address_blocks (network, scope, until);
create index address_blocks_until on control.address_blocks (until);

create table control.tenant_blocks (
    tenant_id   uuid not null,
    id          uuid not null,
    kind        text not null check (kind in ('key', 'person')),
    subject     uuid not null,
    offence     text not null check (length(offence) between 1 and 32),
    points      integer not null check (points >= 0),
    nth         integer not null check (nth > 0),
    at          timestamptz not null,
    until       timestamptz not null check (until > at),
    lifted_at   timestamptz,
    lifted_by   text check (length(lifted_by) <= 100),
    lift_reason text check (length(lift_reason) <= 500),
    primary key (tenant_id, id)
);
comment on column control.tenant_blocks.subject is 'A key, or a person as a member of this workspace: in others they are nobody''s offender.';
create index tenant_blocks_subject on control.tenant_blocks (tenant_id, subject, until);
create index tenant_blocks_until on control.tenant_blocks (until);
create index tenant_blocks_id on control.tenant_blocks (id);

alter table control.address_blocks enable row level security;
alter table control.address_blocks force row level security;
alter table control.tenant_blocks enable row level security;
alter table control.tenant_blocks force row level security;
create policy tenant on control.tenant_blocks to tenantry_control
    using (tenant_id = current_setting('tenantry.tenant')::uuid)
    with check (tenant_id = current_setting('tenantry.tenant')::uuid);
grant select, insert on control.tenant_blocks to tenantry_control;
grant update (lifted_at, lifted_by, lift_reason) on control.tenant_blocks to tenantry_control;

-- ------------------------------------------------------------------ blocking

-- What a node found. Of several that find the same at once, one makes the block and the others are told of it. A block
-- that was lifted was none, and after long enough without one the times begin anew.
create function doors.block_address(
    block uuid, of_scope text, net text, of_account bytea, for_offence text, had_points integer, ladder integer[],
    forget_before timestamptz, now_at timestamptz)
returns table (id uuid, until timestamptz, nth integer, is_new boolean)
language plpgsql strict security definer set search_path = '' as $$
declare
    turn integer;
    ends timestamptz;
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(
        'tenantry.block.' || of_scope || net || encode(of_account, 'hex'), 0));
    return query select b.id, b.until, b.nth, false from control.address_blocks b
        where b.network = net::cidr and b.scope = of_scope and b.account = of_account and b.lifted_at is null
          and b.until > now_at
        order by b.until desc limit 1;
    if found then
        return;
    end if;
    select b.nth + 1 into turn from control.address_blocks b
        where b.network = net::cidr and b.scope = of_scope and b.account = of_account and b.lifted_at is null
          and not b.by_hand and b.until > forget_before
        order by b.until desc limit 1;
    turn := coalesce(turn, 1);
    ends := now_at + make_interval(secs => ladder[least(turn, cardinality(ladder))]);
    insert into control.address_blocks (id, scope, network, account, offence, points, nth, by_hand, blocked_by, reason, at, until)
    values (block, of_scope, net::cidr, of_account, for_offence, had_points, turn, false, 'gateway', '', now_at, ends);
    return query select block, ends, turn, true;
end
$$;

-- Platform staff, or whoever has the machine.
create function doors.block_network(block uuid, net text, by_whom text, why text, now_at timestamptz, ends timestamptz)
returns void
language sql strict security definer set search_path = '' as $$
    insert into control.address_blocks (id, scope, network, account, offence, points, nth, by_hand, blocked_by, reason, at, until)
    values (block, 'everything', net::cidr, '', 'by_hand', 0, 1, true, by_whom, why, now_at, ends);
    select doors.note_platform_act('address.blocked', net, jsonb_build_object(
        'block', block, 'by', by_whom, 'reason', why, 'until', ends))
$$;

-- One block, while it is in force.
create function doors.lift_block(block uuid, by_whom text, why text, now_at timestamptz)
returns table (scope text, network text)
language sql strict security definer set search_path = '' as $$
    with done as (
             update control.address_blocks b set lifted_at = now_at, lifted_by = by_whom, lift_reason = why
             where b.id = block and b.lifted_at is null and b.until > now_at
             returning b.scope as of_scope, b.network::text as net),
         noted as (
             select doors.note_platform_act('address.unblocked', d.net, jsonb_build_object(
                 'block', block, 'scope', d.of_scope, 'by', by_whom, 'reason', why))
             from done d)
    select d.of_scope, d.net from done d cross join noted
$$;

-- ------------------------------------------------------------------ enforcing: every node knows them all

-- For the two doors below: each block that is in force, of addresses and of tenants' own.
create function doors.standing_blocks(now_at timestamptz)
returns table (id uuid, scope text, network text, account bytea, tenant_id uuid, subject uuid, by_hand boolean, until timestamptz)
language sql stable set search_path = '' as $$
    select b.id, b.scope, b.network::text, b.account, null::uuid, null::uuid, b.by_hand, b.until
    from control.address_blocks b where b.lifted_at is null and b.until > now_at
    union all
    select t.id, t.kind, null, ''::bytea, t.tenant_id, t.subject, false, t.until
    from control.tenant_blocks t where t.lifted_at is null and t.until > now_at
$$;

-- Many rows, a page of all, by id: a reader who goes on misses none.
create function doors.blocks_in_force(now_at timestamptz, after uuid, most integer)
returns table (id uuid, scope text, network text, account bytea, tenant_id uuid, subject uuid, by_hand boolean, until timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select * from doors.standing_blocks(now_at) s where s.id > after order by s.id limit most
$$;

-- Many rows, those that a change has named.
create function doors.blocks_named(wanted uuid[], now_at timestamptz)
returns table (id uuid, scope text, network text, account bytea, tenant_id uuid, subject uuid, by_hand boolean, until timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select * from doors.standing_blocks(now_at) s where s.id = any (wanted)
$$;

-- ------------------------------------------------------------------ looking, for platform staff alone

-- Many rows, newest first. `net` finds what contains it or lies in it.
create function doors.operator_blocks(
    net text, of_scope text, in_force boolean, now_at timestamptz, before uuid, most integer)
returns table (id uuid, scope text, network text, offence text, points integer, nth integer, by_hand boolean, blocked_by text,
               reason text, at timestamptz, until timestamptz, lifted_at timestamptz, lifted_by text, lift_reason text)
language sql stable strict security definer set search_path = '' as $$
    select b.id, b.scope, b.network::text, b.offence, b.points, b.nth, b.by_hand, b.blocked_by, b.reason, b.at, b.until,
           b.lifted_at, b.lifted_by, b.lift_reason
    from control.address_blocks b
    where b.id < before
      and (net = '' or b.network && nullif(net, '')::inet)
      and (of_scope = '' or b.scope = of_scope)
      and (not in_force or (b.lifted_at is null and b.until > now_at))
    order by b.id desc limit least(most, 200)
$$;

-- ------------------------------------------------------------------ forgetting

-- Blocks that ended long ago, and the oldest of more than so many that are over: a flood of addresses fills no disk.
create function doors.sweep_blocks(ended_before timestamptz, now_at timestamptz, kept integer, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with of_addresses as (
             delete from control.address_blocks b where b.ctid = any (array(
                 select o.ctid from control.address_blocks o
                 where o.until < ended_before
                    or (o.until < now_at
                        and o.id <= (select n.id from control.address_blocks n order by n.id desc offset kept limit 1))
                 limit most for update skip locked)) returning 1),
         of_tenants as (
             delete from control.tenant_blocks t where t.ctid = any (array(
                 select o.ctid from control.tenant_blocks o where o.until < ended_before
                 limit most for update skip locked)) returning 1)
    select (select count(*) from of_addresses) + (select count(*) from of_tenants)
$$;

do $$
declare
    f record;
    door text;
    relation text;
    privileges text;
    caller text;
begin
    for door, relation, privileges in values
        ('block_address', 'address_blocks', 'select, insert'),
        ('block_network', 'address_blocks', 'insert'),
        ('lift_block', 'address_blocks', 'select (id, scope, network, lifted_at, until), update (lifted_at, lifted_by, lift_reason)'),
        ('blocks_in_force', 'address_blocks', 'select'),
        ('blocks_in_force', 'tenant_blocks', 'select'),
        ('blocks_named', 'address_blocks', 'select'),
        ('blocks_named', 'tenant_blocks', 'select'),
        ('operator_blocks', 'address_blocks', 'select'),
        ('sweep_blocks', 'address_blocks', 'select, update (lifted_by), delete'),
        ('sweep_blocks', 'tenant_blocks', 'select, update (lifted_by), delete')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;

    foreach door in array array['block_network', 'lift_block'] loop
        execute format('grant usage on schema doors to %I', 'tenantry_door_' || door);
        execute format('grant execute on function doors.note_platform_act(text, text, jsonb) to %I', 'tenantry_door_' || door);
    end loop;
    revoke execute on function doors.standing_blocks(timestamptz) from public;
    foreach door in array array['blocks_in_force', 'blocks_named'] loop
        execute format('grant usage on schema doors to %I', 'tenantry_door_' || door);
        execute format('grant execute on function doors.standing_blocks(timestamptz) to %I', 'tenantry_door_' || door);
    end loop;

    for door, caller in values
        ('block_address', 'tenantry_control'),
        ('block_network', 'tenantry_operator'),
        ('lift_block', 'tenantry_operator'),
        ('blocks_in_force', 'tenantry_control'),
        ('blocks_named', 'tenantry_control'),
        ('operator_blocks', 'tenantry_operator'),
        ('sweep_blocks', 'tenantry_jobs')
    loop
        for f in
            select p.oid::regprocedure::text as signature
            from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
            where n.nspname = 'doors' and p.proname = door
        loop
            execute format('revoke execute on function %s from public', f.signature);
            execute format('grant execute on function %s to %I', f.signature, caller);
            execute format('grant create on schema doors to %I', 'tenantry_door_' || door);
            execute format('alter function %s owner to %I', f.signature, 'tenantry_door_' || door);
            execute format('revoke create on schema doors from %I', 'tenantry_door_' || door);
        end loop;
    end loop;
end
$$;
