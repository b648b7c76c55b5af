//! SQL of people from elsewhere.

use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{IdentityId, PersonId};
use tenantry_core::password_hash::PasswordHash;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::sql;

use super::Newcomer;

/// The issuer of our own passwords.
const OURSELVES: &str = "tenantry";

sql! {
    AsDoor OnlyControl CLAIM_EMAIL = "select doors.claim_email($1, $2)";
    AsPerson OnlyControl INSERT_PERSON = "
        insert into persons (person_id, email, email_lower, name, status, created_at, verified_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    AsPerson OnlyControl INSERT_PASSWORD = "
        insert into identities (person_id, id, kind, issuer, subject, secret, created_at, changed_at)
        values ($1, $2, 'password', $3, $4, $5, $6, $6)";
}

pub(super) async fn insert_person(
    tx: &mut TenantTx<Control>,
    newcomer: &Newcomer,
    now: Timestamp,
) -> Result<(), DbFault> {
    let (status, verified_at) = if newcomer.is_verified() { ("active", Some(now)) } else { ("pending", None) };
    let email = newcomer.email();
    tx.execute(&INSERT_PERSON, &[&email.as_str(), &email.lookup(), &newcomer.name(), &status, &now, &verified_at]).await
}

/// `false`: somebody has it.
pub(super) async fn claim_email(
    tx: &mut TenantTx<Control>,
    email: &EmailAddress,
    person: PersonId,
) -> Result<bool, DbFault> {
    Ok(tx.query_one(&CLAIM_EMAIL, &[&email.lookup(), &person.uuid()]).await?.get(0))
}

pub(super) async fn insert_password(
    tx: &mut TenantTx<Control>,
    id: IdentityId,
    person: PersonId,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), DbFault> {
    let subject = person.to_string();
    tx.execute(&INSERT_PASSWORD, &[&id.uuid(), &OURSELVES, &subject, &hash.as_str(), &now]).await
}
