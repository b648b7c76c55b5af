//! A connection of the administrator's in a transaction that is never committed.

use futures_util::future::{join, join4};
use tokio_postgres::Client;

use super::outcome::Outcome;
use crate::connect::{Heard, connect_hearing};
use crate::fault::Fault;

/// A statement that takes longer tells nothing that a shorter one does not; locks are not waited for at all.
const BEGIN: &str = "begin; set local statement_timeout = '2s'; set local lock_timeout = '500ms'; \
     set local idle_in_transaction_session_timeout = '120s'; set local client_min_messages = notice; \
     set local row_security = on; set local datestyle = 'ISO, YMD'";

const RELEASE: &str = "release savepoint guarded";
const ROLLBACK: &str = "rollback to savepoint guarded; release savepoint guarded";

/// A connection that hears notices, and counts what it was asked.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    heard: Heard,
    url: String,
    pub(super) statements: usize,
}

impl Session {
    pub(super) async fn open(url: &str) -> Result<Self, Fault> {
        let (client, heard) = connect_hearing(url).await?;
        Ok(Self { client, heard, url: url.to_owned(), statements: 0 })
    }

    /// Begins, on a new connection where the last one was ended by what was tried.
    pub(super) async fn begin(&mut self, search_path: &str) -> Result<(), Fault> {
        if self.client.is_closed() {
            (self.client, self.heard) = connect_hearing(&self.url).await?;
        }
        let sql = format!("{BEGIN}; {}", super::identity::setting("search_path", search_path));
        self.client.batch_execute(&sql).await.map_err(Fault::while_("beginning a transaction to attack in"))
    }

    /// Ends without a trace.
    pub(super) async fn rollback(&mut self) -> Result<(), Fault> {
        if self.client.is_closed() {
            return Ok(());
        }
        self.client.batch_execute("rollback").await.map_err(Fault::while_("rolling the attack back"))
    }

    /// Runs statements, whatever comes of them.
    pub(super) async fn run(&mut self, sql: &str) -> Outcome {
        self.statements += 1;
        self.heard.take();
        let answer = self.client.simple_query(sql).await;
        Outcome::of(answer, self.heard.take())
    }

    /// Runs a statement that may fail without ending the transaction.
    pub(super) async fn guarded(&mut self, sql: &str) -> Outcome {
        self.statements += 1;
        self.heard.take();
        let begun = self.client.simple_query("savepoint guarded");
        let (_, answer) = join(begun, self.client.simple_query(sql)).await;
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
        let (ready, asked, seen, _) = join4(ready, asked, seen, end).await;
        let ready = Outcome::of(ready, Vec::new());
        let notices = self.heard.take();
        let outcome = if ready.is_done() { Outcome::of(asked, notices) } else { ready };
        let seen = if outcome.is_done() { Outcome::of(seen, Vec::new()) } else { Outcome::default() };
        (outcome, seen)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}
