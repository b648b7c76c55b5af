-- The store on which nodes share their limits was lost, or answers again: a row of each node that noticed (RL-3).

create function doors.note_limits_store(node text, act text, nodes integer) returns void
language sql strict security definer set search_path = '' as $$
    select doors.note_platform_act('limits.store_' || act, pg_catalog.left(node, 200),
                                   pg_catalog.jsonb_build_object('nodes', nodes))
    where act in ('lost', 'shared')
$$;

grant usage on schema doors to tenantry_door_note_limits_store;
grant execute on function doors.note_platform_act(text, text, jsonb) to tenantry_door_note_limits_store;
revoke execute on function doors.note_limits_store(text, text, integer) from public;
grant create on schema doors to tenantry_door_note_limits_store;
alter function doors.note_limits_store(text, text, integer) owner to tenantry_door_note_limits_store;
revoke create on schema doors from tenantry_door_note_limits_store;
grant execute on function doors.note_limits_store(text, text, integer) to tenantry_control;
