-- What operators were told lately, so that no two nodes tell the same and no flood of refusals becomes one of mails (RL-7).

create table control.alerts (
    id      uuid primary key,
    about   text not null check (length(about) between 1 and 200),
    told_at timestamptz not null,
    mailed  boolean not null
);
comment on column control.alerts.about is 'What it was, with an address or ids: what is told once is not told again for a while.';
create index alerts_told on control.alerts (told_at);
alter table control.alerts enable row level security;
alter table control.alerts force row level security;

-- Whether to tell: 'quiet' where it was told a moment ago, 'log' where too many mails were sent already, 'mail'.
create function doors.claim_alert(
    alert uuid, of_about text, now_at timestamptz, quiet_since timestamptz, mails_since timestamptz, most integer)
returns text
language plpgsql strict security definer set search_path = '' as $$
declare
    may_mail boolean;
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('tenantry.alerts', 0));
    if exists (select from control.alerts a where a.about = of_about and a.told_at > quiet_since) then
        return 'quiet';
    end if;
    may_mail := (select count(*) from control.alerts a where a.mailed and a.told_at > mails_since) < most;
    insert into control.alerts (id, about, told_at, mailed) values (alert, of_about, now_at, may_mail);
    return case when may_mail then 'mail' else 'log' end;
end
$$;

create function doors.sweep_alerts(before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with gone as (
        delete from control.alerts a where a.ctid = any (array(
            select o.ctid from control.alerts o where o.told_at < before limit most for update skip locked)) returning 1)
    select count(*) from gone
$$;

do $$
declare
    f record;
    door text;
    privileges text;
    caller text;
begin
    for door, privileges, caller in values
        ('claim_alert', 'select, insert', 'tenantry_control'),
        ('sweep_alerts', 'select, update (mailed), delete', 'tenantry_jobs')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.alerts to %I', privileges, 'tenantry_door_' || door);
        execute format('create policy %I on control.alerts to %I using (true) with check (true)',
                       'door_' || door, 'tenantry_door_' || door);
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
