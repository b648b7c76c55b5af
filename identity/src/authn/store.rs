//! SQL of proving who somebody is.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{IdentityId, PersonId};
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Authenticate, Permit, PersonRef};
use tenantry_platform::sql;

sql! {
    AsDoor OnlyControl PERSON_BY_EMAIL = "select person_id from doors.person_by_email($1)";
    AsPerson OnlyControl PASSWORD_OF = "
        select i.id, i.secret, p.name, p.email, p.operator
        from persons p join identities i on i.person_id = p.person_id
        where p.person_id = $1 and p.status = 'active' and i.kind = 'password'";
    AsDoor OnlyControl HASH_KINDS = "select kind, hashes from doors.password_hash_sample()";
    AsPerson OnlyControl STILL = "select true from identities where person_id = $1 and id = $2 and secret = $3";
    AsPerson OnlyControl REHASH = "
        update identities set secret = $4, changed_at = $5 where person_id = $1 and id = $2 and secret = $3";
    AsPerson OnlyControl REPLACE = "
        insert into identities (person_id, id, kind, issuer, subject, secret, created_at, changed_at)
        values ($1, $2, 'password', $3, $4, $5, $6, $6)
        on conflict (person_id, kind, issuer, subject)
            do update set secret = excluded.secret, changed_at = excluded.changed_at where identities.person_id = $1";
    AsPerson OnlyControl DROP = "delete from identities where person_id = $1 and kind = 'password'";
}

/// The issuer of our own passwords.
pub(crate) const OURSELVES: &str = "tenantry";

/// A person's password, as it is stored.
#[derive(Debug)]
pub(crate) struct StoredPassword {
    pub(super) identity: IdentityId,
    pub(super) hash: SecretString,
    pub(super) person: PersonRef,
}

/// Who has this address.
pub(crate) async fn person_by_email(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    address: &str,
) -> Result<Option<PersonId>, DbFault> {
    let rows = permit.read(ground, &PERSON_BY_EMAIL, &[&address]).await?;
    Ok(rows.first().map(|row| PersonId::from_uuid(row.get(0))))
}

/// How passwords are stored, and how many so among some hundred thousand of them.
pub(super) async fn hash_kinds(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
) -> Result<Vec<(String, i64)>, DbFault> {
    let rows = permit.read(ground, &HASH_KINDS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The password of the permit's person, if they are active.
pub(super) async fn password_of(
    permit: &Permit<Authenticate, Control>,
    ground: &Ground,
    id: PersonId,
) -> Result<Option<StoredPassword>, DbFault> {
    let rows = permit.read(ground, &PASSWORD_OF, &[]).await?;
    Ok(rows.first().and_then(|row| {
        let hash: Option<String> = row.get(1);
        Some(StoredPassword {
            identity: IdentityId::from_uuid(row.get(0)),
            hash: hash?.into(),
            person: PersonRef { id, name: row.get(2), email: row.get(3), operator: row.get(4) },
        })
    }))
}

/// Whether the password is still the one that was compared.
pub(crate) async fn is_still(tx: &mut TenantTx<Control>, stored: &StoredPassword) -> Result<bool, DbFault> {
    Ok(tx.query_opt(&STILL, &[&stored.identity.uuid(), &stored.hash.expose_secret()]).await?.is_some())
}

/// Replaces the hash by a newer one of the same password.
pub(super) async fn rehash(
    tx: &mut TenantTx<Control>,
    stored: &StoredPassword,
    hash: &SecretString,
    at: Timestamp,
) -> Result<(), DbFault> {
    tx.execute(&REHASH, &[&stored.identity.uuid(), &stored.hash.expose_secret(), &hash.expose_secret(), &at]).await
}

/// The person of the transaction has this password from now on, and no other.
pub(crate) async fn replace_password(
    tx: &mut TenantTx<Control>,
    (id, person): (IdentityId, PersonId),
    hash: &SecretString,
    at: Timestamp,
) -> Result<(), DbFault> {
    let subject = person.to_string();
    tx.execute(&REPLACE, &[&id.uuid(), &OURSELVES, &subject, &hash.expose_secret(), &at]).await
}

/// The person of the transaction has no password any more.
pub(crate) async fn drop_password(tx: &mut TenantTx<Control>) -> Result<(), DbFault> {
    tx.execute(&DROP, &[]).await
}
