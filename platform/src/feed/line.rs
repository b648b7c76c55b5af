//! The feed's own connection: direct, so that `LISTEN` works, and nobody else's, so that no work of others keeps a
//! revocation waiting.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row};

use crate::db::{AsDoor, DbFault, OnlyControl, Sql};

/// Within this a feed that hears at all has heard itself.
const PROOF_WITHIN: Duration = Duration::from_millis(500);

/// A statement's parameters, with their types: nothing has to be prepared, so it also passes a pooler of transactions.
pub(super) type Typed<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// An open connection. Closed when dropped.
pub(super) struct Line {
    client: Client,
    reading: JoinHandle<()>,
    woken: Arc<Notify>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Why there is no connection.
pub(super) struct NoLine {
    pub(super) fault: DbFault,
    /// The server itself is not there, or says that it is going or coming: nobody can revoke anything in it.
    pub(super) is_down: bool,
}

impl Line {
    /// Connects and listens.
    pub(super) async fn open(config: &Config) -> Result<Self, NoLine> {
        let (client, mut connection) = config.connect(NoTls).await.map_err(NoLine::of)?;
        let woken = Arc::new(Notify::new());
        let bell = Arc::clone(&woken);
        let reading = tokio::spawn(async move {
            while let Some(Ok(said)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if matches!(said, AsyncMessage::Notification(_)) {
                    bell.notify_one();
                }
            }
            // Whoever waits for a call finds the end by its next statement.
            bell.notify_one();
        });
        let line = Self { client, reading, woken };
        line.client.batch_execute("listen tenantry_change").await.map_err(NoLine::of)?;
        Ok(line)
    }

    /// Whether a call of somebody else arrives here. Through a pooler of transactions it does not, and the feed is then
    /// polled alone; one of this connection's own would arrive there too.
    pub(super) async fn is_called(&self, config: &Config) -> bool {
        let called = async {
            let Ok((caller, connection)) = config.connect(NoTls).await else { return false };
            let calling = async { caller.batch_execute("notify tenantry_change").await.is_ok() };
            let is_said = tokio::select! {
                is_said = calling => is_said,
                _ = connection => false,
            };
            self.woken.notified().await;
            is_said
        };
        tokio::time::timeout(PROOF_WITHIN, called).await.unwrap_or(false)
    }

    /// Waits for a call.
    pub(super) async fn called(&self) {
        self.woken.notified().await;
    }

    /// Calls a door. Two calls that are polled together travel in one flush, each as a transaction of its own, in
    /// their order.
    pub(super) async fn call(
        &self,
        door: &'static Sql<AsDoor, OnlyControl>,
        args: Typed<'_>,
    ) -> Result<Vec<Row>, DbFault> {
        Ok(self.client.query_typed(door.text(), args).await?)
    }
}

impl NoLine {
    fn of(error: tokio_postgres::Error) -> Self {
        Self { is_down: is_down(&error), fault: error.into() }
    }

    /// The connection took too long: the server may be there for others.
    pub(super) fn silent() -> Self {
        Self { is_down: false, fault: DbFault::Unavailable("it did not answer in time".to_owned()) }
    }
}

/// Refused, no socket, or 57P01 to 57P03. Never a mere time-out, which says nothing of what others can do.
fn is_down(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        return matches!(code.code(), "57P01" | "57P02" | "57P03");
    }
    let io = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| matches!(io.kind(), std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound))
}
