//! The log as a file: oldest first, in constant memory, whole or visibly broken.
//!
//! A page of rows is read in a transaction of its own and handed on before the next one is read, so a client that reads
//! slowly holds neither a transaction nor a connection, and no more than a page of lines. All pages end at one id, which
//! was the newest when the export began. The last record says how many came before it: a file without it was cut off.
//!
//! Whoever is shut out while they download gets no further page [KEY-3]. Any change of what they were let in by counts:
//! asking again is judged anew.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::json;
use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Control, Database, DbFault, Everywhere, HasStore, In, Mode, Plane};
use tenantry_platform::feed::Belief;
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ExportAudit, Permit};
use tenantry_platform::record::{self, Act};
use tokio::runtime::Handle;
use tokio::task::JoinError;
use uuid::Uuid;

use super::entry::Entry;
use super::filter::Filter;
use super::list::{Readers, Wanted, read};
use super::store::{self, Order};
use super::{csv, line, ocsf};

/// Rows read at a time: some hundred KB.
const PAGE: usize = 500;
/// Bytes that a row's line has room for at first.
const LINE_BYTES: usize = 1_024;

/// How the rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON Lines of `docs/audit-schema.md`.
    #[default]
    Jsonl,
    /// The same fields as RFC 4180, for a spreadsheet.
    Csv,
    /// JSON Lines of the Open Cybersecurity Schema Framework, for a SIEM.
    Ocsf,
}

impl Format {
    /// As the query names it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Ocsf => "ocsf",
        }
    }

    fn begin(self, page: &mut Vec<u8>) {
        if self == Self::Csv {
            csv::head(page);
        }
    }

    fn write(self, entry: &Entry, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::Jsonl => line::write(entry, page),
            Self::Csv => csv::write(entry, page),
            Self::Ocsf => ocsf::write(entry, page),
        }
    }

    fn end(self, end: &End, page: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match self {
            Self::Jsonl => line::end(end, page),
            Self::Csv => csv::end(end, page),
            Self::Ocsf => ocsf::end(end, page),
        }
    }
}

/// What the last record of a whole export tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The row that the export itself left in the log.
    pub(super) export: AuditId,
    /// Whose log.
    pub(super) tenant: Uuid,
    /// Rows before this record.
    pub(super) rows: u64,
    /// When the export began.
    pub(super) at: jiff::Timestamp,
}

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The database.
    #[error(transparent)]
    Database(#[from] DbFault),
    /// A row.
    #[error("a row could not be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The reading of a page.
    #[error("a page of the export could not be read: {0}")]
    Task(#[from] JoinError),
    /// Nobody may be shut out and read on.
    #[error("whoever asked for it was changed, shut out or ended meanwhile")]
    ShutOut,
}

/// Writes `audit.exported` and answers the rows that were committed before it, a page at a time. Each page is read on
/// the runtime of whoever calls this, wherever the stream is then polled.
///
/// # Errors
/// When the export cannot begin. Later errors are items of the stream and end it.
pub async fn export<M: Mode>(
    ground: &Ground,
    (readers, belief): (Readers<ExportAudit, M>, Belief),
    filter: &Filter,
    format: Format,
) -> Result<impl Stream<Item = Result<Bytes, ExportFault>> + Send + use<M>, DbFault>
where
    Database: HasStore<M>,
{
    let mut wanted = Wanted::of(ground, &readers, filter).await?;
    let at = ground.now();
    let export = record_export(ground, &readers, filter, &wanted, format).await?;
    wanted.end_before(above(newest(ground, &readers).await?));
    let tenant = readers.control.tenant().ok_or_else(|| DbFault::Refused("the log is a tenant's".to_owned()))?;
    let end = End { export, tenant: tenant.uuid(), rows: 0, at };
    let (mode, control) = (Feed::new(wanted.clone()), Feed::new(wanted));
    let writing = Writing { ground: ground.clone(), readers, belief, mode, control, format, end, state: State::Fresh };
    let runtime = Handle::current();
    Ok(stream::try_unfold(writing, move |writing| {
        let page = runtime.spawn(writing.next());
        async move { page.await? }
    }))
}

/// The highest id that is committed. Ids of one millisecond are in no order, and another node's clock may be ahead, so
/// that the export's own id is no end.
async fn newest<M: Mode>(ground: &Ground, readers: &Readers<ExportAudit, M>) -> Result<Uuid, DbFault>
where
    Database: HasStore<M>,
{
    let (mode, control) = futures_util::try_join!(
        store::newest_id(ground, &readers.mode),
        store::newest_id::<ExportAudit, Control>(ground, &readers.control)
    )?;
    Ok(mode.max(control))
}

fn above(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Open,
    Over,
}

/// What is left to write.
struct Writing<M> {
    ground: Ground,
    readers: Readers<ExportAudit, M>,
    belief: Belief,
    mode: Feed,
    control: Feed,
    format: Format,
    end: End,
    state: State,
}

impl<M: Mode> Writing<M>
where
    Database: HasStore<M>,
{
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ExportFault> {
        if self.state == State::Over {
            return Ok(None);
        }
        if !self.ground.feed.believes(&self.belief, self.ground.now()) {
            return Err(ExportFault::ShutOut);
        }
        let mut page = Vec::with_capacity(PAGE * LINE_BYTES);
        if self.state == State::Fresh {
            self.format.begin(&mut page);
            self.state = State::Open;
        }
        for _ in 0..PAGE {
            let Some(entry) = self.pull().await? else {
                self.format.end(&self.end, &mut page)?;
                self.state = State::Over;
                break;
            };
            if entry.id != self.end.export {
                self.format.write(&entry, &mut page)?;
                self.end.rows += 1;
            }
        }
        Ok(Some((Bytes::from(page), self)))
    }

    /// The older one of what both planes offer next.
    async fn pull(&mut self) -> Result<Option<Entry>, DbFault> {
        futures_util::try_join!(
            self.mode.fill(&self.ground, &self.readers.mode),
            self.control.fill::<Control>(&self.ground, &self.readers.control)
        )?;
        let (mode, control) = (self.mode.entries.front(), self.control.entries.front());
        Ok(match (mode, control) {
            (Some(mode), Some(control)) if control.id < mode.id => self.control.entries.pop_front(),
            (None, _) => self.control.entries.pop_front(),
            (Some(_), _) => self.mode.entries.pop_front(),
        })
    }
}

/// The rows of a plane that were read and not written yet.
struct Feed {
    wanted: Wanted,
    entries: VecDeque<Entry>,
    is_over: bool,
}

impl Feed {
    const fn new(wanted: Wanted) -> Self {
        Self { wanted, entries: VecDeque::new(), is_over: false }
    }

    async fn fill<M: Plane + In<Everywhere>>(
        &mut self,
        ground: &Ground,
        permit: &Permit<ExportAudit, M>,
    ) -> Result<(), DbFault>
    where
        Database: HasStore<M>,
    {
        while self.entries.is_empty() && !self.is_over {
            let stretch = read(ground, permit, &self.wanted, Order::Oldest, PAGE).await?;
            self.entries = stretch.entries.into();
            match stretch.horizon {
                Some(horizon) => self.wanted.go_on_after(horizon.uuid()),
                None => self.is_over = true,
            }
        }
        Ok(())
    }
}

/// Committed before the first line leaves: whoever has lines, has left a row.
async fn record_export<M: Mode>(
    ground: &Ground,
    readers: &Readers<ExportAudit, M>,
    filter: &Filter,
    wanted: &Wanted,
    format: Format,
) -> Result<AuditId, DbFault>
where
    Database: HasStore<M>,
{
    let actor = wanted.spans.first().and_then(|span| span.actor.as_deref());
    let filtered = json!({
        "since": filter.since.map(|at| at.to_string()),
        "until": filter.until.map(|at| at.to_string()),
        // Of an address that was looked up, the id of the person whom this log knows: nothing personal.
        "actor": actor.filter(|actor| !actor.contains('@')),
        "action": filter.action,
        "entity_type": filter.entity_type,
        "entity_id": filter.entity_id,
        // That an address was asked for, and not which one.
        "by_ip": filter.ip.is_some(),
        "request_id": filter.request_id,
    });
    let mut tx = readers.mode.begin(ground);
    let act =
        Act::new("audit.exported", "audit_log", M::SCHEMA).with(json!({ "format": format.word(), "filter": filtered }));
    let id = record::append(&mut tx, ground, act).await?;
    tx.commit().await?;
    Ok(id)
}
