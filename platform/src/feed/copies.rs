//! Older copies of the database, as nodes have noticed them: until somebody has looked, what was revoked may work again.

use tenantry_core::clock::Timestamp;
use tokio_postgres::Client;

use crate::db::{Context, Control, DbFault, logins};
use crate::ground::Ground;
use crate::permit::{Actor, Origin, Permit, Resolve};

crate::sql! {
    AsDoor OnlyControl NOTICED = "select nodes, since from doors.copies_noticed()";
}

/// Notes that nobody has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// How many nodes noticed it.
    pub nodes: i64,
    /// When the first did.
    pub since: Timestamp,
}

/// Whether a node has found the database to be an older copy, and nobody has acknowledged that.
///
/// # Errors
/// When the database does not answer.
pub async fn noticed(ground: &Ground) -> Result<Option<Noticed>, DbFault> {
    let permit =
        Permit::<Resolve, Control>::system(Context::default(), Actor::system("feed", "copies"), Origin::default());
    let rows = permit.read(ground, &NOTICED, &[]).await?;
    Ok(rows.first().and_then(|row| Some(Noticed { nodes: row.get(0), since: row.get::<_, Option<Timestamp>>(1)? })))
}

/// Acknowledges all of them, over a connection that may become the owner of the tables. Answers how many there were.
///
/// # Errors
/// What the database says.
pub async fn acknowledge(client: &Client, now: Timestamp) -> Result<i64, tokio_postgres::Error> {
    client.batch_execute(&format!("set role {}", logins::OWNER)).await?;
    Ok(client.query_one("select doors.acknowledge_copies($1)", &[&now]).await?.get(0))
}
