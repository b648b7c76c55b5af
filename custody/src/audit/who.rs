//! Whom the actor of a filter may mean.

use tenantry_core::email::EmailAddress;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::{Control, Database, DbFault, Everywhere, HasStore, In, Mode, Plane};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::Permit;
use uuid::Uuid;

use super::list::{Readers, ReadsAudit, Wanted, read};
use super::store::{self, Order, Span};

/// Keys of one name that are looked through, the newest: a rotated key keeps its name.
const KEYS_MOST: i64 = 16;

/// The ids under which rows have this actor. What means nobody stands for itself: no row has it, the answer is empty.
pub(super) async fn actors<P: ReadsAudit, M: Mode>(
    ground: &Ground,
    readers: &Readers<P, M>,
    text: &str,
) -> Result<Vec<String>, DbFault>
where
    Database: HasStore<M>,
{
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(vec![id.to_string()]);
    }
    if text.contains('@') {
        return Ok(vec![by_address(ground, readers, text).await?]);
    }
    let keys = store::keys_by_name(ground, &readers.mode, text, KEYS_MOST).await?;
    Ok(keys.iter().map(ToString::to_string).chain([text.to_owned()]).collect())
}

/// The person of an address, where this tenant knows that it is theirs: a member now, or somebody whose rows in this
/// very log name it. For everybody else the answer is that for an address of nobody, after the same statements: the
/// filter is written down with an export, and no tenant learns from it who has an account, or a new address.
async fn by_address<P: ReadsAudit, M: Mode>(
    ground: &Ground,
    readers: &Readers<P, M>,
    text: &str,
) -> Result<String, DbFault>
where
    Database: HasStore<M>,
{
    let Ok(address) = EmailAddress::parse(text) else { return Ok(text.to_owned()) };
    let nobody = PersonId::from_uuid(Uuid::max());
    let person = store::person_by_email(ground, &readers.control, address.lookup()).await?.unwrap_or(nobody);
    let (is_member, mode, control) = futures_util::try_join!(
        store::is_member(ground, &readers.control, person),
        names(ground, &readers.mode, person, &address),
        names::<P, Control>(ground, &readers.control, person, &address)
    )?;
    Ok(if is_member | mode | control { person.to_string() } else { text.to_owned() })
}

/// Whether the newest row of the person in this plane's log names the address as theirs.
async fn names<P: ReadsAudit, M: Plane + In<Everywhere>>(
    ground: &Ground,
    permit: &Permit<P, M>,
    person: PersonId,
    address: &EmailAddress,
) -> Result<bool, DbFault>
where
    Database: HasStore<M>,
{
    let span = Span { actor: Some(person.to_string()), ..Span::all() };
    let newest = read(ground, permit, &Wanted { spans: vec![span], ip: None }, Order::Newest, 1).await?;
    let told = newest.entries.first().and_then(|entry| entry.personal_field("actor_email"));
    Ok(told.and_then(|told| EmailAddress::parse(told).ok()).is_some_and(|told| told.lookup() == address.lookup()))
}
