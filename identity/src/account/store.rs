//! SQL of one's own account.

use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{LinkId, PersonId};
use tenantry_platform::db::{Control, DbFault, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Authenticate, Permit, PersonRef};
use tenantry_platform::sql;

use super::link::LinkKind;

sql! {
    AsDoor OnlyControl CREATE_LINK = "select doors.create_link($1, $2, $3, $4, $5, $6, $7)";
    AsDoor OnlyControl PEEK_LINK = "select id, person_id, data from doors.peek_link($1, $2, $3)";
    AsDoor OnlyControl USE_LINK = "select id, person_id, data from doors.use_link($1, $2, $3)";
    AsDoor OnlyControl VOID_LINKS = "select doors.void_links($1, $2)";
    AsDoor OnlyControl SPEND_MAIL = "select doors.spend_mail($1, $2, $3, $4, $5)";
    AsDoor OnlyControl MOVE_EMAIL = "select doors.move_email($1)";
    AsDoor OnlyControl DELETE_PERSON taking = "select doors.delete_person()";
    AsPerson OnlyControl FIND = "
        select name, email, operator from persons where person_id = $1 and status in ('active', 'pending')";
    AsPerson OnlyControl HOLD = "
        select name, email, operator from persons
        where person_id = $1 and status in ('active', 'pending') for no key update";
    AsPerson OnlyControl PROVE = "
        update persons set status = 'active', verified_at = $2 where person_id = $1 and status = 'pending'";
    AsPerson OnlyControl SET_EMAIL taking = "update persons set email = $2, email_lower = $3, verified_at = $4 where person_id = $1";
    AsDoor OnlyControl OWNED_ALONE = "select slug, name from doors.owned_alone()";
}

/// A link as stored: its data is still sealed.
#[derive(Debug)]
pub(super) struct StoredLink {
    pub(super) id: LinkId,
    pub(super) person: PersonId,
    pub(super) sealed: Vec<u8>,
}

pub(super) async fn create_link(
    tx: &mut TenantTx<Control>,
    (kind, digest): (LinkKind, &[u8; 32]),
    (id, person): (LinkId, PersonId),
    sealed: &[u8],
    (now, until): (Timestamp, Timestamp),
) -> Result<(), DbFault> {
    let kind = kind.as_str();
    tx.execute(&CREATE_LINK, &[&digest.as_slice(), &id.uuid(), &kind, &person.uuid(), &sealed, &now, &until]).await
}

/// A link of this kind that can still be used, left as it is.
pub(super) async fn peek_link(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    (kind, digest): (LinkKind, &[u8; 32]),
) -> Result<Option<StoredLink>, DbFault> {
    let rows = permit.read(ground, &PEEK_LINK, &[&digest.as_slice(), &kind.as_str(), &ground.now()]).await?;
    Ok(rows.first().map(link_of))
}

/// Uses a link. `false`: it was used meanwhile, is over, or never was.
pub(super) async fn use_link(
    tx: &mut TenantTx<Control>,
    (kind, digest): (LinkKind, &[u8; 32]),
    now: Timestamp,
) -> Result<bool, DbFault> {
    Ok(tx.query_opt(&USE_LINK, &[&digest.as_slice(), &kind.as_str(), &now]).await?.is_some())
}

/// Takes the links of these kinds away from the transaction's person.
pub(super) async fn void_links(tx: &mut TenantTx<Control>, kinds: &[LinkKind], now: Timestamp) -> Result<(), DbFault> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    tx.execute(&VOID_LINKS, &[&kinds, &now]).await
}

/// Whether one more mail may go to an address, of which only a digest is kept.
pub(super) async fn spend_mail(
    tx: &mut TenantTx<Control>,
    (kind, digest): (&str, &[u8; 32]),
    (now, since): (Timestamp, Timestamp),
    most: i32,
) -> Result<bool, DbFault> {
    Ok(tx.query_one(&SPEND_MAIL, &[&digest.as_slice(), &kind, &now, &since, &most]).await?.get(0))
}

/// Whoever the permit names, if they are active, or were brought in and have not proven their address yet.
pub(super) async fn find(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    id: PersonId,
) -> Result<Option<PersonRef>, DbFault> {
    Ok(permit.read(ground, &FIND, &[]).await?.first().map(|row| person_of(id, row)))
}

/// The transaction's person, if not deactivated, for this transaction alone: sign-ins and other changes wait.
pub(super) async fn hold(tx: &mut TenantTx<Control>, id: PersonId) -> Result<Option<PersonRef>, DbFault> {
    Ok(tx.query_opt(&HOLD, &[]).await?.map(|row| person_of(id, &row)))
}

/// The transaction's person has used a link that was sent to their address: whoever was brought in with an unproven
/// one has access from now on (ID-3).
pub(super) async fn prove_address(tx: &mut TenantTx<Control>, now: Timestamp) -> Result<(), DbFault> {
    tx.execute(&PROVE, &[&now]).await
}

/// Gives the transaction's person another address. `false`: somebody else has it, and nothing was changed.
pub(super) async fn move_email(
    tx: &mut TenantTx<Control>,
    email: &EmailAddress,
    now: Timestamp,
) -> Result<bool, DbFault> {
    let is_moved: bool = tx.query_one(&MOVE_EMAIL, &[&email.lookup()]).await?.get(0);
    if is_moved {
        tx.execute(&SET_EMAIL, &[&email.as_str(), &email.lookup(), &now]).await?;
    }
    Ok(is_moved)
}

/// A workspace that nobody else owns who could sign in.
#[derive(Clone, Debug)]
pub(crate) struct OwnedAlone {
    pub(crate) slug: String,
    pub(crate) name: String,
}

/// The workspaces that the transaction's person alone owns.
pub(super) async fn owned_alone(tx: &mut TenantTx<Control>) -> Result<Vec<OwnedAlone>, DbFault> {
    let rows = tx.query(&OWNED_ALONE, &[]).await?;
    Ok(rows.iter().map(|row| OwnedAlone { slug: row.get(0), name: row.get(1) }).collect())
}

/// Deletes the transaction's person with address, identities, sessions and links.
pub(super) async fn delete_person(tx: &mut TenantTx<Control>) -> Result<bool, DbFault> {
    Ok(tx.query_one(&DELETE_PERSON, &[]).await?.get(0))
}

fn link_of(row: &Row) -> StoredLink {
    StoredLink { id: LinkId::from_uuid(row.get(0)), person: PersonId::from_uuid(row.get(1)), sealed: row.get(2) }
}

fn person_of(id: PersonId, row: &Row) -> PersonRef {
    PersonRef { id, name: row.get(0), email: row.get(1), operator: row.get(2) }
}
