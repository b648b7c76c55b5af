-- Events are kept for some months, and dropped as audit rows are: by whole months, and beside whoever reads.

-- One month a call. What ended less than a month ago stays, whatever a setting says, and that is counted by this server's
-- clock too: whoever calls cannot make young events old by naming a later day.
-- Owned by tenantry_owner: only a table's owner can drop a partition of it.
create function doors.drop_event_months(asked_at timestamptz, months integer)
returns table (plane text, low uuid, high uuid)
language plpgsql security definer set search_path = '' set lock_timeout = '100ms' as $$
begin
    if months is null or months < 1 then
        raise exception 'events are kept for a month at least: months must be 1 or more' using errcode = 'check_violation';
    end if;
    return query select * from doors.drop_oldest_month('events', doors.uuid7_floor(
        ((least(asked_at, pg_catalog.now()) at time zone 'UTC') - make_interval(months => months)) at time zone 'UTC'), months);
end
$$;

revoke execute on function doors.drop_event_months(timestamptz, integer) from public;
grant execute on function doors.drop_event_months(timestamptz, integer) to tenantry_jobs;
