-- A workspace keeps an active owner also where somebody is made its owner while their account ends (AC-3).

-- As in 0003, except for a person who is no longer active: whose owner they are is asked after the tenant's row is held.
-- Before, a workspace that was being handed to them was not among those that were looked at, and both committed.
create or replace function doors.keep_an_owner() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    concerned uuid[];
    tenant uuid;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'owners are taken away in READ COMMITTED alone' using errcode = 'feature_not_supported';
    end if;
    if tg_table_name = 'memberships' then
        concerned := array[old.tenant_id];
    else
        concerned := array(select m.tenant_id from control.memberships m
                           where m.person_id = old.person_id order by m.tenant_id);
    end if;
    foreach tenant in array concerned loop
        perform 1 from control.tenants t where t.tenant_id = tenant for no key update;
        -- The tenant itself is going.
        continue when not found;
        -- Whoever owns nothing takes nothing away.
        continue when tg_table_name = 'persons' and not exists (
            select from control.memberships m where m.tenant_id = tenant and m.person_id = old.person_id and m.owner);
        if not exists (select from control.memberships m join control.persons p on p.person_id = m.person_id
                       where m.tenant_id = tenant and m.owner and p.status = 'active') then
            raise exception 'a workspace keeps at least one owner'
                using errcode = 'check_violation', constraint = 'memberships_keep_an_owner';
        end if;
    end loop;
    return null;
end
$$;
