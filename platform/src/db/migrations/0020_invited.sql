-- An audit row names who it is about: the address of an invitation, sealed under a key of that address alone, beside what
-- is sealed under the key of whoever acted (AC-16). Dropping one key erases one of them.

do $$
declare
    s text;
begin
    foreach s in array array['control', 'live', 'test'] loop
        execute format($t$
            alter table %1$I.audit
                add column about_id uuid,
                add column about bytea,
                add check ((about_id is null) = (about is null));
        $t$, s);
    end loop;
end
$$;
