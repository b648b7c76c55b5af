-- Whether a hand-off's code is good, without taking it: the page that sends it back names the workspace then.

create function doors.look_at_code(wanted bytea, at timestamptz) returns table (data bytea)
language sql stable strict security definer set search_path = '' as $$
    select c.data from control.codes c where c.digest = wanted and c.expires_at > at
$$;

grant usage on schema control to tenantry_door_look_at_code;
grant select on control.codes to tenantry_door_look_at_code;
create policy door_look_at_code on control.codes to tenantry_door_look_at_code using (true) with check (true);

revoke execute on function doors.look_at_code(bytea, timestamptz) from public;
grant execute on function doors.look_at_code(bytea, timestamptz) to tenantry_control;
grant create on schema doors to tenantry_door_look_at_code;
alter function doors.look_at_code(bytea, timestamptz) owner to tenantry_door_look_at_code;
revoke create on schema doors from tenantry_door_look_at_code;
