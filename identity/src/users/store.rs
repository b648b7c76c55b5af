//! SQL of new people.

use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{IdentityId, LinkId, PersonId, TenantId};
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Control, DbFault, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Authenticate, Permit};
use tenantry_platform::sql;

use crate::authn::OURSELVES;

/// Links that prove the address of a sign-up.
const VERIFY: &str = "verify";

sql! {
    AsDoor OnlyControl RESERVE_SLUG = "select doors.reserve_slug($1, $2, $3, $4)";
    AsDoor OnlyControl CREATE_LINK = "select doors.create_link($1, $2, $3, $4, $5, $6, $7)";
    AsDoor OnlyControl PEEK_LINK = "select id, data from doors.peek_link($1, $2, $3)";
    AsDoor OnlyControl USE_LINK = "select id, data from doors.use_link($1, $2, $3)";
    AsDoor OnlyControl CLAIM_EMAIL = "select doors.claim_email($1, $2)";
    AsDoor OnlyControl VOID_LINKS = "select doors.void_links(array['reset', 'email', 'email_undo'], $1)";
    AsPerson OnlyControl STANDING = "select status, email, name from persons where person_id = $1 for no key update";
    AsPerson OnlyControl SET_STANDING taking = "update persons set status = $2 where person_id = $1";
    AsPerson OnlyControl INSERT_PERSON = "
        insert into persons (person_id, email, email_lower, name, status, created_at, verified_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    AsPerson OnlyControl INSERT_IDENTITY = "
        insert into identities (person_id, id, kind, issuer, subject, secret, created_at, changed_at)
        values ($1, $2, 'password', $3, $4, $5, $6, $6)";
}

/// A link as stored: its data is still sealed.
#[derive(Debug)]
pub(super) struct StoredLink {
    pub(super) id: LinkId,
    pub(super) sealed: Vec<u8>,
}

/// Whether a person may sign in, and where mail to them goes.
#[derive(Debug)]
pub(super) struct Standing {
    /// `pending`, `active` or `deactivated`.
    pub(super) status: String,
    /// As it is stored, never as somebody typed it.
    pub(super) email: String,
    pub(super) name: String,
}

/// Holds a slug. `false`: somebody has it, or holds it.
pub(super) async fn reserve_slug(
    tx: &mut TenantTx<Control>,
    slug: &Slug,
    tenant: TenantId,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, DbFault> {
    Ok(tx.query_one(&RESERVE_SLUG, &[&slug.as_str(), &tenant.uuid(), &until, &now]).await?.get(0))
}

pub(super) async fn create_link(
    tx: &mut TenantTx<Control>,
    digest: &[u8; 32],
    (id, person): (LinkId, PersonId),
    sealed: &[u8],
    (now, until): (Timestamp, Timestamp),
) -> Result<(), DbFault> {
    tx.execute(&CREATE_LINK, &[&digest.as_slice(), &id.uuid(), &VERIFY, &person.uuid(), &sealed, &now, &until]).await
}

/// A link that can still be used, left as it is.
pub(super) async fn peek_link(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    digest: &[u8; 32],
) -> Result<Option<StoredLink>, DbFault> {
    let rows = permit.read(ground, &PEEK_LINK, &[&digest.as_slice(), &VERIFY, &ground.now()]).await?;
    Ok(rows.first().map(link_of))
}

/// Uses a link. `None`: it was used, is over, or never was.
pub(super) async fn use_link(
    tx: &mut TenantTx<Control>,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<StoredLink>, DbFault> {
    Ok(tx.query_opt(&USE_LINK, &[&digest.as_slice(), &VERIFY, &now]).await?.as_ref().map(link_of))
}

/// Takes an address for a person. `false`: somebody has it.
pub(super) async fn claim_email(
    tx: &mut TenantTx<Control>,
    email: &EmailAddress,
    person: PersonId,
) -> Result<bool, DbFault> {
    Ok(tx.query_one(&CLAIM_EMAIL, &[&email.lookup(), &person.uuid()]).await?.get(0))
}

/// Whoever has not proven their address is `pending` (ID-3).
pub(super) async fn insert_person(
    tx: &mut TenantTx<Control>,
    (email, name): (&EmailAddress, &str),
    is_proven: bool,
    now: Timestamp,
) -> Result<(), DbFault> {
    let (status, verified_at) = if is_proven { ("active", Some(now)) } else { ("pending", None) };
    tx.execute(&INSERT_PERSON, &[&email.as_str(), &email.lookup(), &name, &status, &now, &verified_at]).await
}

pub(super) async fn insert_password(
    tx: &mut TenantTx<Control>,
    id: IdentityId,
    person: PersonId,
    hash: &str,
    now: Timestamp,
) -> Result<(), DbFault> {
    let subject = person.to_string();
    tx.execute(&INSERT_IDENTITY, &[&id.uuid(), &OURSELVES, &subject, &hash, &now]).await
}

/// The transaction's person, held until its end: sign-ins wait.
pub(super) async fn standing(tx: &mut TenantTx<Control>) -> Result<Option<Standing>, DbFault> {
    let row = tx.query_opt(&STANDING, &[]).await?;
    Ok(row.map(|row| Standing { status: row.get(0), email: row.get(1), name: row.get(2) }))
}

pub(super) async fn set_standing(tx: &mut TenantTx<Control>, status: &str) -> Result<(), DbFault> {
    tx.execute(&SET_STANDING, &[&status]).await
}

/// Takes every link that could change the account away from the transaction's person.
pub(super) async fn void_links(tx: &mut TenantTx<Control>, now: Timestamp) -> Result<(), DbFault> {
    tx.execute(&VOID_LINKS, &[&now]).await
}

fn link_of(row: &Row) -> StoredLink {
    StoredLink { id: LinkId::from_uuid(row.get(0)), sealed: row.get(1) }
}
