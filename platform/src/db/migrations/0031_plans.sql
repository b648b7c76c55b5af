-- Limits of a workspace's own, and its plan changed by platform staff (RL-4).

alter table control.tenants add column limits jsonb not null default '{}'
    check (jsonb_typeof(limits) = 'object' and octet_length(limits::text) <= 16384);
comment on column control.tenants.limits is 'By tier: {"limit", "window_s"}. What is not there is the plan''s.';
grant update (plan, limits, version) on control.tenants to tenantry_operator;

-- As before, with the limits.
drop function doors.tenant_by_slug(text);
create function doors.tenant_by_slug(wanted text)
returns table (tenant_id uuid, name text, status text, plan text, limits jsonb)
language sql stable strict security definer set search_path = '' as $$
    select t.tenant_id, t.name, t.status, t.plan, t.limits
    from control.slugs s join control.tenants t on t.tenant_id = s.tenant_id
    where s.slug = wanted and s.claimed
$$;

drop function doors.memberships_of_person();
create function doors.memberships_of_person()
returns table (tenant_id uuid, slug text, name text, status text, plan text, limits jsonb, role text,
               own_permissions text[])
language sql stable security definer set search_path = '' as $$
    select t.tenant_id, t.slug, t.name, t.status, t.plan, t.limits, m.role, r.permissions
    from control.memberships m
    join control.tenants t on t.tenant_id = m.tenant_id
    left join control.roles r on r.tenant_id = m.tenant_id and r.name = m.role
    where m.person_id = current_setting('tenantry.person')::uuid
    order by t.name, t.tenant_id limit 200
$$;

do $$
declare
    f record;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('tenant_by_slug', 'memberships_of_person')
    loop
        execute format('revoke execute on function %s from public', f.signature);
        execute format('grant execute on function %s to tenantry_control', f.signature);
        execute format('grant create on schema doors to %I', 'tenantry_door_' || f.proname);
        execute format('alter function %s owner to %I', f.signature, 'tenantry_door_' || f.proname);
        execute format('revoke create on schema doors from %I', 'tenantry_door_' || f.proname);
    end loop;
end
$$;
