//! Databases that somebody made to break us, or that are merely broken: an answer or a clear refusal, no injection.

use tenantry_rls::config::Settings;
use tenantry_rls::finding::{Finding, Severity};
use tenantry_rls::name::ident;

use crate::place::{Place, verified};

/// Names that a careless statement would trip over.
const NAMES: &[&str] = &[
    "or\"ders",
    "x\"; drop table victims; --",
    "'; drop table victims; --",
    "line\nbreak",
    "tab\there",
    "select",
    "user",
    "back\\slash",
    "über größe 表",
    "a.b",
    "with space",
    "$body$",
    "%s %I",
    "${jndi}",
    "<b>&amp;</b>",
    "UPPER",
    "0123456789012345678901234567890123456789012345678901234567890ab",
];

fn settings(schemas: &[&str], role: &str, column: &str) -> Settings {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let schemas: Vec<String> = schemas.iter().map(|schema| quoted(schema)).collect();
    Settings::parse(&format!(
        "schemas = [{}]\napp_roles = [{}]\ntenant_column = {}\ntenant_type = \"uuid\"\n[context]\nkind = \"guc\"\n\
         vars = {{ \"app.tenant_id\" = \"$tenant\" }}",
        schemas.join(", "),
        quoted(role),
        quoted(column)
    ))
    .unwrap()
}

async fn judged(place: &Place, settings: &Settings) -> Vec<Finding> {
    let catalog = place.catalog().await.unwrap();
    let mut findings = verified(&catalog, settings).unwrap();
    findings.extend(place.attack(&catalog, settings).await.unwrap());
    findings.retain(|finding| finding.severity > Severity::Info);
    findings
}

/// A table, policy, column and function of each name, in a schema of that name: open where `is_open`.
fn of_name(name: &str, is_open: bool) -> String {
    let (n, using) =
        (ident(name), if is_open { "true" } else { "T = nullif(current_setting('app.tenant_id', true), '')::uuid" });
    let tag = "$of_a_name$";
    format!(
        "create schema {n} authorization @owner@;\ngrant usage on schema {n} to @app@;\n\
         create table {n}.{n} (\"the \"\"tenant\" uuid not null, {n} text, id uuid default gen_random_uuid(), primary key (\"the \"\"tenant\", id));\n\
         alter table {n}.{n} owner to @owner@;\n\
         alter table {n}.{n} enable row level security;\nalter table {n}.{n} force row level security;\n\
         create policy {n} on {n}.{n} using ({});\ngrant select, insert, update, delete on {n}.{n} to @app@;\n\
         create view {n}.\"of {}\" with (security_invoker) as select * from {n}.{n};\n\
         grant select on {n}.\"of {}\" to @app@;\n\
         create function {n}.\"f {}\"({n} text) returns text language sql as {tag} select '' {tag};\n",
        using.replace('T', "\"the \"\"tenant\""),
        &n[1..n.len() - 1].chars().take(20).collect::<String>().trim_end_matches('"').replace('"', ""),
        &n[1..n.len() - 1].chars().take(20).collect::<String>().trim_end_matches('"').replace('"', ""),
        &n[1..n.len() - 1].chars().take(20).collect::<String>().trim_end_matches('"').replace('"', ""),
    )
}

#[tokio::test]
async fn names_stay_names() {
    let place = Place::new().await;
    place.administrate("create table victims (id int)").await.unwrap();
    for (at, name) in NAMES.iter().enumerate() {
        place.administrate(&of_name(name, at % 2 == 0)).await.unwrap_or_else(|fault| panic!("{name:?}: {fault}"));
    }
    let findings = judged(&place, &settings(NAMES, &place.role("app"), "the \"tenant")).await;
    for (at, name) in NAMES.iter().enumerate() {
        let object = format!("{name}.{name}");
        let is_found = findings.iter().any(|finding| finding.object == object);
        assert_eq!(is_found, at % 2 == 0, "{object:?}");
    }
    place.administrate("select from victims").await.expect("nothing of a name was run");
    place.remove().await;
}

#[tokio::test]
async fn a_role_and_a_database_setting_may_have_any_name() {
    let place = Place::new().await;
    let role = format!("ro\"le'; drop table victims; -- {}", place.role("app"));
    let n = ident(&role);
    let ddl = format!(
        "create table victims (id int);\ncreate role {n} login;\ncreate table t (tenant_id uuid primary key);\n\
         grant select on t to {n};\n"
    );
    place.administrate(&ddl).await.unwrap();
    let findings = judged(&place, &settings(&["public"], &role, "tenant_id")).await;
    assert!(findings.iter().any(|finding| finding.object == "public.t"), "{findings:#?}");
    place.administrate(&format!("select from victims; drop owned by {n}; drop role {n}")).await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn views_in_a_circle_end() {
    let place = Place::new().await;
    let ddl = "create table t (tenant_id uuid primary key, note text);\nalter table t enable row level security;\n\
         create policy own on t using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);\n\
         grant select on t to @app@;\n\
         create view a as select tenant_id, note from t;\ncreate view b as select * from a;\n\
         create or replace view a as select tenant_id, note from b;\ngrant select on a, b to @app@;\n";
    place.load(ddl).await.unwrap();
    judged(&place, &settings(&["public"], &place.role("app"), "tenant_id")).await;
    place.remove().await;
}

/// Bodies that do not parse, and what was taken from under them.
const BROKEN: &str = "set check_function_bodies = off;\n\
     create table t (tenant_id uuid primary key, note text);\nalter table t enable row level security;\n\
     alter table t force row level security;\n\
     create function f_sql() returns int language sql security definer set search_path = '' as 'select from where';\n\
     create function f_gone() returns setof text language sql security definer set search_path = '' as 'select x from public.gone';\n\
     create function f_plpgsql() returns int language plpgsql security definer set search_path = '' as 'begin if then; end';\n\
     create function f_empty() returns int language plpgsql security definer set search_path = '' as '';\n\
     create function f_type() returns int language plpgsql security definer set search_path = '' as \
       'declare x public.gone%rowtype; begin return 1; end';\n\
     create function f_self(n int) returns boolean language sql stable as 'select public.f_self(n)';\n\
     create function ours(t uuid) returns boolean language sql stable as 'select t = (select from nothing';\n\
     create policy own on t using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid and ours(tenant_id));\n\
     create policy self on t for select using (f_self(1));\n\
     create trigger broken before insert on t for each row execute function suppress_redundant_updates_trigger();\n\
     grant select, insert on t to @app@;\n";

#[tokio::test]
async fn broken_functions_break_nothing() {
    let place = Place::new().await;
    place
        .load(&BROKEN.replace("create trigger broken before insert", "create trigger broken before update"))
        .await
        .unwrap();
    let findings = judged(&place, &settings(&["public"], &place.role("app"), "tenant_id")).await;
    let says = |object: &str| findings.iter().any(|finding| finding.object == object);
    assert!(says("public.t"), "a policy that cannot be judged is said: {findings:#?}");
    assert!(says("public.f_sql()") && says("public.f_plpgsql()"), "so is a body: {findings:#?}");
    place.remove().await;
}

#[tokio::test]
async fn whoever_is_no_administrator_is_told_so() {
    let place = Place::new().await;
    place.load("create table t (tenant_id uuid primary key);\ngrant select on t to @app@;\n").await.unwrap();
    let settings = settings(&["public"], &place.role("app"), "tenant_id");
    let catalog = place.catalog().await.unwrap();
    let answer = place.attack_as("app", &catalog, &settings).await;
    let fault = answer.expect_err("an app role cannot act as others");
    assert!(fault.contains("superuser") || fault.contains("administrator") || fault.contains("permission"), "{fault}");
    place.remove().await;
}

#[tokio::test]
async fn what_does_not_exist_is_refused_by_its_name() {
    let place = Place::new().await;
    let catalog = place.catalog().await.unwrap();
    let role = place.role("app");
    for (schema, role, named) in [("nowhere", role.as_str(), "nowhere"), ("public", "no\"body", "body")] {
        let fault = verified(&catalog, &settings(&[schema], role, "tenant_id")).unwrap_err();
        assert!(fault.contains(named), "{fault}");
    }
    place.remove().await;
}

/// As many tables as the largest installations have. `cargo test -p tenantry-rls --test it -- --ignored --nocapture
/// many_tables` says how long each number takes.
#[expect(clippy::print_stdout, reason = "for whoever asks with --nocapture")]
#[tokio::test]
#[ignore = "prints what it takes; some minutes"]
async fn many_tables() {
    for count in [500, 10_000] {
        let place = Place::new().await;
        let ddl = format!(
            "do $$ begin for i in 1..{count} loop\n\
               execute format('create table t%s (tenant_id uuid not null, id uuid not null, note text, primary key (tenant_id, id))', i);\n\
               execute format('alter table t%s enable row level security', i);\n\
               execute format('create policy own on t%s using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', i);\n\
               execute format('grant select, insert, update, delete on t%s to @app@', i);\n\
               if i % 1000 = 0 then commit; end if;\n\
             end loop; end $$;"
        );
        place.administrate(&ddl).await.unwrap();
        let settings = settings(&["public"], &place.role("app"), "tenant_id");
        let began = std::time::Instant::now();
        let catalog = place.catalog().await.unwrap();
        let read = began.elapsed();
        let findings = verified(&catalog, &settings).unwrap();
        let above = findings.iter().filter(|finding| finding.severity > Severity::Info).count();
        println!("{count} tables: read in {read:?}, judged in {:?}: {above} findings", began.elapsed() - read);
        place.remove().await;
    }
}
