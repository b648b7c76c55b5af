//! Runs a plan: a transaction a table, gives way to whoever holds a lock and tries again, and stops at the first failure.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::fault::{Fault, said};
use crate::parser;
use crate::plan::{Batch, LOCK_TIMEOUT, LOCK_TIMEOUT_ALONE, Plan};
use crate::remedy::{Runs, Step};
use crate::report::printable;

/// How often a batch is tried that others' locks are in the way of.
const TRIES: u32 = 6;
/// What is waited before the second; twice as long before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Runs all of it; `tell` hears what is done.
///
/// # Errors
/// At the first statement that fails: which it was, what was done before, and what was not.
pub async fn apply(client: &mut Client, plan: &Plan, tell: &(dyn Fn(&str) + Sync)) -> Result<(), Fault> {
    for (done, batch) in plan.batches.iter().enumerate() {
        tell(&format!("{} of {}: {}", done + 1, plan.batches.len(), about(batch)));
        if let Err((step, error)) = patiently(client, batch, tell).await {
            return Err(Fault::Refused(stopped(plan, done, &step, &error)));
        }
    }
    Ok(())
}

/// The statement that failed, and why.
type Failed = (String, tokio_postgres::Error);

async fn patiently(client: &mut Client, batch: &Batch, tell: &(dyn Fn(&str) + Sync)) -> Result<(), Failed> {
    let mut wait = FIRST_WAIT;
    for tried in 1.. {
        match once(client, batch).await {
            Err((step, error)) if tried < TRIES && is_in_the_way(&error) => {
                let (about, seconds) = (about(batch), wait.as_secs_f32());
                tell(&format!(
                    "{about} is locked by others: trying again in {seconds} s ({tried} of {TRIES}); {}",
                    printable(&step)
                ));
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            ended => return ended,
        }
    }
    Ok(())
}

/// Others hold what is needed, and will let go.
fn is_in_the_way(error: &tokio_postgres::Error) -> bool {
    let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::OBJECT_IN_USE];
    error.code().is_some_and(|code| passing.contains(code))
}

async fn once(client: &mut Client, batch: &Batch) -> Result<(), Failed> {
    match batch.runs {
        Runs::Together => together(client, &batch.steps).await,
        Runs::Alone => {
            for step in &batch.steps {
                alone(client, step).await?;
            }
            Ok(())
        }
    }
}

/// Names without a schema are PostgreSQL's own: conditions are printed so, and nobody's operator comes before.
const PATH: &str = "set search_path = pg_catalog, pg_temp";

/// One transaction, which a failure rolls back.
async fn together(client: &mut Client, steps: &[Step]) -> Result<(), Failed> {
    let of = |sql: &str| {
        let sql = sql.to_owned();
        move |error| (sql, error)
    };
    let tx = client.transaction().await.map_err(of("begin"))?;
    let patience = format!("set local lock_timeout = '{LOCK_TIMEOUT}'");
    tx.batch_execute(&patience).await.map_err(of(&patience))?;
    tx.batch_execute(PATH).await.map_err(of(PATH))?;
    for step in steps {
        tx.batch_execute(&step.sql).await.map_err(of(&step.sql))?;
    }
    tx.commit().await.map_err(of("commit"))
}

/// One statement outside a transaction; what is left of it when it fails is cleaned up.
async fn alone(client: &Client, step: &Step) -> Result<(), Failed> {
    let of = |error| (step.sql.clone(), error);
    // It takes as long as it takes, whatever the role or the database says of statements.
    let ready = format!("set lock_timeout = '{LOCK_TIMEOUT_ALONE}'; set statement_timeout = 0; {PATH}");
    client.batch_execute(&ready).await.map_err(of)?;
    let mut done = client.batch_execute(&step.sql).await;
    if is_there_already(&done) {
        done = take_over(client, step).await;
    } else if done.is_err() {
        clean_up(client, step).await;
    }
    let reset = client.batch_execute("reset lock_timeout; reset statement_timeout").await;
    done.and(reset).map_err(of)
}

fn is_there_already(done: &Result<(), tokio_postgres::Error>) -> bool {
    done.as_ref().is_err_and(|error| error.code() == Some(&SqlState::DUPLICATE_TABLE))
}

/// An index of this name is there: of a plan that was broken off. A whole one is taken; half of one is built anew.
async fn take_over(client: &Client, step: &Step) -> Result<(), tokio_postgres::Error> {
    let (Some(table), Some(index)) = (&step.table, index_name(&step.sql)) else {
        return client.batch_execute(&step.sql).await;
    };
    let sql = "select i.indisvalid, pg_get_indexdef(i.indexrelid) from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid \
               join pg_catalog.pg_class t on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = t.relnamespace \
               where n.nspname = $1 and t.relname = $2 and c.relname = $3";
    let found = client.query_opt(sql, &[&table.schema, &table.name, &index]).await?;
    match found.map(|row| (row.get(0), is_same(&step.sql, row.get(1)))) {
        Some((true, true)) => Ok(()),
        // Another index has the name: the failure says so, and nothing is taken for what it is not.
        Some((true, false)) => client.batch_execute(&step.sql).await,
        Some((false, _)) => {
            clean_up(client, step).await;
            client.batch_execute(&step.sql).await
        }
        None => client.batch_execute(&step.sql).await,
    }
}

/// Whether an index is the one that the statement makes, but for its name and how it is built.
fn is_same(sql: &str, definition: &str) -> bool {
    shape(sql).is_some_and(|wanted| shape(definition) == Some(wanted))
}

fn shape(sql: &str) -> Option<String> {
    let mut parsed = parser::sql(sql)?;
    let statement = parsed.stmts.first_mut()?.stmt.as_mut()?.node.as_mut()?;
    let pg_query::NodeEnum::IndexStmt(index) = statement else { return None };
    index.concurrent = false;
    index.if_not_exists = false;
    index.idxname = "index".to_owned();
    if index.access_method.is_empty() {
        index.access_method = "btree".to_owned();
    }
    parser::written(parsed)
}

fn index_name(sql: &str) -> Option<String> {
    let parsed = parser::sql(sql)?;
    match parsed.stmts.first()?.stmt.as_ref()?.node.as_ref()? {
        pg_query::NodeEnum::IndexStmt(index) => Some(index.idxname.clone()),
        _ => None,
    }
}

/// What cannot be cleaned up is said by the failure that comes first: its undo stands in the message.
async fn clean_up(client: &Client, step: &Step) {
    if let Some(undo) = &step.undo {
        let _ = client.batch_execute(undo).await;
    }
}

fn about(batch: &Batch) -> String {
    batch.table.as_ref().map_or_else(|| "roles and the database".to_owned(), |table| printable(&table.to_string()))
}

/// What went wrong, what was done, and what was not.
fn stopped(plan: &Plan, done: usize, step: &str, error: &tokio_postgres::Error) -> String {
    let undone = &plan.batches[done];
    let undo = undone.steps.iter().find(|one| one.sql == step).and_then(|one| one.undo.as_deref());
    let undo = undo.map(|undo| format!(" If it left an invalid index: {undo};")).unwrap_or_default();
    format!(
        "stopped at {} of {}, {}: {} failed: {}. Done before: {}. Not done: {}.{undo} Mend it, and apply again: what is \
         done is not found any more.",
        done + 1,
        plan.batches.len(),
        about(undone),
        step,
        said(error),
        told(&plan.batches[..done]),
        told(&plan.batches[done..]),
    )
}

fn told(batches: &[Batch]) -> String {
    let mut names: Vec<String> = batches.iter().map(about).collect();
    names.dedup();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn another_index_of_the_same_name_is_not_taken_for_ours() {
        let wanted =
            "CREATE UNIQUE INDEX CONCURRENTLY items_email_key_tenant ON s.items USING btree (tenant_id, email)";
        let same = "CREATE UNIQUE INDEX items_email_key_tenant ON s.items USING btree (tenant_id, email)";
        assert!(is_same(wanted, same));
        for other in [
            "CREATE INDEX items_email_key_tenant ON s.items USING btree (tenant_id, email)",
            "CREATE UNIQUE INDEX items_email_key_tenant ON s.items USING btree (email)",
            "CREATE UNIQUE INDEX items_email_key_tenant ON s.items USING btree (tenant_id, email) WHERE (email <> '')",
            "CREATE UNIQUE INDEX items_email_key_tenant ON s.other USING btree (tenant_id, email)",
        ] {
            assert!(!is_same(wanted, other), "{other}");
        }
        assert!(is_same(
            "create unique index concurrently \"k\" on \"s\".\"t\" (\"tenant_id\", \"id\")",
            "CREATE UNIQUE INDEX k ON s.t USING btree (tenant_id, id)"
        ));
    }
}
