-- Roles of a tenant's own, beside those of the configuration (AC-2).

create table control.roles (
    tenant_id   uuid not null references control.tenants (tenant_id) on delete cascade,
    id          uuid not null,
    name        text not null check (length(name) between 1 and 40),
    description text not null check (length(description) <= 200),
    permissions text[] not null check (cardinality(permissions) <= 200),
    version     bigint not null default 1,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, id)
);
comment on column control.roles.name is 'Never changes: memberships and invitations name their role.';
-- Two names that differ in case alone are one to people.
create unique index roles_name on control.roles (tenant_id, lower(name));

alter table control.roles enable row level security;
alter table control.roles force row level security;
create policy tenant on control.roles to tenantry_control
    using (tenant_id = current_setting('tenantry.tenant')::uuid)
    with check (tenant_id = current_setting('tenantry.tenant')::uuid);
grant select, insert, delete on control.roles to tenantry_control;
grant update (description, permissions, version, updated_at) on control.roles to tenantry_control;

-- Many rows, all of the person in the context: as before, with what a role of the tenant's own permits.
drop function doors.memberships_of_person();
create function doors.memberships_of_person()
returns table (tenant_id uuid, slug text, name text, status text, plan text, role text, own_permissions text[])
language sql stable security definer set search_path = '' as $$
    select t.tenant_id, t.slug, t.name, t.status, t.plan, m.role, r.permissions
    from control.memberships m
    join control.tenants t on t.tenant_id = m.tenant_id
    left join control.roles r on r.tenant_id = m.tenant_id and r.name = m.role
    where m.person_id = current_setting('tenantry.person')::uuid
    order by t.name, t.tenant_id limit 200
$$;

grant select on control.roles to tenantry_door_memberships_of_person;
create policy door_memberships_of_person on control.roles to tenantry_door_memberships_of_person
    using (true) with check (true);
grant execute on function doors.memberships_of_person() to tenantry_control;

grant create on schema doors to tenantry_door_memberships_of_person;
alter function doors.memberships_of_person() owner to tenantry_door_memberships_of_person;
revoke create on schema doors from tenantry_door_memberships_of_person;
