//! The statements that read the snapshot. Each answers with one JSON document, whose fields are those of `model`.

use serde::de::DeserializeOwned;
use tokio_postgres::{Client, IsolationLevel, Transaction};

use super::model::Catalog;
use crate::fault::Fault;

/// What is read of the relations of PostgreSQL itself and of its temporary tables: nothing.
macro_rules! ours {
    ($namespace:literal) => {
        concat!(
            $namespace,
            ".nspname <> all ('{pg_catalog,information_schema,pg_toast}') and ",
            $namespace,
            ".nspname !~ '^pg_(temp|toast_temp)_'"
        )
    };
}

/// Grants as JSON, with those that the owner has when nothing was granted yet.
macro_rules! acl {
    ($column:literal, $kind:literal, $owner:literal) => {
        concat!(
            "coalesce((select json_agg(json_build_object('grantee', a.grantee::int8, 'privilege', a.privilege_type)) \
             from aclexplode(coalesce(",
            $column,
            ", acldefault('",
            $kind,
            "', ",
            $owner,
            "))) a), '[]')"
        )
    };
}

const SERVER: &str = concat!(
    "select json_build_object('version_num', current_setting('server_version_num')::int, 'database', d.datname, \
     'owner', d.datdba::int8, 'lo_compat_privileges', current_setting('lo_compat_privileges')::bool, \
     'large_objects', (select count(*) from (select from pg_catalog.pg_largeobject_metadata limit 1000) l), \
     'large_objects_of', coalesce((select json_agg(json_build_object('owner', o.lomowner::int8, 'count', o.n, \
       'acl', coalesce((select json_agg(json_build_object('grantee', a.grantee::int8, 'privilege', a.privilege_type)) \
         from aclexplode(o.lomacl) a), '[]'))) \
       from (select lomowner, lomacl, count(*) as n from (select lomowner, lomacl from pg_catalog.pg_largeobject_metadata \
         limit 1000) l group by lomowner, lomacl) o), '[]'), \
     'reads_large_objects', (select coalesce(json_agg(json_build_object('grantee', a.grantee::int8, 'privilege', a.privilege_type)), '[]') \
       from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a \
       where p.pronamespace = 'pg_catalog'::regnamespace and p.proname in ('lo_get', 'lo_open')), \
     'reads_statistics', (select coalesce(json_agg(json_build_object('grantee', g.grantee, 'privilege', g.name)), '[]') from \
       (select a.grantee::int8 as grantee, c.relname as name from pg_catalog.pg_class c, aclexplode(c.relacl) a \
         where c.relnamespace = 'pg_catalog'::regnamespace and c.relname in ('pg_statistic', 'pg_statistic_ext_data') \
         and a.privilege_type = 'SELECT' \
        union select a.grantee::int8, c.relname from pg_catalog.pg_class c \
         join pg_catalog.pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a \
         where c.relnamespace = 'pg_catalog'::regnamespace and c.relname in ('pg_statistic', 'pg_statistic_ext_data') \
         and a.privilege_type = 'SELECT') g), \
     'is_standby', pg_is_in_recovery(), 'lossy_collations', coalesce((select json_agg(collname) \
       from pg_catalog.pg_collation where not collisdeterministic), '[]'), 'acl', ",
    acl!("d.datacl", "d", "d.datdba"),
    ") from pg_catalog.pg_database d where d.datname = current_database()"
);

const ROLES: &str = "select json_agg(json_build_object('oid', oid::int8, 'name', rolname, 'is_superuser', rolsuper, \
     'bypasses_rls', rolbypassrls, 'can_login', rolcanlogin, 'can_create_roles', rolcreaterole, \
     'can_replicate', rolreplication) order by rolname) from pg_catalog.pg_roles";

/// Before 16 a member always may `SET ROLE`, and inherits when it is an inheriting role.
const MEMBERSHIPS_15: &str = "select json_agg(json_build_object('role', m.roleid::int8, 'member', m.member::int8, \
     'inherits', r.rolinherit, 'may_set', true, 'is_admin', m.admin_option)) \
     from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.member";
const MEMBERSHIPS: &str = "select json_agg(json_build_object('role', m.roleid::int8, 'member', m.member::int8, \
     'inherits', m.inherit_option, 'may_set', m.set_option, 'is_admin', m.admin_option)) \
     from pg_catalog.pg_auth_members m";

const ROLE_SETTINGS: &str = "select json_agg(json_build_object('role', s.setrole::int8, \
     'is_of_database', s.setdatabase <> 0, 'settings', s.setconfig)) from pg_catalog.pg_db_role_setting s \
     where s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))";

const SCHEMAS: &str = concat!(
    "select json_agg(json_build_object('name', n.nspname, 'owner', n.nspowner::int8, 'acl', ",
    acl!("n.nspacl", "n", "n.nspowner"),
    ") order by n.nspname) from pg_catalog.pg_namespace n where ",
    ours!("n")
);

const RELATIONS: &str = concat!(
    "select json_agg(json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, \
     'kind', c.relkind, 'owner', c.relowner::int8, 'has_rls', c.relrowsecurity, 'forces_rls', c.relforcerowsecurity, \
     'is_partition', c.relispartition, 'estimated_rows', c.reltuples, 'options', coalesce(c.reloptions, '{}'), \
     'parents', coalesce((select json_agg(i.inhparent::int8) from pg_catalog.pg_inherits i where i.inhrelid = c.oid), '[]'), \
     'acl', case when c.relkind = 'S' then ",
    acl!("c.relacl", "s", "c.relowner"),
    " else ",
    acl!("c.relacl", "r", "c.relowner"),
    " end, 'definition', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end, \
     'extension', e.name, 'server', s.srvname, \
     'owned_by', (select json_build_object('relation', d.refobjid::int8, 'column', d.refobjsubid) \
       from pg_catalog.pg_depend d where c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid \
       and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0 limit 1), \
     'columns', coalesce(cols.list, '[]')) order by n.nspname, c.relname) \
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     left join pg_catalog.pg_foreign_table ft on ft.ftrelid = c.oid \
     left join pg_catalog.pg_foreign_server s on s.oid = ft.ftserver \
     left join lateral (select x.extname as name from pg_catalog.pg_depend d join pg_catalog.pg_extension x on x.oid = d.refobjid \
       where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_extension'::regclass \
       and d.deptype = 'e' limit 1) e on true \
     left join lateral (select json_agg(json_build_object('number', a.attnum, 'name', a.attname, \
       'type_name', format_type(a.atttypid, a.atttypmod), \
       'domain_of', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, 'is_not_null', a.attnotnull, \
       'default', pg_get_expr(f.adbin, f.adrelid), 'generated', a.attgenerated, 'identity', a.attidentity, \
       'is_deterministic', coalesce(co.collisdeterministic, true), 'type_kind', t.typtype, \
       'acl', case when a.attacl is null then '[]' else ",
    acl!("a.attacl", "c", "c.relowner"),
    " end) order by a.attnum) as list \
       from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid \
       left join pg_catalog.pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum \
       left join pg_catalog.pg_collation co on co.oid = a.attcollation \
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) cols on true \
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ",
    ours!("n")
);

const POLICIES: &str = "select json_agg(json_build_object('relation', polrelid::int8, 'name', polname, \
     'command', polcmd, 'is_permissive', polpermissive, \
     'roles', (select json_agg(r::int8) from unnest(polroles) r), \
     'using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid)) \
     order by polrelid, polname) from pg_catalog.pg_policy";

const CONSTRAINTS: &str = concat!(
    "select json_agg(json_build_object('relation', k.conrelid::int8, 'name', k.conname, 'kind', k.contype, \
     'columns', coalesce(k.conkey, '{}'), 'references', nullif(k.confrelid, 0)::int8, \
     'referenced_columns', coalesce(k.confkey, '{}'), 'index', k.conindid::int8, \
     'definition', pg_get_constraintdef(k.oid), 'on_delete', k.confdeltype, 'on_update', k.confupdtype, \
     'is_validated', k.convalidated, 'is_inherited', k.conparentid <> 0 or k.coninhcount > 0) \
     order by k.conrelid, k.conname) \
     from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid \
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace where k.contype in ('p', 'u', 'f', 'x', 'c') and ",
    ours!("n")
);

const INDEXES: &str = concat!(
    "select json_agg(json_build_object('oid', i.indexrelid::int8, 'relation', i.indrelid::int8, 'name', x.relname, \
     'is_unique', i.indisunique, 'is_exclusion', i.indisexclusion, 'is_valid', i.indisvalid, \
     'columns', (select json_agg(k order by o) from unnest(i.indkey::int2[]) with ordinality u(k, o) where o <= i.indnkeyatts), \
     'keys', (select json_agg(pg_get_indexdef(i.indexrelid, o, true) order by o) from generate_series(1, i.indnkeyatts::int) o), \
     'predicate', pg_get_expr(i.indpred, i.indrelid), 'definition', pg_get_indexdef(i.indexrelid)) \
     order by i.indrelid, x.relname) \
     from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid \
     join pg_catalog.pg_namespace n on n.oid = x.relnamespace where ",
    ours!("n")
);

const TRIGGERS: &str = "select json_agg(json_build_object('relation', tgrelid::int8, 'name', tgname, \
     'function', tgfoid::int8, 'is_enabled', tgenabled <> 'D', 'timing', tgtype, 'definition', pg_get_triggerdef(oid), \
     'transitions', to_json(array_remove(array[tgoldtable::text, tgnewtable::text], null))) \
     order by tgrelid, tgname) from pg_catalog.pg_trigger where not tgisinternal";

const RULES: &str = concat!(
    "select json_agg(json_build_object('relation', r.ev_class::int8, 'name', r.rulename, \
     'is_enabled', r.ev_enabled <> 'D', 'definition', pg_get_ruledef(r.oid))) from pg_catalog.pg_rewrite r \
     join pg_catalog.pg_class c on c.oid = r.ev_class join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     where r.rulename <> '_RETURN' and ",
    ours!("n")
);

const FUNCTIONS: &str = concat!(
    "select json_agg(json_build_object('oid', p.oid::int8, 'schema', n.nspname, 'name', p.proname, \
     'identity_arguments', pg_get_function_identity_arguments(p.oid), \
     'argument_types', coalesce((select json_agg(format_type(t, null) order by o) \
       from unnest(p.proargtypes::oid[]) with ordinality u(t, o)), '[]'), \
     'argument_names', coalesce((select json_agg(coalesce(a.name, '') order by o) from \
       unnest(coalesce(p.proargnames, '{}'::text[])) with ordinality a(name, o) \
       where coalesce(p.proargmodes[o], 'i') in ('i', 'b', 'v')), '[]'), \
     'defaults', p.pronargdefaults, \
     'returns', coalesce(pg_get_function_result(p.oid), ''), 'returns_set', p.proretset, 'owner', p.proowner::int8, \
     'is_definer', p.prosecdef, 'is_leakproof', p.proleakproof, 'volatility', p.provolatile, 'language', l.lanname, \
     'kind', p.prokind, 'settings', coalesce(p.proconfig, '{}'), 'source', p.prosrc, \
     'sql_body', pg_get_function_sqlbody(p.oid), \
     'outputs', coalesce((select json_agg(a.name order by o) from \
       unnest(coalesce(p.proargnames, '{}'::text[])) with ordinality a(name, o) \
       where p.proargmodes[o] in ('o', 't') and a.name <> ''), '[]'), \
     'runs', coalesce((select json_agg(distinct x.f) from pg_catalog.pg_aggregate g, \
       unnest(array[g.aggtransfn::int8, g.aggfinalfn::int8, g.aggcombinefn::int8, g.aggmtransfn::int8, \
       g.aggminvtransfn::int8, g.aggmfinalfn::int8]) x(f) where g.aggfnoid = p.oid and x.f <> 0), '[]'), \
     'extension', e.name, 'acl', ",
    acl!("p.proacl", "f", "p.proowner"),
    ") order by n.nspname, p.proname, p.oid) \
     from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace \
     join pg_catalog.pg_language l on l.oid = p.prolang \
     left join lateral (select x.extname as name from pg_catalog.pg_depend d join pg_catalog.pg_extension x on x.oid = d.refobjid \
       where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_extension'::regclass \
       and d.deptype = 'e' limit 1) e on true where ",
    ours!("n")
);

const DEPENDENCIES: &str = "select json_agg(distinct jsonb_build_object('view', r.ev_class::int8, \
     'relation', case when d.refclassid = 'pg_class'::regclass then d.refobjid::int8 else 0 end, \
     'function', case when d.refclassid = 'pg_proc'::regclass then d.refobjid::int8 else 0 end)) \
     from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass \
     where d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass) and d.refobjid <> r.ev_class and r.ev_type = '1' \
     and d.refobjid >= 16384";

const DEFAULT_PRIVILEGES: &str = concat!(
    "select json_agg(json_build_object('owner', d.defaclrole::int8, 'schema', n.nspname, 'kind', d.defaclobjtype, 'acl', ",
    "coalesce((select json_agg(json_build_object('grantee', a.grantee::int8, 'privilege', a.privilege_type)) \
     from aclexplode(d.defaclacl) a), '[]')",
    ")) from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace"
);

const PUBLICATIONS: &str = "select json_agg(json_build_object('name', p.pubname, 'owner', p.pubowner::int8, \
     'is_of_all', p.puballtables, \
     'schemas', coalesce((select json_agg(n.nspname) from pg_catalog.pg_publication_namespace s \
       join pg_catalog.pg_namespace n on n.oid = s.pnnspid where s.pnpubid = p.oid), '[]'), \
     'tables', coalesce((select json_agg(json_build_object('relation', r.prrelid::int8, \
       'filter', pg_get_expr(r.prqual, r.prrelid))) from pg_catalog.pg_publication_rel r where r.prpubid = p.oid), '[]'))) \
     from pg_catalog.pg_publication p";

const EXTENSIONS: &str = "select json_agg(json_build_object('name', x.extname, 'schema', n.nspname, 'version', x.extversion)) \
     from pg_catalog.pg_extension x join pg_catalog.pg_namespace n on n.oid = x.extnamespace";

const STATISTICS: &str = concat!(
    "select json_agg(json_build_object('schema', n.nspname, 'name', s.stxname, 'relation', s.stxrelid::int8, \
     'owner', s.stxowner::int8, 'definition', pg_get_statisticsobjdef(s.oid))) \
     from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace where ",
    ours!("n")
);

const FOREIGN_SERVERS: &str = concat!(
    "select json_agg(json_build_object('name', s.srvname, 'wrapper', w.fdwname, 'acl', ",
    acl!("s.srvacl", "S", "s.srvowner"),
    ", 'mapped', coalesce((select json_agg(m.umuser::int8) from pg_catalog.pg_user_mappings m where m.srvid = s.oid), '[]'))) \
     from pg_catalog.pg_foreign_server s join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw"
);

const EVENT_TRIGGERS: &str = "select json_agg(json_build_object('name', evtname, 'function', evtfoid::int8, \
     'event', evtevent, 'is_enabled', evtenabled <> 'D')) from pg_catalog.pg_event_trigger";

const OPERATORS: &str = "select json_agg(json_build_object('schema', o.schema, 'name', o.name, 'is_of_extension', o.is_of_extension)) \
     from (select n.nspname as schema, o.oprname as name, bool_and(exists (select from pg_catalog.pg_depend d \
         where d.classid = 'pg_operator'::regclass and d.objid = o.oid and d.refclassid = 'pg_extension'::regclass \
         and d.deptype = 'e')) as is_of_extension \
       from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace \
       where n.nspname <> 'pg_catalog' group by n.nspname, o.oprname) o";

/// Reads all of it, in one read-only transaction of one snapshot.
///
/// # Errors
/// When the login may not, or the server is older than PostgreSQL 15.
pub async fn read(client: &mut Client) -> Result<Catalog, Fault> {
    let begin = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = begin.start().await.map_err(Fault::while_("beginning to read the catalogue"))?;
    let setting =
        "set local search_path = ''; set local statement_timeout = '60s'; set local quote_all_identifiers = off";
    tx.batch_execute(setting).await.map_err(Fault::while_("beginning to read the catalogue"))?;
    let server: super::model::Server = one(&tx, SERVER).await?;
    if server.version_num < 150_000 {
        let major = server.version_num / 10_000;
        return Err(Fault::Refused(format!("PostgreSQL {major} is too old to be judged: 15 and later are.")));
    }
    let memberships = if server.version_num < 160_000 { MEMBERSHIPS_15 } else { MEMBERSHIPS };
    let catalog = Catalog {
        roles: one(&tx, ROLES).await?,
        memberships: one(&tx, memberships).await?,
        role_settings: one(&tx, ROLE_SETTINGS).await?,
        schemas: one(&tx, SCHEMAS).await?,
        relations: one(&tx, RELATIONS).await?,
        policies: one(&tx, POLICIES).await?,
        constraints: one(&tx, CONSTRAINTS).await?,
        indexes: one(&tx, INDEXES).await?,
        triggers: one(&tx, TRIGGERS).await?,
        rules: one(&tx, RULES).await?,
        functions: one(&tx, FUNCTIONS).await?,
        dependencies: one(&tx, DEPENDENCIES).await?,
        default_privileges: one(&tx, DEFAULT_PRIVILEGES).await?,
        publications: one(&tx, PUBLICATIONS).await?,
        extensions: one(&tx, EXTENSIONS).await?,
        statistics: one(&tx, STATISTICS).await?,
        foreign_servers: one(&tx, FOREIGN_SERVERS).await?,
        event_triggers: one(&tx, EVENT_TRIGGERS).await?,
        operators: one(&tx, OPERATORS).await?,
        server,
    };
    tx.rollback().await.map_err(Fault::while_("ending the reading of the catalogue"))?;
    Ok(catalog)
}

/// One document; an empty list where there is nothing.
async fn one<T: DeserializeOwned>(tx: &Transaction<'_>, sql: &'static str) -> Result<T, Fault> {
    let row = tx.query_one(sql, &[]).await.map_err(Fault::while_("reading the catalogue"))?;
    let document: Option<serde_json::Value> = row.get(0);
    let document = document.unwrap_or_else(|| serde_json::Value::Array(Vec::new()));
    serde_json::from_value(document).map_err(|error| {
        Fault::Refused(format!("the catalogue of this server has another form than is known: {error}"))
    })
}
