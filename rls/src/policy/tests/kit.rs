//! The catalogue that the conditions are judged on, and what each kind of context says.

use serde_json::{Value as Json, json};

use crate::catalog::{Catalog, Function, Relation};

const APP: u32 = 10;

/// `name type`, with `!` for not null.
fn columns(list: &[&str]) -> Json {
    let column = |(at, text): (usize, &&str)| {
        let (name, kind) = text.split_once(' ').unwrap();
        json!({ "number": at + 1, "name": name, "type_name": kind.trim_end_matches('!'), "is_not_null": kind.ends_with('!'),
            "default": null, "generated": "", "identity": "", "acl": [], "is_deterministic": !name.starts_with("ci_"), "type_kind": "b" })
    };
    Json::Array(list.iter().enumerate().map(column).collect())
}

fn relation(oid: u32, name: &str, list: &[&str]) -> Relation {
    let (schema, name) = name.split_once('.').unwrap_or(("public", name));
    let acl = json!([{ "grantee": APP, "privilege": "SELECT" }]);
    serde_json::from_value(
        json!({ "oid": oid, "schema": schema, "name": name, "kind": "r", "owner": 1, "has_rls": false,
        "forces_rls": true, "is_partition": false, "parents": [], "acl": acl, "options": [], "columns": columns(list),
        "definition": null, "extension": null, "owned_by": null, "estimated_rows": 0.0, "server": null }),
    )
    .unwrap()
}

fn function(oid: u32, name: &str, args: &[(&str, &str)], returns: &str, language: &str, source: &str) -> Function {
    let (schema, name) = name.split_once('.').unwrap_or(("public", name));
    let (names, types): (Vec<&str>, Vec<&str>) = args.iter().copied().unzip();
    let returns_set = returns.starts_with("SETOF");
    serde_json::from_value(json!({ "oid": oid, "schema": schema, "name": name, "identity_arguments": types.join(", "),
        "argument_types": types, "argument_names": names, "defaults": 0, "runs": [], "outputs": [], "returns": returns, "returns_set": returns_set, "owner": 1,
        "is_definer": false, "is_leakproof": false, "volatility": "s", "language": language, "kind": "f",
        "settings": [], "source": source, "sql_body": null, "acl": [], "extension": null }))
    .unwrap()
}

fn role(oid: u32, name: &str) -> Json {
    json!({ "oid": oid, "name": name, "is_superuser": name == "postgres", "bypasses_rls": false,
        "can_login": true, "can_create_roles": false, "can_replicate": false })
}

fn constraint(relation: u32, kind: &str, columns: &[i16], references: Option<u32>) -> Json {
    json!({ "relation": relation, "name": format!("c{relation}{kind}"), "kind": kind, "columns": columns,
        "references": references, "referenced_columns": [1], "index": 0, "definition": "", "on_delete": "a",
        "on_update": "a", "is_validated": true, "is_inherited": false })
}

fn functions() -> Vec<Function> {
    let claims = "select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), \
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid";
    let jwt = "select coalesce(nullif(current_setting('request.jwt.claim', true), ''), \
        nullif(current_setting('request.jwt.claims', true), ''))::jsonb";
    let strict = "begin if current_setting('app.tenant_id', true) is null then raise exception 'no tenant'; end if; \
        return current_setting('app.tenant_id')::uuid; end";
    let open = "declare t text := current_setting('app.tenant_id', true); begin if t is null or t = '' then \
        return wanted; end if; return t::uuid; end";
    let member = "declare found_role text; begin select m.role into found_role from members m \
        where m.tenant_id = wanted and m.user_id = current_setting('app.user_id')::uuid; return found_role is not null; end";
    let anybody =
        "begin perform 1 from members m where m.user_id = current_setting('app.user_id')::uuid; return found; end";
    let caught = "begin return current_setting('app.tenant_id')::uuid; exception when others then return null; end";
    vec![
        function(500, "auth.uid", &[], "uuid", "sql", claims),
        function(501, "auth.jwt", &[], "jsonb", "sql", jwt),
        function(
            502,
            "app.tenant",
            &[],
            "uuid",
            "sql",
            "select nullif(current_setting('app.tenant_id', true), '')::uuid",
        ),
        function(503, "app.strict_tenant", &[], "uuid", "plpgsql", strict),
        function(504, "app.open_tenant", &[("wanted", "uuid")], "uuid", "plpgsql", open),
        function(505, "app.is_member", &[("wanted", "uuid")], "boolean", "plpgsql", member),
        function(506, "app.is_anybody", &[("wanted", "uuid")], "boolean", "plpgsql", anybody),
        function(
            507,
            "app.tenants",
            &[],
            "SETOF uuid",
            "sql",
            "select m.tenant_id from members m where m.user_id = current_setting('app.user_id')::uuid",
        ),
        function(508, "app.yes", &[("wanted", "uuid")], "boolean", "sql", "select true"),
        function(509, "app.opaque", &[("wanted", "uuid")], "boolean", "c", "opaque"),
        function(
            510,
            "app.captured",
            &[("tenant_id", "uuid")],
            "boolean",
            "sql",
            "select exists (select 1 from members where tenant_id = tenant_id and user_id = current_setting('app.user_id')::uuid)",
        ),
        function(511, "app.caught", &[], "uuid", "plpgsql", caught),
        function(
            512,
            "app.looping",
            &[("wanted", "uuid")],
            "boolean",
            "plpgsql",
            "begin loop return true; end loop; end",
        ),
        function(513, "app.recursive", &[("wanted", "uuid")], "boolean", "sql", "select app.recursive(wanted)"),
        function(514, "app.broken", &[], "uuid", "sql", "select from where"),
        function(515, "storage.foldername", &[("name", "text")], "text[]", "plpgsql", "begin return null; end"),
        function(516, "app.is_admin", &[], "boolean", "sql", "select current_setting('app.is_admin', true) = 'on'"),
    ]
}

pub(super) fn catalog() -> Catalog {
    let memberships = json!([]);
    let schema = |name: &str| json!({ "name": name, "owner": 1, "acl": [{ "grantee": 0, "privilege": "USAGE" }] });
    Catalog {
        roles: serde_json::from_value(json!([role(1, "postgres"), role(APP, "app"), role(11, "boss")])).unwrap(),
        memberships: serde_json::from_value(memberships).unwrap(),
        schemas: ["public", "app", "auth", "storage"]
            .map(|name| serde_json::from_value(schema(name)).unwrap())
            .to_vec(),
        relations: vec![
            relation(
                100,
                "docs",
                &[
                    "id uuid!",
                    "tenant_id uuid!",
                    "project_id uuid",
                    "owner_id uuid",
                    "is_public boolean!",
                    "title text",
                    "country_id uuid",
                    "tags uuid[]",
                    "created_at timestamp with time zone",
                ],
            ),
            relation(101, "members", &["tenant_id uuid!", "user_id uuid!", "role text"]),
            relation(102, "projects", &["id uuid!", "tenant_id uuid!", "name text"]),
            relation(103, "notes", &["id uuid!", "doc_id uuid!", "body text", "owner_id uuid"]),
            relation(104, "loose", &["id uuid!", "tenant_id uuid", "body text"]),
            relation(105, "texts", &["id bigint!", "tenant_id text!", "body text"]),
            relation(106, "numbers", &["id bigint!", "tenant_id bigint!", "body text"]),
            relation(107, "citexts", &["id bigint!", "ci_tenant text!", "body text"]),
            relation(108, "admins", &["user_id uuid!"]),
            relation(109, "countries", &["id uuid!", "name text"]),
            relation(110, "storage.objects", &["id uuid!", "bucket_id text", "name text", "owner uuid"]),
            relation(111, "profiles", &["id uuid!", "tenant_id uuid", "email text"]),
            relation(112, "shorts", &["id bigint!", "tenant_id character varying(20)!"]),
            relation(113, "bare", &["id uuid!", "doc_id uuid!"]),
        ],
        constraints: serde_json::from_value(json!([
            constraint(100, "p", &[1], None),
            constraint(100, "f", &[3], Some(102)),
            constraint(100, "f", &[7], Some(109)),
            constraint(101, "p", &[1, 2], None),
            constraint(102, "p", &[1], None),
            constraint(103, "p", &[1], None),
            constraint(103, "f", &[2], Some(100)),
        ]))
        .unwrap(),
        functions: functions(),
        ..Catalog::default()
    }
}

pub(super) const GUC: &str = r#"
    schemas = ["public"]
    app_roles = ["app"]
    tenant_column = "tenant_id"
    tenant_type = "uuid"
    global_tables = ["countries"]
    [tables.texts]
    tenant_type = "text"
    [tables.numbers]
    tenant_type = "bigint"
    [tables.shorts]
    tenant_type = "text"
    [tables.citexts]
    tenant_type = "text"
    tenant_column = "ci_tenant"
    [context]
    kind = "guc"
    vars = { "app.tenant_id" = "$tenant", "app.user_id" = "$user", "app.json" = '{"org": {"id": "$tenant"}}' }
"#;

pub(super) const JWT: &str = r#"
    schemas = ["public"]
    app_roles = ["app"]
    tenant_column = "tenant_id"
    tenant_type = "uuid"
    [context]
    kind = "jwt_claims"
    [context.membership]
    table = "members"
    tenant = "tenant_id"
    user = "user_id"
"#;

pub(super) const ROLES: &str = r#"
    schemas = ["public"]
    app_roles = ["app"]
    tenant_column = "tenant_id"
    tenant_type = "text"
    [context]
    kind = "role"
    roles = { A = "app", B = "boss" }
    tenants = { A = "acme", B = "bolt" }
"#;
