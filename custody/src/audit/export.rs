//! The log as JSON Lines: oldest first, in constant memory, whole or visibly broken.

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::json;
use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Database, DbFault, HasStore, Mode};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::ExportAudit;
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::line::Line;
use super::list::{Filter, Readers, merged, span};
use super::store::{Order, Span};

/// Rows read at a time: some hundred KB.
const PAGE: usize = 500;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The database.
    #[error(transparent)]
    Database(#[from] DbFault),
    /// A row.
    #[error("a row could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes `audit.exported` and answers the rows before it, a page of lines at a time.
///
/// # Errors
/// When the export cannot begin. Later errors are items of the stream and end it.
pub async fn export<M: Mode>(
    ground: &Ground,
    readers: Readers<ExportAudit, M>,
    filter: &Filter,
) -> Result<impl Stream<Item = Result<Bytes, ExportFault>> + Send + use<M>, DbFault>
where
    Database: HasStore<M>,
{
    let mut span = span(ground, &readers, filter).await?;
    let recorded = record_export(ground, &readers, filter, &span).await?;
    span.before = span.before.min(recorded.uuid());
    let reading = Reading { ground: ground.clone(), readers, span, done: false };
    Ok(stream::try_unfold(reading, Reading::next))
}

struct Reading<M> {
    ground: Ground,
    readers: Readers<ExportAudit, M>,
    span: Span,
    done: bool,
}

impl<M: Mode> Reading<M>
where
    Database: HasStore<M>,
{
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ExportFault> {
        if self.done {
            return Ok(None);
        }
        let found = merged(&self.ground, &self.readers, &self.span, Order::Oldest, PAGE).await?;
        let mut lines = Vec::with_capacity(found.entries.len() * 512);
        for entry in &found.entries {
            serde_json::to_writer(&mut lines, &Line::from(entry))?;
            lines.push(b'\n');
        }
        self.done = found.next.is_none();
        self.span.after = found.next.map_or(Uuid::max(), AuditId::uuid);
        Ok(Some((Bytes::from(lines), self)))
    }
}

/// Committed before the first line leaves: whoever has lines, has left a row.
async fn record_export<M: Mode>(
    ground: &Ground,
    readers: &Readers<ExportAudit, M>,
    filter: &Filter,
    span: &Span,
) -> Result<AuditId, DbFault>
where
    Database: HasStore<M>,
{
    let filtered = json!({
        "since": filter.since.map(|at| at.to_string()),
        "until": filter.until.map(|at| at.to_string()),
        // Of an address that was looked up, the id of the person whom this log knows: nothing personal.
        "actor": span.actor.as_deref().filter(|actor| !actor.contains('@')),
        "action": filter.action,
        "entity": filter.entity,
    });
    let mut tx = readers.mode.begin(ground);
    let act = Act::new("audit.exported", "audit_log", M::SCHEMA).with(json!({ "filter": filtered }));
    let id = record::append(&mut tx, ground, act).await?;
    tx.commit().await?;
    Ok(id)
}
