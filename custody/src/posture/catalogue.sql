-- What the database enforces, a line a fact. Compared with expected-catalogue.txt, line by line.
-- Months of partitions are written YYYY_MM: their number differs from day to day.
with schemas as (
    select oid, nspname, nspowner, nspacl from pg_catalog.pg_namespace
    where nspname in ('control', 'live', 'test', 'doors', 'public', 'migrations')
),
relations as (
    select c.oid, s.nspname, regexp_replace(c.relname, '_\d{4}_\d{2}$', '_YYYY_MM') as name, c.relkind, c.relowner,
           c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relispartition
    from pg_catalog.pg_class c join schemas s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
),
grants as (
    select 'schema ' || s.nspname as object, s.nspowner as owner, a.grantee, a.privilege_type, a.is_grantable
    from schemas s, aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) a
    where s.nspname <> 'public'
    union all
    select 'table ' || r.nspname || '.' || r.name, r.relowner, a.grantee, a.privilege_type, a.is_grantable
    from relations r, aclexplode(coalesce(r.relacl, acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))) a
    union all
    select 'column ' || r.nspname || '.' || r.name || '.' || t.attname, r.relowner, a.grantee, a.privilege_type, a.is_grantable
    from relations r join pg_catalog.pg_attribute t on t.attrelid = r.oid, aclexplode(t.attacl) a
    union all
    select 'function ' || p.oid::regprocedure::text, p.proowner, a.grantee, a.privilege_type, a.is_grantable
    from pg_catalog.pg_proc p join schemas s on s.oid = p.pronamespace,
         aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
),
ours as (
    select oid, rolname from pg_catalog.pg_roles where rolname like 'tenantry\_%' and rolname <> 'tenantry_admin'
)
select 'table' as kind, format('table %s.%s kind=%s owner=%s rls=%s forced=%s triggers=%s', nspname, name, relkind,
        pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity,
        -- Beside the lines of the triggers themselves: one month that lacks one would hide behind the others.
        (select string_agg(t.tgname, ',' order by t.tgname) from pg_catalog.pg_trigger t
         where t.tgrelid = relations.oid and not t.tgisinternal)) as line
from relations
union
select 'column', format('column %s.%s.%s %s%s', r.nspname, r.name, t.attname, format_type(t.atttypid, t.atttypmod),
        case when t.attnotnull then ' not null' else '' end)
from relations r join pg_catalog.pg_attribute t on t.attrelid = r.oid
where t.attnum > 0 and not t.attisdropped and not r.relispartition and r.nspname <> 'migrations'
union
select 'policy', format('policy %s.%s.%s permissive=%s for=%s to=%s using=%s check=%s', r.nspname, r.name, p.polname,
        p.polpermissive, p.polcmd,
        (select string_agg(case when o = 0 then 'public' else pg_get_userbyid(o) end, ',' order by 1)
         from unnest(p.polroles) o),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
from pg_catalog.pg_policy p join relations r on r.oid = p.polrelid
union
select 'grant', format('grant on %s to %s: %s', object,
        case when grantee = 0 then 'public' else pg_get_userbyid(grantee) end,
        string_agg(distinct privilege_type || case when is_grantable then ' with grant option' else '' end, ', '))
from grants where grantee <> owner group by object, grantee
union
select 'function', format('function %s owner=%s definer=%s settings=%s language=%s body=%s', p.oid::regprocedure,
        pg_get_userbyid(p.proowner), p.prosecdef, array_to_string(p.proconfig, ','), l.lanname,
        encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
from pg_catalog.pg_proc p join schemas s on s.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
union
select 'trigger', format('trigger %s.%s.%s enabled=%s kind=%s function=%s', r.nspname, r.name, t.tgname, t.tgenabled,
        t.tgtype, t.tgfoid::regproc)
from pg_catalog.pg_trigger t join relations r on r.oid = t.tgrelid where not t.tgisinternal
union
select 'role', format('role %s login=%s inherit=%s superuser=%s bypassrls=%s createrole=%s createdb=%s replication=%s',
        r.rolname, r.rolcanlogin, r.rolinherit, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication)
from pg_catalog.pg_roles r join ours o on o.oid = r.oid
union
select 'role', format('role %s is a member of %s', o.rolname, pg_get_userbyid(m.roleid))
from pg_catalog.pg_auth_members m join ours o on o.oid = m.member
union
select 'role', format('role %s sets %s', o.rolname, setting)
from pg_catalog.pg_db_role_setting d join ours o on o.oid = d.setrole, unnest(d.setconfig) setting
where d.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
order by 1, 2
