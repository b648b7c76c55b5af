//! One log out of two tables: the mode's and the control plane's, merged by id.

use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Control, Database, DbFault, Everywhere, HasStore, In, Mode, Plane};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{ExportAudit, Permission, Permit, ReadAudit};
use tenantry_platform::record;
use uuid::Uuid;

use super::entry::{Entry, Personal};
use super::store::{self, Order, Span};

/// Rows of one answer at most.
pub(super) const MOST: u16 = 200;
/// Rows of one answer when nothing is said.
pub(super) const USUAL: u16 = 50;

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

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From here on.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Exactly this actor: a person's or a key's id, a job's name, or a person's e-mail address.
    pub actor: Option<String>,
    /// Exactly this action.
    pub action: Option<String>,
    /// Exactly this kind of thing, or exactly this thing.
    pub entity: Option<String>,
}

/// Rows, and where the next ones begin.
#[derive(Debug)]
pub struct Found {
    /// In order.
    pub entries: Vec<Entry>,
    /// None: there are no more.
    pub next: Option<AuditId>,
}

/// The newest rows that fit, older than `cursor`, at most `MOST`.
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
    let mut span = span(ground, readers, filter).await?;
    if let Some(cursor) = cursor {
        span.before = span.before.min(cursor.uuid());
    }
    merged(ground, readers, &span, Order::Newest, usize::from(limit.clamp(1, MOST))).await
}

/// Rows of both planes, at most `limit`, from one end of the span.
pub(super) async fn merged<P: ReadsAudit, M: Mode>(
    ground: &Ground,
    readers: &Readers<P, M>,
    span: &Span,
    order: Order,
    limit: usize,
) -> Result<Found, DbFault>
where
    Database: HasStore<M>,
{
    // One more than wanted tells whether there is a next page.
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let (mode, control) = futures_util::try_join!(
        read(ground, &readers.mode, span, order, most),
        read::<P, Control>(ground, &readers.control, span, order, most)
    )?;
    let mut entries = mode;
    entries.extend(control);
    match order {
        Order::Newest => entries.sort_by_key(|entry| std::cmp::Reverse(entry.id)),
        Order::Oldest => entries.sort_by_key(|entry| entry.id),
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.id);
    Ok(Found { entries, next })
}

/// The filter in the terms of the table: times as ids, an address as its person.
pub(super) async fn span<P: ReadsAudit, M: Mode>(
    ground: &Ground,
    readers: &Readers<P, M>,
    filter: &Filter,
) -> Result<Span, DbFault>
where
    Database: HasStore<M>,
{
    let actor = match &filter.actor {
        Some(text) if text.contains('@') => Some(actor_by_email(ground, readers, text).await?),
        other => other.clone(),
    };
    Ok(Span {
        after: filter.since.map_or(Uuid::nil(), before),
        before: filter.until.map_or(Uuid::max(), first_id),
        actor,
        action: filter.action.clone(),
        entity: filter.entity.clone(),
    })
}

/// The lowest id that the millisecond of `at` can have.
pub(super) fn first_id(at: Timestamp) -> Uuid {
    let ms = u128::try_from(at.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(ms << 80)
}

fn before(at: Timestamp) -> Uuid {
    Uuid::from_u128(first_id(at).as_u128().saturating_sub(1))
}

/// An address of nobody gives an actor that no row has: the answer is empty. So it is for somebody who never came
/// here, after the same statements: the filter is written down, and no tenant learns from it who has an account.
async fn actor_by_email<P: ReadsAudit, M: Mode>(
    ground: &Ground,
    readers: &Readers<P, M>,
    text: &str,
) -> Result<String, DbFault>
where
    Database: HasStore<M>,
{
    let Ok(address) = EmailAddress::parse(text) else { return Ok(text.to_owned()) };
    let person = store::person_by_email(ground, &readers.control, address.lookup()).await?.unwrap_or(Uuid::max());
    let was_here = store::has_subject::<P, M>(ground, &readers.mode, person).await?
        | store::has_subject::<P, Control>(ground, &readers.control, person).await?;
    Ok(if was_here { person.to_string() } else { text.to_owned() })
}

async fn read<P: ReadsAudit, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
    span: &Span,
    order: Order,
    most: i64,
) -> Result<Vec<Entry>, DbFault>
where
    Database: HasStore<M>,
{
    let tenant = permit.tenant().ok_or_else(|| DbFault::Refused("the log is a tenant's".to_owned()))?;
    let mut tx = permit.begin(ground);
    let rows = store::rows(&mut tx, span, order, most).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut entry = Entry::read(row, tenant, M::SCHEMA);
        entry.personal = match record::reveal(&mut tx, ground, entry.subject, entry.id, &entry.sealed).await {
            Ok(Some(personal)) => Personal::Known(personal),
            Ok(None) => Personal::Erased,
            Err(DbFault::Refused(why)) => {
                tracing::error!(row = %entry.id, why, "the personal fields of an audit row do not open");
                Personal::Damaged
            }
            Err(fault) => return Err(fault),
        };
        entries.push(entry);
    }
    tx.commit().await?;
    Ok(entries)
}
