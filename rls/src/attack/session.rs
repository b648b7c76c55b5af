//! A connection of the administrator's in a transaction that is never committed.

use std::time::Duration;

use futures_util::future::{join, join4};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio_postgres::Client;

use super::outcome::{Outcome, Refusal};
use crate::connect::{Heard, connect_hearing};
use crate::fault::Fault;

/// A statement that takes longer tells nothing that a shorter one does not; locks are not waited for at all.
const BEGIN: &str = "begin; set local statement_timeout = '2s'; set local lock_timeout = '500ms'; \
     set local idle_in_transaction_session_timeout = '120s'; set local client_connection_check_interval = '2s'; set local client_min_messages = notice; \
     set local row_security = on; set local datestyle = 'ISO, YMD'";

/// What is waited for an answer: a function may catch its own time-out, and go on.
const PATIENCE: Duration = Duration::from_secs(15);

/// Of what is copied out, more says nothing more.
const PIECES: usize = 2_000;

/// The answer, where it comes in time, on a connection that was not given up.
async fn patiently<T>(is_lost: bool, answer: impl Future<Output = T>) -> Option<T> {
    if is_lost {
        return None;
    }
    tokio::time::timeout(PATIENCE, answer).await.ok()
}

/// What comes of a statement on a connection that was given up.
fn lost() -> Outcome {
    let message = "no answer came in time, and the connection was given up".to_owned();
    Outcome { refusal: Some(Refusal { code: "57014".to_owned(), message, ..Refusal::default() }), ..Outcome::default() }
}

const RELEASE: &str = "release savepoint guarded";
const ROLLBACK: &str = "rollback to savepoint guarded; release savepoint guarded";

/// A row as `copy` writes it.
fn cells(row: &str) -> Vec<Option<String>> {
    let cells = row.trim_end_matches('\n').split('\t');
    cells.map(|cell| (cell != "\\N").then(|| cell.to_owned())).collect()
}

/// A connection that hears notices, and counts what it was asked.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    heard: Heard,
    url: String,
    pub(super) statements: usize,
    /// Whether a statement did not end, whatever the server was told: nothing is asked on this connection any more.
    is_lost: bool,
}

impl Session {
    pub(super) async fn open(url: &str) -> Result<Self, Fault> {
        let (client, heard) = connect_hearing(url).await?;
        Ok(Self { client, heard, url: url.to_owned(), statements: 0, is_lost: false })
    }

    /// Begins, on a new connection where the last one was ended by what was tried.
    pub(super) async fn begin(&mut self, search_path: &str) -> Result<(), Fault> {
        if self.is_closed() {
            (self.client, self.heard) = connect_hearing(&self.url).await?;
            self.is_lost = false;
        }
        let sql = format!("{BEGIN}; {}", super::identity::setting("search_path", search_path));
        self.client.batch_execute(&sql).await.map_err(Fault::while_("beginning a transaction to attack in"))
    }

    /// Ends without a trace.
    pub(super) async fn rollback(&mut self) -> Result<(), Fault> {
        if self.is_closed() {
            return Ok(());
        }
        self.client.batch_execute("rollback").await.map_err(Fault::while_("rolling the attack back"))
    }

    /// Runs statements, whatever comes of them.
    pub(super) async fn run(&mut self, sql: &str) -> Outcome {
        self.statements += 1;
        self.heard.take();
        match patiently(self.is_lost, self.client.simple_query(sql)).await {
            Some(answer) => Outcome::of(answer, self.heard.take()),
            None => self.lose().await,
        }
    }

    /// Runs a statement that may fail without ending the transaction.
    pub(super) async fn guarded(&mut self, sql: &str) -> Outcome {
        self.statements += 1;
        self.heard.take();
        let begun = self.client.simple_query("savepoint guarded");
        let Some((_, answer)) = patiently(self.is_lost, join(begun, self.client.simple_query(sql))).await else {
            return self.lose().await;
        };
        let outcome = Outcome::of(answer, self.heard.take());
        let end = if outcome.is_done() { RELEASE } else { ROLLBACK };
        // Where this fails the connection is gone, which the next statement says.
        let _ = self.client.simple_query(end).await;
        outcome
    }

    /// Runs a statement, and takes back what it did. `look` runs after it, as the administrator, before that. All of
    /// it is sent at once: what follows a refusal is refused, too, until the savepoint.
    pub(super) async fn tried(&mut self, prepare: &[String], sql: &str, look: Option<&str>) -> (Outcome, Outcome) {
        self.statements += 1;
        self.heard.take();
        let ready = format!("savepoint tried;{}", prepare.join(";"));
        let look = look.map(|look| format!("reset session authorization; reset role; {look}"));
        let ready = self.client.simple_query(&ready);
        let asked = self.client.simple_query(sql);
        let seen = self.client.simple_query(look.as_deref().unwrap_or_default());
        let end = self.client.simple_query("rollback to savepoint tried; release savepoint tried");
        let Some((ready, asked, seen, _)) = patiently(self.is_lost, join4(ready, asked, seen, end)).await else {
            return (self.lose().await, lost());
        };
        let ready = Outcome::of(ready, Vec::new());
        let notices = self.heard.take();
        let outcome = if ready.is_done() { Outcome::of(asked, notices) } else { ready };
        let seen = if outcome.is_done() { Outcome::of(seen, Vec::new()) } else { Outcome::default() };
        (outcome, seen)
    }

    /// What `copy … to stdout` gives, and takes back what it did.
    pub(super) async fn copied(&mut self, prepare: &[String], sql: &str) -> Outcome {
        self.statements += 1;
        self.heard.take();
        let ready = format!("savepoint tried;{}", prepare.join(";"));
        let asked = async {
            self.client.simple_query(&ready).await?;
            let pieces = self.client.copy_out(sql).await?.take(PIECES);
            pieces.map_ok(|piece| cells(&String::from_utf8_lossy(&piece))).try_collect().await
        };
        let Some(answer) = patiently(self.is_lost, asked).await else { return self.lose().await };
        let outcome = match answer {
            Ok(rows) => Outcome { rows, notices: self.heard.take(), ..Outcome::default() },
            Err(error) => Outcome::of(Err(error), self.heard.take()),
        };
        // Where this fails the connection is gone, which the next statement says.
        let _ = self.client.simple_query("rollback to savepoint tried; release savepoint tried").await;
        outcome
    }

    /// Forgets a prepared statement, which no rollback does, and all plans.
    pub(super) async fn forget(&mut self, name: &str) {
        for sql in [format!("deallocate {name}"), "discard plans".to_owned()] {
            self.guarded(&sql).await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_lost || self.client.is_closed()
    }

    /// Gives a connection up whose statement swallows its time-out. The server ends it when ours is closed.
    async fn lose(&mut self) -> Outcome {
        if !std::mem::replace(&mut self.is_lost, true) {
            // It was told twice then; what does not end by that ends with the connection.
            let token = self.client.cancel_token();
            let _ = tokio::time::timeout(PATIENCE, token.cancel_query(tokio_postgres::NoTls)).await;
        }
        lost()
    }
}
