-- Reports of violated policies: whoever invents some takes no place for a month (WEB-1).

-- Of more groups than there are places for, the lightest give way. What they had is in one row of the tenant's, named '*',
-- which no directive is called.
do $$
declare
    s text;
begin
    foreach s in array array['live', 'test'] loop
        execute format($t$
            alter table %1$I.csp_reports add column weight bigint not null default 0;
            update %1$I.csp_reports set weight = reports;
            comment on column %1$I.csp_reports.weight is
                'Reports, and those of the group whose place it took: a group that is often reported never loses its own.';
            grant update (weight), delete on %1$I.csp_reports to %2$I;
        $t$, s, 'tenantry_' || s);
    end loop;
end
$$;
