//! What `tenantry management-keys` does, over a connection of the login that migrates: no serving login may.

use tenantry_core::clock::Timestamp;
use tenantry_core::ids::KeyId;
use tenantry_core::management_key::ManagementKey;
use tenantry_core::secret::SecretString;
use tenantry_platform::feed::{Change, ChangeKind, Reach, end_as_owner};
use tenantry_platform::ground::Ground;
use tokio_postgres::{Client, Error, Transaction};

/// A name fits a line of the list; the database keeps no more.
const NAME_CHARS_MOST: usize = 100;

/// A list of the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody with an account: names and e-mail addresses.
    Users,
    /// Who belongs where, in which role.
    Members,
    /// All workspaces.
    Tenants,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Users, Self::Members, Self::Tenants];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users:list",
            Self::Members => "members:list",
            Self::Tenants => "tenants:list",
        }
    }
}

/// A new key, and its plaintext.
#[derive(Debug)]
pub struct Created {
    /// Which.
    pub id: KeyId,
    /// Shown once.
    pub plaintext: SecretString,
}

/// What is kept of a key.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Which.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// The first eight characters of its random part.
    pub start: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A name of 1 to 100 characters on one line.
///
/// # Errors
/// A sentence for the terminal.
pub fn check_name(name: &str) -> Result<&str, &'static str> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS_MOST).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err("Give the key a name of 1 to 100 characters on one line.") }
}

/// Makes a key; the platform's log says so in the same transaction.
///
/// # Errors
/// What the database says.
pub async fn create(client: &mut Client, ground: &Ground, name: &str, scopes: &[Scope]) -> Result<Created, Error> {
    let (id, drawn) = (KeyId::new(&ground.clock, &ground.entropy), ManagementKey::generate(&ground.entropy));
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let tx = as_owner(client).await?;
    let (digest, parsed) = (drawn.parsed().digest(), drawn.parsed());
    tx.execute(
        "select doors.create_management_key($1, $2, $3, $4, $5, $6)",
        &[&id.uuid(), &name, &digest.as_bytes().as_slice(), &parsed.start(), &words, &ground.now()],
    )
    .await?;
    // Who asked for it before it was there is remembered as unknown.
    end_as_owner(tx, ground, change(id)).await?;
    Ok(Created { id, plaintext: drawn.into_plaintext() })
}

/// All keys, newest first, also the revoked ones.
///
/// # Errors
/// What the database says.
pub async fn list(client: &mut Client) -> Result<Vec<Kept>, Error> {
    let tx = as_owner(client).await?;
    let all = "select id, name, start, scopes, created_at, revoked_at from doors.list_management_keys()";
    let rows = tx.query(all, &[]).await?;
    let kept = rows.iter().map(|row| Kept {
        id: KeyId::from_uuid(row.get(0)),
        name: row.get(1),
        start: row.get(2),
        scopes: row.get(3),
        created_at: row.get(4),
        revoked_at: row.get(5),
    });
    Ok(kept.collect())
}

/// Revokes a key. No node accepts it when this returns, or the answer says until when one may. None: there is none with
/// this id.
///
/// # Errors
/// What the database says.
pub async fn revoke(client: &mut Client, ground: &Ground, id: KeyId) -> Result<Option<Reach>, Error> {
    let tx = as_owner(client).await?;
    let is_there: bool =
        tx.query_one("select doors.revoke_management_key($1, $2)", &[&id.uuid(), &ground.now()]).await?.get(0);
    if !is_there {
        return Ok(None);
    }
    end_as_owner(tx, ground, change(id)).await.map(Some)
}

async fn as_owner(client: &mut Client) -> Result<Transaction<'_>, Error> {
    let tx = client.transaction().await?;
    tx.batch_execute("set local role tenantry_owner").await?;
    Ok(tx)
}

const fn change(id: KeyId) -> Change {
    Change { kind: ChangeKind::Key, subject: id.uuid() }
}
