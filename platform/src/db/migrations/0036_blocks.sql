-- Blocks are read by their id in both tables, and no more of them than are asked for. As 0032 read them, each page and each
-- named block looked at all that are in force.

create or replace function doors.blocks_in_force(now_at timestamptz, after uuid, most integer)
returns table (id uuid, scope text, network text, account bytea, tenant_id uuid, subject uuid, by_hand boolean, until timestamptz)
language sql stable strict security definer set search_path = '' as $$
    (select b.id, b.scope, b.network::text, b.account, null::uuid, null::uuid, b.by_hand, b.until
     from control.address_blocks b where b.id > after and b.lifted_at is null and b.until > now_at order by b.id limit most)
    union all
    (select t.id, t.kind, null, ''::bytea, t.tenant_id, t.subject, false, t.until
     from control.tenant_blocks t where t.id > after and t.lifted_at is null and t.until > now_at order by t.id limit most)
    order by 1 limit most
$$;

create or replace function doors.blocks_named(wanted uuid[], now_at timestamptz)
returns table (id uuid, scope text, network text, account bytea, tenant_id uuid, subject uuid, by_hand boolean, until timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select b.id, b.scope, b.network::text, b.account, null::uuid, null::uuid, b.by_hand, b.until
    from control.address_blocks b where b.id = any (wanted) and b.lifted_at is null and b.until > now_at
    union all
    select t.id, t.kind, null, ''::bytea, t.tenant_id, t.subject, false, t.until
    from control.tenant_blocks t where t.id = any (wanted) and t.lifted_at is null and t.until > now_at
$$;

drop function doors.standing_blocks(timestamptz);
