//! The numbers of transactions that the lists of changes and the change feed go by, and the cluster that gave them.
//!
//! What must always hold: whoever serves, serves numbers that this cluster has given. A dump that is loaded into another
//! cluster brings the numbers of the old one. While they lie ahead, every list ends before them: empty, and with 200.

use tokio_postgres::Client;

use crate::db::{Context, Control, DbFault, logins};
use crate::ground::Ground;
use crate::permit::{Actor, Origin, Permit, Resolve};

/// Rows of a table that one statement renumbers.
const BATCH: i32 = 20_000;

crate::sql! {
    AsDoor OnlyControl ARE_FOREIGN = "select doors.numbers_are_foreign()";
}

/// Why nothing is served by the numbers that are there.
#[derive(Debug, thiserror::Error)]
pub enum NumbersFault {
    /// They are another cluster's.
    #[error(
        "the lists of changes go by numbers that this PostgreSQL has not given out: the database was loaded from a dump of another one. Run `tenantry database renumber`, then start again."
    )]
    Foreign,
    /// Nobody can say whose they are.
    #[error(transparent)]
    Database(#[from] DbFault),
}

/// Refuses numbers of another cluster. To be called before the first request.
///
/// # Errors
/// A sentence that names the command which mends it.
pub async fn refuse_foreign(ground: &Ground) -> Result<(), NumbersFault> {
    let actor = Actor::system("serve", "numbers");
    let permit = Permit::<Resolve, Control>::system(Context::default(), actor, Origin::default());
    let are_foreign = permit.read(ground, &ARE_FOREIGN, &[]).await?.first().is_some_and(|row| row.get(0));
    if are_foreign { Err(NumbersFault::Foreign) } else { Ok(()) }
}

/// Gives everything that has a number of another cluster one of this, a batch a transaction, and answers how many rows
/// that were. Over a connection that may become the owner of the tables; what was renumbered when it breaks stays so.
///
/// # Errors
/// What the database says.
pub async fn renumber(client: &Client) -> Result<i64, tokio_postgres::Error> {
    client.batch_execute(&format!("set role {}", logins::OWNER)).await?;
    let mut all = 0;
    loop {
        let renumbered: i64 = client.query_one("select doors.renumber($1)", &[&BATCH]).await?.get(0);
        all += renumbered;
        if renumbered == 0 {
            return Ok(all);
        }
    }
}
