-- People: look-alike slugs, passwords and addresses that change, accounts that end.

-- ------------------------------------------------------------------ slugs that look alike (AC-11)

-- What a slug looks like: the same as `tenantry_core::slug::skeleton`, which a test compares.
create function doors.slug_skeleton(slug text) returns text
language sql immutable strict parallel safe set search_path = '' as $$
    select pg_catalog.replace(pg_catalog.replace(pg_catalog.translate(slug, '01i25-', 'ollzs'), 'm', 'rn'), 'w', 'vv')
$$;

alter table control.slugs add column skeleton text;
comment on column control.slugs.skeleton is
    'Unique. Empty only where tenants of before this rule look alike: then the oldest of them holds it for all.';

-- The owner sees no row of a walled table: the wall is lifted for the filling, within this transaction.
alter table control.slugs no force row level security;
update control.slugs s set skeleton = doors.slug_skeleton(s.slug)
    where not exists (
        select from control.slugs o
        where doors.slug_skeleton(o.slug) = doors.slug_skeleton(s.slug) and o.slug <> s.slug
          and (not o.claimed, o.tenant_id, o.slug) < (not s.claimed, s.tenant_id, s.slug));
-- A mere hold that looks like a slug that is in use has no future.
delete from control.slugs s where s.skeleton is null and not s.claimed;
alter table control.slugs force row level security;
create unique index slugs_skeleton on control.slugs (skeleton);

-- As before, and what looks alike is the same. An expired hold gives way, and one's own is renewed or exchanged.
create or replace function doors.reserve_slug(wanted text, tenant uuid, until timestamptz, at timestamptz) returns boolean
language sql strict security definer set search_path = '' as $$
    with held as (
        insert into control.slugs (slug, tenant_id, reserved_until, skeleton)
        values (wanted, tenant, until, doors.slug_skeleton(wanted))
        on conflict (skeleton) do update
            set slug = excluded.slug, tenant_id = excluded.tenant_id, reserved_until = excluded.reserved_until
            where not slugs.claimed and (slugs.reserved_until < at or slugs.tenant_id = excluded.tenant_id)
        returning true)
    select exists (select from held)
$$;

-- ------------------------------------------------------------------ how much mail one address gets (RL-2)

create table control.mail_budget (
    id     uuid primary key default gen_random_uuid(),
    digest bytea not null check (length(digest) = 32),
    kind   text not null,
    at     timestamptz not null
);
comment on table control.mail_budget is
    'Mails that strangers caused, by a keyed digest of the address: whoever reads this table learns no address.';
create index mail_budget_of on control.mail_budget (digest, kind, at);
create index mail_budget_at on control.mail_budget (at);
alter table control.mail_budget enable row level security;
alter table control.mail_budget force row level security;

-- `true`: one more mail of this kind may go to this address. Of several that ask at once, one is decided at a time.
create function doors.spend_mail(address bytea, of_kind text, at timestamptz, since timestamptz, most integer) returns boolean
language plpgsql strict security definer set search_path = '' as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(
        pg_catalog.hashtextextended('tenantry.mail.' || of_kind || pg_catalog.encode(address, 'hex'), 0));
    delete from control.mail_budget b where b.at < spend_mail.at - interval '1 day';
    if (select count(*) from control.mail_budget b
        where b.digest = address and b.kind = of_kind and b.at > spend_mail.since) >= most then
        return false;
    end if;
    insert into control.mail_budget (digest, kind, at) values (address, of_kind, spend_mail.at);
    return true;
end
$$;

-- ------------------------------------------------------------------ addresses, links and accounts

-- The person in the context has this address from now on, and no other. `false`: somebody else has it.
create function doors.move_email(address text) returns boolean
language plpgsql strict security definer set search_path = '' as $$
declare
    me uuid := current_setting('tenantry.person')::uuid;
    holder uuid;
begin
    insert into control.emails (email_lower, person_id) values (address, me) on conflict (email_lower) do nothing;
    select e.person_id into holder from control.emails e where e.email_lower = address;
    if holder is distinct from me then
        return false;
    end if;
    delete from control.emails e where e.person_id = me and e.email_lower <> address;
    return true;
end
$$;

-- Links of the person in the context that nobody may use any more.
create function doors.void_links(kinds text[], at timestamptz) returns void
language sql strict security definer set search_path = '' as $$
    update control.links l set used_at = at
    where l.person_id = current_setting('tenantry.person')::uuid and l.kind = any (kinds) and l.used_at is null
$$;

-- The person in the context is gone: identities, sessions and address go with the row, links here. Memberships go
-- before it, each in its tenant's own context.
create function doors.delete_person() returns boolean
language sql security definer set search_path = '' as $$
    with links as (delete from control.links l where l.person_id = current_setting('tenantry.person')::uuid),
         gone as (
        delete from control.persons p where p.person_id = current_setting('tenantry.person')::uuid returning true)
    select exists (select from gone)
$$;

-- Many rows, all of the person in the context: what they own, and nobody else who could sign in.
create function doors.owned_alone() returns table (slug text, name text)
language sql stable security definer set search_path = '' as $$
    select t.slug, t.name
    from control.memberships m join control.tenants t on t.tenant_id = m.tenant_id
    where m.person_id = current_setting('tenantry.person')::uuid and m.owner
      and not exists (
          select from control.memberships o join control.persons p on p.person_id = o.person_id
          where o.tenant_id = m.tenant_id and o.owner and o.person_id <> m.person_id and p.status = 'active')
    order by t.name, t.tenant_id limit 200
$$;

do $$
declare
    door text;
    relation text;
    privileges text;
begin
    for door, relation, privileges in values
        ('spend_mail', 'mail_budget', 'select, insert, delete'),
        ('move_email', 'emails', 'select, insert, delete'),
        ('void_links', 'links', 'select, update'),
        ('owned_alone', 'memberships', 'select'),
        ('owned_alone', 'tenants', 'select'),
        ('owned_alone', 'persons', 'select (person_id, status)'),
        ('delete_person', 'links', 'select, delete'),
        ('delete_person', 'persons', 'select, delete')
    loop
        execute format('grant usage on schema control to %I', 'tenantry_door_' || door);
        execute format('grant %s on control.%I to %I', privileges, relation, 'tenantry_door_' || door);
        execute format('create policy %I on control.%I to %I using (true) with check (true)',
                       'door_' || door, relation, 'tenantry_door_' || door);
    end loop;
end
$$;

grant usage on schema doors to tenantry_door_reserve_slug;
grant execute on function doors.slug_skeleton(text) to tenantry_door_reserve_slug;
revoke execute on function
    doors.spend_mail(bytea, text, timestamptz, timestamptz, integer), doors.move_email(text),
    doors.void_links(text[], timestamptz), doors.owned_alone(), doors.delete_person() from public;
grant execute on function
    doors.spend_mail(bytea, text, timestamptz, timestamptz, integer), doors.move_email(text),
    doors.void_links(text[], timestamptz), doors.owned_alone(), doors.delete_person() to tenantry_control;

-- Each door to its own owner. The right to create in the schema is lent for the moment that the hand-over needs.
do $$
declare
    f record;
    owner text;
begin
    for f in
        select p.oid::regprocedure::text as signature, p.proname
        from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.proname in ('spend_mail', 'move_email', 'void_links', 'owned_alone', 'delete_person')
    loop
        owner := 'tenantry_door_' || f.proname;
        execute format('grant create on schema doors to %I', owner);
        execute format('alter function %s owner to %I', f.signature, owner);
        execute format('revoke create on schema doors from %I', owner);
    end loop;
end
$$;
