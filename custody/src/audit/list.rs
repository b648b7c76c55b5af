//! One log out of two tables: the mode's and the control plane's, merged by id.

use std::collections::HashSet;
use std::net::IpAddr;

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Control, Database, DbFault, Everywhere, HasStore, In, Mode, Plane, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ExportAudit, Permission, Permit, ReadAudit};
use tenantry_platform::record::{self, Revealed};
use uuid::Uuid;

use super::entry::{Entry, Personal};
use super::filter::Filter;
use super::store::{self, Order, Span};
use super::who;

/// Rows of one answer at most.
pub(super) const MOST: u16 = 200;
/// Rows of one answer when nothing is said.
pub(super) const USUAL: u16 = 50;
/// Rows of an address's mark that are opened for one answer of a plane, of all its actors: an erased person's, who used
/// that address often, are all opened in vain. Beyond it the answer is short and says where to go on.
const OPENED_MOST: usize = 5_000;
/// Rows read at a time where an address is asked for, however few are wanted: most of them may be another's.
const OPENED_AT_A_TIME: usize = MOST as usize;

/// A permission that lets somebody see the log.
pub trait ReadsAudit: Permission {}
impl ReadsAudit for ReadAudit {}
impl ReadsAudit for ExportAudit {}

/// The permits that reading one log takes: a plane each.
#[derive(Debug)]
pub struct Readers<P, M> {
    /// For the rows of the mode.
    pub mode: Permit<P, M>,
    /// For the rows of the control plane.
    pub control: Permit<P, Control>,
}

/// Rows, and where the next ones begin.
#[derive(Debug)]
pub struct Found {
    /// In order.
    pub entries: Vec<Entry>,
    /// None: there are no more.
    pub next: Option<AuditId>,
}

/// A filter in the terms of the table: times as ids, an actor as everything that it may be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// One for each actor; one alone where none is asked for.
    pub(super) spans: Vec<Span>,
    /// Compared with what the rows of its mark say.
    pub(super) ip: Option<IpAddr>,
}

/// Rows of one plane, complete up to the horizon.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) entries: Vec<Entry>,
    /// The last row that was looked at; none at the end of the log.
    pub(super) horizon: Option<AuditId>,
}

/// The newest rows that fit, older than `cursor`, at most `MOST`.
///
/// # Errors
/// When the database does not answer.
pub async fn list<P: ReadsAudit, M: Mode>(
    ground: &Ground,
    readers: &Readers<P, M>,
    filter: &Filter,
    cursor: Option<AuditId>,
    limit: u16,
) -> Result<Found, DbFault>
where
    Database: HasStore<M>,
{
    let mut wanted = Wanted::of(ground, readers, filter).await?;
    if let Some(cursor) = cursor {
        wanted.end_before(cursor.uuid());
    }
    let limit = usize::from(limit.clamp(1, MOST));
    // One more than wanted tells whether there is a next page.
    let (mode, control) = futures_util::try_join!(
        read(ground, &readers.mode, &wanted, Order::Newest, limit + 1),
        read::<P, Control>(ground, &readers.control, &wanted, Order::Newest, limit + 1)
    )?;
    let Stretch { mut entries, horizon } = merge([mode, control], Order::Newest);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = if more { entries.last().map(|entry| entry.id) } else { horizon };
    Ok(Found { entries, next })
}

impl Wanted {
    pub(super) async fn of<P: ReadsAudit, M: Mode>(
        ground: &Ground,
        readers: &Readers<P, M>,
        filter: &Filter,
    ) -> Result<Self, DbFault>
    where
        Database: HasStore<M>,
    {
        let span = Span {
            after: filter.since.map_or(Uuid::nil(), before),
            before: filter.until.map_or(Uuid::max(), first_id),
            action: filter.action.clone(),
            entity_type: filter.entity_type.clone(),
            entity_id: filter.entity_id.clone(),
            request_id: filter.request_id.clone(),
            ..Span::all()
        };
        let spans = match &filter.actor {
            None => vec![span],
            Some(text) => {
                let actors = who::actors(ground, readers, text).await?;
                actors.into_iter().map(|actor| Span { actor: Some(actor), ..span.clone() }).collect()
            }
        };
        Ok(Self { spans, ip: filter.ip })
    }

    /// Only ids below this one.
    pub(super) fn end_before(&mut self, id: Uuid) {
        for span in &mut self.spans {
            span.before = span.before.min(id);
        }
    }

    /// Only ids above this one.
    pub(super) fn go_on_after(&mut self, id: Uuid) {
        for span in &mut self.spans {
            span.after = span.after.max(id);
        }
    }
}

/// At least `most` rows of a plane from one end, or all there are.
pub(super) async fn read<P: ReadsAudit, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
    wanted: &Wanted,
    order: Order,
    most: usize,
) -> Result<Stretch, DbFault>
where
    Database: HasStore<M>,
{
    // An equal share each, so that the answer comes as far with one actor as with another.
    let opened_most = OPENED_MOST / wanted.spans.len().max(1);
    let mut reading = Reading { ground, tx: permit.begin(ground), ip: wanted.ip, erased: HashSet::new(), opened_most };
    let mark = match wanted.ip {
        None => None,
        Some(ip) => match record::find_mark(&mut reading.tx, ground, ip).await? {
            Some(mark) => Some(mark),
            // No row of this log has an address.
            None => return reading.tx.commit().await.map(|()| Stretch::default()),
        },
    };
    let mut stretches = Vec::with_capacity(wanted.spans.len());
    for span in &wanted.spans {
        stretches.push(reading.stretch(Span { ip_mark: mark, ..span.clone() }, order, most).await?);
    }
    reading.tx.commit().await?;
    Ok(merge(stretches, order))
}

/// Puts stretches of one span of time together: as far as all of them are complete.
pub(super) fn merge(stretches: impl IntoIterator<Item = Stretch>, order: Order) -> Stretch {
    let (mut entries, mut horizon) = (Vec::new(), None);
    for stretch in stretches {
        entries.extend(stretch.entries);
        horizon = match (horizon, stretch.horizon) {
            (Some(a), Some(b)) => Some(nearer(a, b, order)),
            (one, other) => one.or(other),
        };
    }
    match order {
        Order::Newest => entries.sort_by_key(|entry: &Entry| std::cmp::Reverse(entry.id)),
        Order::Oldest => entries.sort_by_key(|entry: &Entry| entry.id),
    }
    if let Some(horizon) = horizon {
        entries.retain(|entry| nearer(entry.id, horizon, order) == entry.id);
    }
    Stretch { entries, horizon }
}

fn nearer(a: AuditId, b: AuditId, order: Order) -> AuditId {
    match order {
        Order::Newest => a.max(b),
        Order::Oldest => a.min(b),
    }
}

/// The lowest id that the millisecond of `at` can have.
pub(super) fn first_id(at: Timestamp) -> Uuid {
    let ms = u128::try_from(at.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(ms << 80)
}

fn before(at: Timestamp) -> Uuid {
    Uuid::from_u128(first_id(at).as_u128().saturating_sub(1))
}

/// A transaction that reads a plane's rows and opens what they seal.
struct Reading<'a, M: Plane> {
    ground: &'a Ground,
    tx: TenantTx<M>,
    ip: Option<IpAddr>,
    /// Whose keys are gone: asked for once.
    erased: HashSet<Uuid>,
    /// Rows of one span, after which it is left where it is.
    opened_most: usize,
}

impl<M: Plane + In<Everywhere>> Reading<'_, M> {
    async fn stretch(&mut self, mut span: Span, order: Order, most: usize) -> Result<Stretch, DbFault> {
        let at_a_time = if self.ip.is_some() { most.max(OPENED_AT_A_TIME) } else { most };
        let limit = i64::try_from(at_a_time).unwrap_or(i64::MAX);
        let (mut entries, mut opened) = (Vec::with_capacity(most), 0);
        loop {
            let rows = store::rows(&mut self.tx, &span, order, limit).await?;
            for row in &rows {
                let entry = self.open(row).await?;
                if self.ip.is_none_or(|ip| entry.is_from(ip)) {
                    entries.push(entry);
                }
            }
            opened += rows.len();
            let last = rows.last().filter(|_| rows.len() == at_a_time).map(|row| row.get::<_, Uuid>(0));
            let Some(last) = last else { return Ok(Stretch { entries, horizon: None }) };
            if entries.len() >= most || opened >= self.opened_most {
                return Ok(Stretch { entries, horizon: Some(AuditId::from_uuid(last)) });
            }
            match order {
                Order::Newest => span.before = last,
                Order::Oldest => span.after = last,
            }
        }
    }

    async fn open(&mut self, row: &Row) -> Result<Entry, DbFault> {
        let tenant = self.tx.context().tenant.ok_or_else(|| DbFault::Refused("the log is a tenant's".to_owned()))?;
        let mut entry = Entry::read(row, tenant, M::SCHEMA);
        entry.personal = self.reveal(entry.id, entry.subject, &entry.sealed).await?;
        if let Some((subject, sealed)) = &entry.about_sealed {
            entry.about = Some(self.reveal(entry.id, *subject, sealed).await?);
        }
        Ok(entry)
    }

    async fn reveal(&mut self, row: AuditId, subject: Uuid, sealed: &[u8]) -> Result<Personal, DbFault> {
        if self.erased.contains(&subject) {
            return Ok(Personal::Erased);
        }
        Ok(match record::reveal(&mut self.tx, self.ground, subject, row, sealed).await {
            Ok(Revealed::Known(personal)) => Personal::Known(personal),
            Ok(Revealed::ErasedBefore) => Personal::Erased,
            Ok(Revealed::Erased) => {
                self.erased.insert(subject);
                Personal::Erased
            }
            Err(DbFault::Refused(why)) => {
                tracing::error!(%row, why, "the personal fields of an audit row do not open");
                Personal::Damaged
            }
            Err(fault) => return Err(fault),
        })
    }
}
