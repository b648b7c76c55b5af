-- Imported passwords: bcrypt's spelling is a kind of its own.

create or replace function doors.password_hash_kinds() returns table (kind text, hashes bigint)
language sql stable security definer set search_path = '' as $$
    select coalesce(substring(i.secret from '^(?:\$2b\$[0-9]{2}(?=\$)|\$[a-z0-9-]+\$(?:v=[0-9]+\$)?[a-z]+=[0-9]+(?:,[a-z]+=[0-9]+)*)'),
                    'in another form'), count(*)
    from control.identities i where i.kind = 'password' and i.secret is not null group by 1
$$;
