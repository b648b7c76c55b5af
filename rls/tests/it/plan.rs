//! `plan` and `apply`: what they write, what they run, and that nobody who works meanwhile loses anything.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::NoTls;

use crate::bed::{Bed, Run};
use crate::cli::SETTINGS;

/// A database with holes of each kind that statements close.
const LEAKING: &str = "
    create role $p_app login;
    create table tenants (id uuid primary key, name text);
    create table customers (id uuid primary key, tenant_id uuid not null references tenants, email text not null unique);
    create table orders (id bigint generated always as identity primary key, tenant_id uuid not null, note text,
      customer_id uuid not null references customers);
    create table notes (id uuid primary key, tenant_id uuid not null, body text);
    alter table customers enable row level security;
    create policy tenant on customers to $p_app using (tenant_id = current_setting('app.tenant_id')::uuid);
    alter table orders enable row level security;
    create policy tenant on orders to $p_app using (true) with check (true);
    grant select, insert, update, delete, truncate, references, trigger on customers, orders, notes to $p_app;
    insert into tenants values ('00000000-0000-0000-0000-00000000000a', 'A'), ('00000000-0000-0000-0000-00000000000b', 'B');
    insert into customers select gen_random_uuid(), id, name || '@example.com' from tenants;
    insert into orders (tenant_id, customer_id) select tenant_id, id from customers;";

#[tokio::test(flavor = "multi_thread")]
async fn a_leaking_database_is_closed_while_others_write() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    let found = bed.run(&["verify", "--format", "json"]);
    assert_eq!(found.code, 1, "{}{}", found.out, found.err);
    let (writer, is_over) = write_meanwhile(&bed.url);
    let run = bed.run(&["apply", "--yes"]);
    is_over.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written > 0, "the writer wrote");
    assert_eq!(run.code, 0, "{}\n{}", run.out, run.err);
    let count: i64 = bed.client.query_one("select count(*) from orders", &[]).await.unwrap().get(0);
    assert_eq!(count, 2 + written, "no row is lost, and none was refused");
    assert_eq!(bed.run(&["verify", "--format", "json"]).holes(), Vec::<String>::new());
    let again = bed.run(&["apply", "--yes"]);
    assert_eq!(again.code, 0, "what is closed is not closed twice: {}", again.err);
}

/// Writes orders of tenant A until told to end; says how many.
fn write_meanwhile(url: &str) -> (tokio::task::JoinHandle<i64>, Arc<AtomicBool>) {
    let (url, is_over) = (url.to_owned(), Arc::new(AtomicBool::new(false)));
    let ends = Arc::clone(&is_over);
    let writer = tokio::spawn(async move {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let mut written = 0;
        while written == 0 || !ends.load(Ordering::Relaxed) {
            let sql =
                "insert into orders (tenant_id, customer_id) select tenant_id, id from customers where email like 'A%'";
            client.execute(sql, &[]).await.unwrap();
            written += 1;
        }
        written
    });
    (writer, is_over)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_a_file_that_psql_runs() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    let before = bed.run(&["verify", "--format", "json"]).out;
    let run = bed.run(&["plan", "--output", "plan.sql"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""), "{}", run.err);
    let plan = std::fs::read_to_string(bed.folder.path().join("plan.sql")).unwrap();
    assert!(plan.contains("set lock_timeout") && plan.contains("begin;") && plan.contains("-- By itself"), "{plan}");
    assert!(pg_query::parse(&plan, 0).is_ok(), "{plan}");
    assert_eq!(bed.run(&["verify", "--format", "json"]).out, before, "a plan changes nothing");
    for statement in pg_query::split_with_parser(&plan).unwrap() {
        bed.client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    let after = bed.run(&["verify", "--format", "json"]);
    assert_eq!(after.holes(), Vec::<String>::new());
}

/// PostgreSQL's parser reads every statement that is planned: none can lose a row.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_of_a_plan_loses_anything() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    let plan = bed.run(&["plan", "--format", "json"]).json();
    let statements: Vec<&str> = plan["batches"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|batch| batch["statements"].as_array().unwrap())
        .map(|statement| statement["sql"].as_str().unwrap())
        .collect();
    assert!(statements.len() > 5, "{statements:?}");
    for statement in statements {
        let words = statement.to_ascii_lowercase();
        let losing = ["drop table", "drop column", "delete from", "truncate ", "update ", "cascade", "disable row"];
        let truncates = words.starts_with("revoke");
        assert!(truncates || !losing.iter().any(|word| words.contains(word)), "{statement}");
        assert!(tenantry_rls::plan::kind_of(statement).is_some(), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_where_nobody_is() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    let run = bed.run(&["apply"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("nothing was changed") && run.err.contains("--yes"), "{}", run.err);
    assert_eq!(bed.run(&["verify"]).code, 1);
}

/// A statement that fails stops the run, which says what was done and what was not.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_says_where_and_goes_on_from_there() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    bed.execute(
        "create function refuse() returns event_trigger language plpgsql as $$ begin raise 'not on my watch'; end $$;
         create event trigger refuse on ddl_command_start when tag in ('ALTER TABLE') execute function refuse()",
    )
    .await;
    let run = bed.run(&["apply", "--yes"]);
    assert_eq!(run.code, 2, "{}{}", run.out, run.err);
    for said in ["not on my watch", "Done before: public.", "Not done: public."] {
        assert!(run.err.contains(said), "{said}: {}", run.err);
    }
    bed.execute("drop event trigger refuse; drop function refuse").await;
    let again = bed.run(&["apply", "--yes"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
}

/// An index that is broken off half built is invalid and stays, unless somebody drops it.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_broken_off_leaves_nothing_behind() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    bed.execute("begin; lock table customers in row exclusive mode").await;
    let child = bed.command(&["apply", "--yes"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let building = "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() \
        and query like 'create unique index concurrently%' and wait_event_type = 'Lock'";
    let watcher = bed.another().await; // a transaction sees the activity of its beginning
    while watcher.query_opt(building, &[]).await.unwrap().is_none() {}
    bed.execute("commit").await;
    let run = tokio::task::spawn_blocking(move || Run::of(child.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("create unique index concurrently"), "{}", run.err);
    let invalid = "select count(*) from pg_index where not indisvalid";
    assert_eq!(bed.client.query_one(invalid, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(bed.run(&["apply", "--yes"]).code, 0);
}

/// Whoever holds a lock keeps it; the run waits, and goes on when it is let go.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_somebody_else_is_waited_for() {
    let bed = Bed::new(LEAKING).await.with(SETTINGS);
    bed.execute("begin; lock table orders in row exclusive mode").await;
    let child = bed.command(&["apply", "--yes"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.as_ref().map(clone_of).unwrap()).lines();
    let is_waiting = move || lines.find(|line| line.as_ref().unwrap().contains("is locked by others"));
    assert!(tokio::task::spawn_blocking(is_waiting).await.unwrap().is_some(), "it says what it waits for");
    bed.execute("commit").await;
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().status.code());
    assert_eq!(ended.await.unwrap(), Some(0));
}

/// The reading end of a child's pipe, twice.
fn clone_of(pipe: &std::process::ChildStderr) -> std::fs::File {
    use std::os::fd::AsFd as _;
    std::fs::File::from(pipe.as_fd().try_clone_to_owned().unwrap())
}
