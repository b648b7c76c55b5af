-- What the mail server took: when, which letter, and to whom as far as platform staff may see it. What a mail says is
-- kept nowhere.

create table control.sent_mails (
    id        uuid primary key,
    letter    text not null check (length(letter) <= 64),
    recipient bytea not null,
    queued_at timestamptz not null,
    sent_at   timestamptz not null
);
comment on column control.sent_mails.id is 'The mail''s own, which its Message-ID names.';
comment on column control.sent_mails.recipient is 'Masked, then sealed.';
create index sent_mails_age on control.sent_mails (sent_at);
alter table control.sent_mails enable row level security;
alter table control.sent_mails force row level security;

-- A twin changes nothing: the first one was sent.
create function doors.note_sent_mail(mail uuid, which text, masked bytea, queued timestamptz, at timestamptz) returns void
language sql strict security definer set search_path = '' as $$
    insert into control.sent_mails (id, letter, recipient, queued_at, sent_at)
    values (mail, which, masked, queued, at) on conflict (id) do nothing
$$;

-- What is old, and what is more than so many.
create function doors.sweep_sent_mails(before timestamptz, most integer) returns bigint
language sql strict security definer set search_path = '' as $$
    with gone as (
        delete from control.sent_mails s
        where s.sent_at < before
           or s.id <= (select n.id from control.sent_mails n order by n.id desc offset most limit 1)
        returning 1)
    select count(*) from gone
$$;

-- Many rows: mails that were sent, newest first.
create function doors.operator_sent_mails(before uuid, most integer)
returns table (id uuid, letter text, recipient bytea, queued_at timestamptz, sent_at timestamptz)
language sql stable strict security definer set search_path = '' as $$
    select s.id, s.letter, s.recipient, s.queued_at, s.sent_at from control.sent_mails s
    where s.id < before order by s.id desc limit least(most, 200)
$$;

create function doors.operator_sent_count(since timestamptz) returns bigint
language sql stable strict security definer set search_path = '' as $$
    select count(*) from control.sent_mails s where s.sent_at >= since
$$;

do $$
declare
    f record;
    door text;
    privileges text;
    caller text;
begin
    for door, privileges, caller in values
        ('note_sent_mail', 'select (id), insert', 'tenantry_jobs'),
        ('sweep_sent_mails', 'select (id, sent_at), delete', 'tenantry_jobs'),
        ('operator_sent_mails', 'select', 'tenantry_operator'),
        ('operator_sent_count', 'select (sent_at)', 'tenantry_operator')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.sent_mails to %I', privileges, 'tenantry_door_' || door);
        execute format('create policy %I on control.sent_mails to %I using (true) with check (true)',
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
