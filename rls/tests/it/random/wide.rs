//! What is of a role, of the database or of the server.

use super::dice::Dice;
use super::feature::Made;
use super::scene::{Kind, Scene};
use super::table::{Table, by_administrator};

/// A role that no policy holds: the app's, or one that it may become; the twin is neither.
pub(super) fn bypasses(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let app = scene.one_app();
    let (change, undo) = match (leaks, dice.below(3)) {
        (true, 0) => (format!("alter role {app} bypassrls"), format!("alter role {app} nobypassrls")),
        (true, 1) => (format!("alter role {app} superuser"), format!("alter role {app} nosuperuser")),
        (true, _) => (
            format!("alter role @other@ bypassrls; grant @other@ to {app}"),
            format!("revoke @other@ from {app}; alter role @other@ nobypassrls"),
        ),
        (false, 0) => (format!("grant @other@ to {app}"), format!("revoke @other@ from {app}")),
        (false, _) => ("alter role @other@ bypassrls".to_owned(), "alter role @other@ nobypassrls".to_owned()),
    };
    let ddl = format!(
        "{}grant select on {} to @other@;\ngrant usage on schema {} to @other@;\n{}",
        table.sound(dice, scene),
        table.name,
        scene.schema,
        by_administrator(&format!("{change};\n"))
    );
    Made::of(app, ddl).or_at(&["@other@"]).undone_by(format!("{undo};\n")).everywhere()
}

/// A role of PostgreSQL's own that reads everything.
pub(super) fn reads_all(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let role = if leaks {
        dice.of(&["pg_read_all_data", "pg_write_all_data", "pg_read_server_files", "pg_execute_server_program"])
    } else {
        dice.of(&["pg_read_all_settings", "pg_read_all_data"])
    };
    let to = if leaks || role == "pg_read_all_settings" { scene.one_app() } else { "@other@" };
    let ddl = format!("{}{}", table.sound(dice, scene), by_administrator(&format!("grant {role} to {to};\n")));
    Made::of(to, ddl).or_at(&[role]).undone_by(format!("revoke {role} from {to};\n")).everywhere()
}

/// Every connection begins as one tenant.
pub(super) fn context_of_role(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let whose = dice.of(&["role @app@", "database @db@", "role @app@ in database @db@"]);
    let (name, value) = if leaks {
        ("app.tenant_id", format!("'{}'", scene.two().1))
    } else {
        ("statement_timeout", "'10s'".to_owned())
    };
    let set = by_administrator(&format!("alter {whose} set {name} = {value};\n"));
    Made::of("@app@", format!("{}{set}", table.sound(dice, scene)))
        .or_at(&["@db@"])
        .undone_by(format!("alter {whose} reset {name};\n"))
}

/// The policy calls what the app may replace, or what somebody else may.
pub(super) fn replaceable(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (schema, kind, ctx) = (&scene.schema, scene.type_name(), scene.nullable());
    let function = format!("{}_ours({kind})", table.name);
    let (owner, to) = if leaks { (scene.one_app(), scene.one_app()) } else { ("@other@", "@owner@") };
    let body = if dice.percent(50) {
        format!("language sql stable as $$ select t = {ctx} $$")
    } else {
        format!("language plpgsql stable as $$ begin return t = {ctx}; end $$")
    };
    let made = table.with_policy(scene, &format!("{}_ours(tenant_id)", table.name));
    let ddl = format!(
        "create function {}_ours(t {kind}) returns boolean {body};\n{}{}",
        table.name,
        made.ddl,
        by_administrator(&format!(
            "alter function {function} owner to {owner};\ngrant create on schema {schema} to {to};\n"
        ))
    );
    Made::of(function, ddl).or_at(&[&table.name, schema])
}

/// Stored files, whose folder is the tenant.
pub(super) fn files(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let ctx = format!("{}::text", scene.nullable());
    let ways: &[&str] = match (leaks, scene.kind) {
        (true, Kind::Uuid) => {
            &["true", "position(CTX in name) > 0", "left((storage.foldername(name))[1], 8) = left(CTX, 8)"]
        }
        (true, _) => &["true", "position(CTX in name) > 0", "name like CTX || '%'", "starts_with(name, CTX)"],
        (false, _) => {
            &["(storage.foldername(name))[1] = CTX", "split_part(name, '/', 1) = CTX", "starts_with(name, CTX || '/')"]
        }
    };
    let (using, app) = (dice.of(ways).replace("CTX", &ctx), scene.app());
    let storage = by_administrator(&format!(
        "create schema storage;\ngrant usage on schema storage to {app}, @owner@;\n\
         create function storage.foldername(name text) returns text[] language plpgsql immutable as $$\n\
         declare parts text[] := string_to_array(name, '/');\nbegin return parts[1:array_length(parts, 1) - 1]; end $$;\n\
         create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text not null,\n  \
         name text not null, owner_id text, metadata jsonb);\nalter table storage.objects owner to @owner@;\n\
         alter table storage.objects enable row level security;\n\
         grant select, insert, update, delete on storage.objects to {app};\n\
         create policy files on storage.objects using (bucket_id = 'files' and {using});\n"
    ));
    let ddl = format!("{}{storage}", table.sound(dice, scene));
    let made = Made::of("storage.objects", ddl).undone_by("drop schema storage cascade;\n");
    Made { schemas: vec!["storage"], ..made }
}

/// The planner's catalogue, granted.
pub(super) fn statistics(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let to = if leaks { dice.of(&["public", scene.one_app()]) } else { "@other@" };
    let grant = by_administrator(&format!("grant select on pg_statistic to {to};\n"));
    Made::of("pg_catalog.pg_statistic", format!("{}{grant}", table.sound(dice, scene)))
        .or_at(&[scene.one_app(), "@db@"])
        .undone_by(format!("revoke select on pg_statistic from {to};\n"))
}

/// Tables to come, open from their first moment.
pub(super) fn default_privileges(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    // Rows of tables to come are a hole where they are everybody's, or with what no policy holds back.
    let (to, what) = match (leaks, dice.below(2)) {
        (true, 0) => ("public", dice.of(&["select", "select, insert", "all"])),
        (true, _) => (scene.one_app(), "all"),
        (false, 0) => ("@other@", dice.of(&["select", "select, insert", "all"])),
        (false, _) => (scene.one_app(), dice.of(&["select", "select, insert"])),
    };
    let (wherever, is_of_schema) = dice.of(&[("", false), (" in schema SCHEMA", true)]);
    let wherever = wherever.replace("SCHEMA", &scene.schema);
    let undo = if is_of_schema {
        String::new()
    } else {
        format!("alter default privileges for role @owner@ revoke {what} on tables from {to};\n")
    };
    let ddl = format!(
        "{}alter default privileges for role @owner@{wherever} grant {what} on tables to {to};\n",
        table.sound(dice, scene)
    );
    Made::of(&scene.schema, ddl).or_at(&["@owner@", "@db@"]).undone_by(undo)
}

/// Who may create objects where others look for theirs.
pub(super) fn schema_create(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let (schema, app) = (&scene.schema, scene.one_app());
    let (to, more, undo) = match (leaks, dice.below(3)) {
        (true, 0) => ("public", String::new(), String::new()),
        (true, 1) => ("@other@", format!("grant @other@ to {app};\n"), format!("revoke @other@ from {app};\n")),
        (true, _) => (app, String::new(), String::new()),
        (false, _) => ("@other@", String::new(), String::new()),
    };
    let grant = by_administrator(&format!("grant create on schema {schema} to {to};\n{more}"));
    Made::of(schema, format!("{}{grant}", table.sound(dice, scene))).undone_by(undo)
}

/// Connections of its own, which no transaction of ours ends.
pub(super) fn extension(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let app = scene.one_app();
    let (extension, create, undo) = match (leaks, dice.percent(50)) {
        (true, true) => ("dblink", "create extension dblink;\n".to_owned(), "drop extension dblink;\n"),
        (true, false) => (
            "postgres_fdw",
            format!(
                "create extension postgres_fdw;\n\
                 create server loopback foreign data wrapper postgres_fdw options (dbname '@db@');\n\
                 grant usage on foreign server loopback to {app};\n\
                 create user mapping for {app} server loopback options (user 'x', password 'y');\n"
            ),
            "drop extension postgres_fdw cascade;\n",
        ),
        (false, true) => (
            "dblink",
            "create schema tools;\ncreate extension dblink schema tools;\nrevoke all on schema tools from public;\n"
                .to_owned(),
            "drop schema tools cascade;\n",
        ),
        (false, false) => ("hstore", "create extension hstore;\n".to_owned(), "drop extension hstore;\n"),
    };
    let ddl = format!("{}{}", table.sound(dice, scene), by_administrator(&create));
    Made::of(extension, ddl).or_at(&["loopback"]).undone_by(undo)
}

/// A release with known holes, or one that closes them.
pub(super) fn server(dice: &mut Dice, scene: &Scene, table: &Table, leaks: bool) -> Made {
    let version =
        if leaks { dice.of(&[150_002, 150_013, 160_004, 170_005]) } else { dice.of(&[150_020, 160_016, 170_012]) };
    let made = Made::of("@db@", table.sound(dice, scene));
    Made { version: Some(version), is_of_the_catalogue: true, ..made }
}
