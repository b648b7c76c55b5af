-- Posture: what a control found when its verdict became what it is, kept beside the time.

alter table control.verdicts add column evidence text not null default '';
comment on column control.verdicts.evidence is 'What was found when the outcome became what it is: numbers and our own words.';

drop function doors.note_verdict(text, text, timestamptz);

-- Since when a control finds what it finds, and what it found then. After an hour in which nobody looked, both start anew.
create function doors.note_verdict(of_control text, found text, found_at timestamptz, found_evidence text)
returns table (since timestamptz, evidence text)
language sql strict security definer set search_path = '' as $$
    insert into control.verdicts as v (control, outcome, since, at, evidence)
    values (of_control, found, found_at, found_at, found_evidence)
    on conflict (control) do update set
        since = case when v.outcome = excluded.outcome and v.at > excluded.at - interval '1 hour' then v.since else excluded.at end,
        evidence = case when v.outcome = excluded.outcome and v.at > excluded.at - interval '1 hour' then v.evidence else excluded.evidence end,
        outcome = excluded.outcome,
        at = excluded.at
    returning v.since, v.evidence
$$;

-- What stands right now, for a process that checks without writing down what it found.
create function doors.standing_verdicts() returns table (control text, outcome text, since timestamptz, at timestamptz, evidence text)
language sql stable security definer set search_path = '' as $$
    select v.control, v.outcome, v.since, v.at, v.evidence from control.verdicts v
$$;

grant usage on schema control to tenantry_door_standing_verdicts;
grant select on control.verdicts to tenantry_door_standing_verdicts;
create policy door_standing_verdicts on control.verdicts to tenantry_door_standing_verdicts using (true) with check (true);

revoke execute on function doors.note_verdict(text, text, timestamptz, text), doors.standing_verdicts() from public;
grant execute on function doors.note_verdict(text, text, timestamptz, text), doors.standing_verdicts() to tenantry_control;

-- Each door to its own owner. The right to create in the schema is lent for the moment that the hand-over needs.
do $$
declare
    door text;
    signature text;
begin
    for door, signature in values
        ('note_verdict', 'doors.note_verdict(text, text, timestamptz, text)'),
        ('standing_verdicts', 'doors.standing_verdicts()')
    loop
        execute format('grant create on schema doors to %I', 'tenantry_door_' || door);
        execute format('alter function %s owner to %I', signature, 'tenantry_door_' || door);
        execute format('revoke create on schema doors from %I', 'tenantry_door_' || door);
    end loop;
end
$$;

-- The canaries of posture have ids that no clock can draw (their time is 1970): they are no workspace that platform staff
-- could look at or suspend. Otherwise as before.
create or replace function doors.tenant_overview(wanted text, of_status text, owner_role text, before uuid, most integer)
returns table (tenant_id uuid, slug text, name text, status text, status_reason text, plan text,
               created_at timestamptz, members bigint, owner text)
language sql stable strict security definer set search_path = '' as $$
    select t.tenant_id, t.slug, t.name, t.status, t.status_reason, t.plan, t.created_at,
           (select count(*) from control.memberships m where m.tenant_id = t.tenant_id),
           (select p.email from control.memberships m join control.persons p on p.person_id = m.person_id
            where m.tenant_id = t.tenant_id and m.role = owner_role order by m.created_at, m.person_id limit 1)
    from control.tenants t
    where t.tenant_id < before
      and t.tenant_id > '00000000-ffff-ffff-ffff-ffffffffffff'
      and (of_status = '' or t.status = of_status)
      and (wanted = '' or t.tenant_id::text = lower(wanted)
           or position(lower(wanted) in t.slug) > 0 or position(lower(wanted) in lower(t.name)) > 0)
    order by t.tenant_id desc limit least(most, 200)
$$;
