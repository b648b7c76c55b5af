//! Invitations as they are kept: the SQL, and what a row means.

use jiff::SignedDuration;
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{KeyId, LinkId, PersonId};
use tenantry_platform::db::{Control, DbFault, Row, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Permission, Permit, ReadMembers};
use uuid::Uuid;

use super::role::Granter;

tenantry_platform::sql! {
    // Two that count at once would both find room; the lock ends with the transaction.
    AsTenant OnlyControl LOCK = "select pg_advisory_xact_lock(hashtextextended('invitations ' || $1::uuid::text, 0))";
    AsTenant OnlyControl COUNT = "
        select count(*) from invitations
        where tenant_id = $1 and accepted_at is null and revoked_at is null and expires_at > $2";
    AsTenant OnlyControl INSERT = "
        insert into invitations (tenant_id, id, digest, email, email_lower, role, invited_by, invited_by_key, created_at,
            sent_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
        on conflict (tenant_id, email_lower) where accepted_at is null and revoked_at is null do nothing
        returning id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at";
    AsTenant OnlyControl LIST = "
        select id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at from invitations
        where tenant_id = $1 and id < $2 and accepted_at is null and revoked_at is null order by id desc limit $3";
    AsTenant OnlyControl HOLD = "
        select id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at from invitations
        where tenant_id = $1 and id = $2 and accepted_at is null and revoked_at is null for update";
    AsTenant OnlyControl HOLD_OF = "
        select id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at from invitations
        where tenant_id = $1 and email_lower = $2 and accepted_at is null and revoked_at is null for update";
    AsTenant OnlyControl RENEW = "
        update invitations set digest = $3, email = $4, role = $5, invited_by = $6, invited_by_key = $7, sent_at = $8,
            expires_at = $9
        where tenant_id = $1 and id = $2
        returning id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at";
    AsTenant OnlyControl REVOKE = "update invitations set revoked_at = $3 where tenant_id = $1 and id = $2";
    AsTenant OnlyControl REVOKE_ALL_OF = "
        update invitations set revoked_at = $3
        where tenant_id = $1 and invited_by = $2 and accepted_at is null and revoked_at is null returning id";
    AsTenant OnlyControl BY_DIGEST = "
        select id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at from invitations
        where tenant_id = $1 and digest = $2 and accepted_at is null and revoked_at is null and expires_at > $3";
    AsTenant OnlyControl ACCEPT = "
        update invitations set accepted_at = $3, accepted_by = $4
        where tenant_id = $1 and digest = $2 and accepted_at is null and revoked_at is null and expires_at > $3
        returning id, email, role, invited_by, invited_by_key, created_at, sent_at, expires_at";
    AsQueue JobsOnly SWEEP = "select doors.sweep_invitations($1, $2)";
}

/// How long an invitation is kept after its end: long enough to be asked about, and an address no longer.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An open invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: LinkId,
    /// To whom, as it was written.
    pub email: String,
    /// A role's name.
    pub role: String,
    /// The person who sent it last; none when a key did.
    pub invited_by: Option<PersonId>,
    /// The key, when one did.
    pub invited_by_key: Option<KeyId>,
    /// When the address was invited first.
    pub created_at: Timestamp,
    /// When the newest mail went out.
    pub sent_at: Timestamp,
    /// Until when it may be accepted.
    pub expires_at: Timestamp,
}

/// Whether an open invitation can still be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationState {
    /// It can.
    Open,
    /// It has to be sent again.
    Expired,
}

impl Invitation {
    /// Whether it can be accepted now.
    pub fn state(&self, now: Timestamp) -> InvitationState {
        if self.expires_at > now { InvitationState::Open } else { InvitationState::Expired }
    }
}

/// What a row of an invitation is made of.
pub(super) struct Letter<'a> {
    pub(super) id: LinkId,
    pub(super) digest: [u8; 32],
    pub(super) email: &'a EmailAddress,
    pub(super) role: &'a str,
    pub(super) granter: &'a Granter,
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
}

impl Letter<'_> {
    /// The person or the key, as their columns have them.
    fn senders(&self) -> (Option<Uuid>, Option<Uuid>) {
        (self.granter.person().map(PersonId::uuid), self.granter.key().map(KeyId::uuid))
    }
}

/// Open invitations, newest first, also those whose time is over.
///
/// # Errors
/// What the database says.
pub async fn list_invitations(
    permit: &Permit<ReadMembers, Control>,
    ground: &Ground,
    after: Option<LinkId>,
    most: usize,
) -> Result<Vec<Invitation>, DbFault> {
    let (before, most) = (after.map_or(Uuid::max(), LinkId::uuid), i64::try_from(most).unwrap_or(i64::MAX));
    Ok(permit.read(ground, &LIST, &[&before, &most]).await?.iter().map(read).collect())
}

/// Deletes invitations that ended long ago. Run hourly.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    let before = ground.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    tenantry_platform::sweep::drain(ground, "sweep_invitations", &SWEEP, &[&before]).await
}

/// Invitations that can be accepted now. Serialised for the tenant until the transaction ends.
pub(super) async fn count(tx: &mut TenantTx<Control>, now: Timestamp) -> Result<i64, DbFault> {
    tx.execute(&LOCK, &[]).await?;
    Ok(tx.query_one(&COUNT, &[&now]).await?.get(0))
}

/// `None`: the address has an open one.
pub(super) async fn insert(tx: &mut TenantTx<Control>, new: &Letter<'_>) -> Result<Option<Invitation>, DbFault> {
    let ((by, by_key), id) = (new.senders(), new.id.uuid());
    let (digest, email, lookup) = (new.digest.as_slice(), new.email.as_str(), new.email.lookup());
    let row =
        tx.query_opt(&INSERT, &[&id, &digest, &email, &lookup, &new.role, &by, &by_key, &new.now, &new.until]).await?;
    Ok(row.as_ref().map(read))
}

/// A new token, a new time, and perhaps another role: what was mailed before opens nothing any more.
pub(super) async fn renew(tx: &mut TenantTx<Control>, new: &Letter<'_>) -> Result<Invitation, DbFault> {
    let ((by, by_key), id) = (new.senders(), new.id.uuid());
    let (digest, email) = (new.digest.as_slice(), new.email.as_str());
    let row = tx.query_one(&RENEW, &[&id, &digest, &email, &new.role, &by, &by_key, &new.now, &new.until]).await?;
    Ok(read(&row))
}

/// An open invitation, held as it is.
pub(super) async fn hold(tx: &mut TenantTx<Control>, id: LinkId) -> Result<Option<Invitation>, DbFault> {
    Ok(tx.query_opt(&HOLD, &[&id.uuid()]).await?.as_ref().map(read))
}

/// The open invitation of an address, held as it is.
pub(super) async fn hold_of(tx: &mut TenantTx<Control>, email: &EmailAddress) -> Result<Option<Invitation>, DbFault> {
    Ok(tx.query_opt(&HOLD_OF, &[&email.lookup()]).await?.as_ref().map(read))
}

pub(super) async fn revoke(tx: &mut TenantTx<Control>, id: LinkId, now: Timestamp) -> Result<(), DbFault> {
    tx.execute(&REVOKE, &[&id.uuid(), &now]).await
}

/// Revokes what a person has sent, and answers how many were open.
pub(super) async fn withdraw_all_of(
    tx: &mut TenantTx<Control>,
    person: PersonId,
    now: Timestamp,
) -> Result<usize, DbFault> {
    Ok(tx.query(&REVOKE_ALL_OF, &[&person.uuid(), &now]).await?.len())
}

/// What can be accepted with a token, left as it is.
pub(super) async fn by_digest<P: Permission>(
    permit: &Permit<P, Control>,
    ground: &Ground,
    digest: &[u8; 32],
) -> Result<Option<Invitation>, DbFault> {
    Ok(permit.read(ground, &BY_DIGEST, &[&digest.as_slice(), &ground.now()]).await?.first().map(read))
}

/// Uses an invitation: of several that try at once, one does.
pub(super) async fn accept(
    tx: &mut TenantTx<Control>,
    digest: &[u8; 32],
    person: PersonId,
    now: Timestamp,
) -> Result<Option<Invitation>, DbFault> {
    Ok(tx.query_opt(&ACCEPT, &[&digest.as_slice(), &now, &person.uuid()]).await?.as_ref().map(read))
}

fn read(row: &Row) -> Invitation {
    Invitation {
        id: LinkId::from_uuid(row.get("id")),
        email: row.get("email"),
        role: row.get("role"),
        invited_by: row.get::<_, Option<Uuid>>("invited_by").map(PersonId::from_uuid),
        invited_by_key: row.get::<_, Option<Uuid>>("invited_by_key").map(KeyId::from_uuid),
        created_at: row.get("created_at"),
        sent_at: row.get("sent_at"),
        expires_at: row.get("expires_at"),
    }
}
