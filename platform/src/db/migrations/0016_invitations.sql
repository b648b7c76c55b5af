-- An invitation is worth what whoever sent it may do when it is accepted, also where a key did (AC-3, KEY-3).

alter table control.invitations add column invited_by_key uuid;
comment on column control.invitations.invited_by_key is 'The live key that sent it; null when a person did. One that names neither opens nothing.';
grant update (invited_by_key) on control.invitations to tenantry_control;

-- At most one row, of the tenant in the context: what a key may do now, for acts on people, who are the same in both
-- modes. It stays so until the end of the transaction, so that nothing is done for it after its revocation returned.
create function doors.key_that_acts(wanted uuid) returns table (scopes text[], expires_at timestamptz, revoked_at timestamptz)
language sql strict security definer set search_path = '' as $$
    select k.scopes, k.expires_at, k.revoked_at from live.api_keys k
    where k.tenant_id = current_setting('tenantry.tenant')::uuid and k.id = wanted for share
$$;

-- A row is locked only by whoever may change a column of it.
grant usage on schema live to tenantry_door_key_that_acts;
grant select (tenant_id, id, scopes, expires_at, revoked_at), update (version) on live.api_keys
to tenantry_door_key_that_acts;
create policy door_key_that_acts on live.api_keys to tenantry_door_key_that_acts using (true) with check (true);
grant execute on function doors.key_that_acts(uuid) to tenantry_control;

-- To its own owner, as in 0002.
grant create on schema doors to tenantry_door_key_that_acts;
alter function doors.key_that_acts(uuid) owner to tenantry_door_key_that_acts;
revoke create on schema doors from tenantry_door_key_that_acts;
