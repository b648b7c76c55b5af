//! The command line: where things come from, where they go, and what a run ends with.

use crate::bed::{Bed, Run};

const SCHEMA: &str = "create role $p_app login;
    create table orders (id bigint primary key, tenant_id uuid not null, note text);
    alter table orders enable row level security;
    alter table orders force row level security;
    create policy tenant on orders to $p_app using (tenant_id = current_setting('app.tenant_id')::uuid);
    grant select on orders to $p_app;";

pub(crate) const SETTINGS: &str = r#"
schemas = ["public"]
app_roles = ["$p_app"]
tenant_column = "tenant_id"
tenant_type = "uuid"
[context]
kind = "guc"
vars = { "app.tenant_id" = "$tenant" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_schema_ends_with_0_and_says_what_was_judged() {
    let bed = Bed::new(SCHEMA).await.with(SETTINGS);
    let run = bed.run(&["verify"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    assert!(run.out.starts_with("Nothing found. 1 table, 1 policy"), "{}", run.out);
    assert!(!run.out.contains('\x1b'), "a pipe gets no colours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_configuration_ends_with_2_and_says_how_to_write_one() {
    let bed = Bed::new("").await;
    let run = bed.run(&["verify"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("rls.toml cannot be read") && run.err.contains("tenantry rls init"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_it_says_how_to_name_one() {
    let bed = Bed::new("create role $p_app").await.with(SETTINGS);
    let run = Run::of(bed.command(&["verify"]).env_remove("DATABASE_URL").output().unwrap());
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--url"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_goes_where_it_is_wanted_and_nothing_else_to_standard_output() {
    let bed = Bed::new(SCHEMA).await.with(SETTINGS);
    let run = bed.run(&["verify", "--format", "json", "--output", "report.json"]);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""));
    let written = std::fs::read_to_string(bed.folder.path().join("report.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap()["verb"], "verify");
    let run = bed.run(&["verify", "--output", "no/such/folder/report"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("no/such/folder/report cannot be written"), "{}", run.err);
}

/// Whatever is wrong with a URL, what it holds is not said.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_never_said() {
    let bed = Bed::new("create role $p_app").await.with(SETTINGS);
    let urls = [
        "postgresql://postgres:hunter2canary@127.0.0.1:1/nowhere",
        "postgresql://postgres:hunter2canary@%zz/nowhere",
        "postgresql://postgres:p?hunter2canary=1@127.0.0.1/x",
        "postgresql://postgres:x#hunter2canary@127.0.0.1:hunter2canary/x",
        "postgresql://127.0.0.1/x?password=hunter2canary&port=hunter2canary",
        "host=127.0.0.1 password='hunter2canary",
        "host=127.0.0.1 hunter2canary=1",
        "hunter2canary",
    ];
    for url in urls {
        for verb in ["verify", "attack", "init", "plan", "apply"] {
            let run = bed.run(&[verb, "--url", url]);
            assert_eq!(run.code, 2, "{verb} {url}: {}", run.err);
            assert!(!run.err.contains("hunter2canary") && !run.out.contains("hunter2canary"), "{url}: {}", run.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_column_that_no_table_has_lets_nothing_pass() {
    let open =
        "create role $p_app login; create table orders (id bigint, owner uuid); grant select on orders to $p_app";
    let bed = Bed::new(open).await.with(&SETTINGS.replace("\"tenant_id\"", "\"tenent_id\""));
    for verb in ["verify", "attack", "plan"] {
        let run = bed.run(&[verb]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{verb}");
        assert!(run.err.contains("no table of the schemas public has the column tenent_id"), "{}", run.err);
    }
}
