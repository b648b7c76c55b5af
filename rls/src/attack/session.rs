//! A connection of the administrator's in a transaction that is never committed.

use tokio_postgres::Client;

use super::outcome::Outcome;
use crate::connect::{Heard, connect_hearing};
use crate::fault::Fault;

/// A statement that takes longer tells nothing that a shorter one does not; locks are not waited for at all.
const BEGIN: &str = "begin; set local statement_timeout = '2s'; set local lock_timeout = '500ms'; \
     set local idle_in_transaction_session_timeout = '120s'; set local client_min_messages = notice; \
     set local row_security = on; set local datestyle = 'ISO, YMD'";

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
        self.run("savepoint guarded").await;
        let outcome = self.run(sql).await;
        self.run(if outcome.is_done() {
            "release savepoint guarded"
        } else {
            "rollback to savepoint guarded; release savepoint guarded"
        })
        .await;
        outcome
    }

    /// Runs a statement, and takes back what it did. `look` runs after it, as the administrator, before that.
    pub(super) async fn tried(&mut self, prepare: &[String], sql: &str, look: Option<&str>) -> (Outcome, Outcome) {
        let ready = self.run(&format!("savepoint tried;{}", prepare.join(";"))).await;
        let outcome = if ready.is_done() { self.run(sql).await } else { ready };
        let seen = match look {
            Some(look) if outcome.is_done() => {
                self.run(&format!("reset session authorization; reset role; {look}")).await
            }
            _ => Outcome::default(),
        };
        self.run("rollback to savepoint tried; release savepoint tried").await;
        (outcome, seen)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) async fn copied_out(&mut self, prepare: &[String], sql: &str) -> Option<String> {
        use futures_util::TryStreamExt as _;
        self.run(&format!("savepoint tried;{}", prepare.join(";"))).await;
        self.statements += 1;
        let copied = async {
            let stream = self.client.copy_out(sql).await.ok()?;
            let chunks: Vec<_> = stream.try_collect().await.ok()?;
            Some(String::from_utf8_lossy(&chunks.concat()).into_owned())
        }
        .await;
        self.run("rollback to savepoint tried; release savepoint tried").await;
        copied
    }
}
