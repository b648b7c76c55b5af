//! What can go wrong with the database, as far as a caller can act on it.

use std::time::Duration;

use tokio_postgres::error::SqlState;

/// How long the server may be silent. It ends a statement by itself after ten seconds (`logins`): one that has
/// said nothing by then is frozen, or behind a network that no longer carries anything.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A failed statement or connection.
#[derive(Debug, thiserror::Error)]
pub enum DbFault {
    /// A constraint said no; its name is the database's.
    #[error("the constraint {name} refused the row")]
    Constraint {
        /// The constraint's name.
        name: String,
    },
    /// The database cannot be reached or is shutting down. Try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// No connection became free in time: more work than the pool allows.
    #[error("all database connections are in use")]
    Exhausted,
    /// The statement ran into its time limit or lost a race; the transaction was rolled back.
    #[error("the database gave the transaction up: {0}")]
    Retry(String),
    /// The connection was lost while it committed: whether the change is there, nobody can say.
    #[error("the database went away while it committed: {0}")]
    Unsure(String),
    /// The transaction was over before this call.
    #[error("the transaction is over")]
    Over,
    /// A defect of ours: the statement, a type, a missing context.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl DbFault {
    /// The name of the constraint that refused the row, if that is what happened.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { name } => Some(name),
            _ => None,
        }
    }

    /// The same where COMMIT was sent: without an answer the change may be there.
    pub(super) fn of_commit(self) -> Self {
        match self {
            Self::Unavailable(why) => Self::Unsure(why),
            other => other,
        }
    }
}

/// Waits for the server, but not for ever. Whoever gives up must close the connection.
pub(super) async fn answered<T>(within: Duration, work: impl Future<Output = T>) -> Result<T, DbFault> {
    let silent = |_| DbFault::Unavailable(format!("it did not answer within {} s", within.as_secs_f32()));
    tokio::time::timeout(within, work).await.map_err(silent)
}

impl From<tokio_postgres::Error> for DbFault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return if error.is_closed()
                || std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
            {
                Self::Unavailable(error.to_string())
            } else {
                Self::Refused(describe(&error))
            };
        };
        match (db.code(), db.constraint()) {
            (
                &SqlState::UNIQUE_VIOLATION | &SqlState::CHECK_VIOLATION | &SqlState::FOREIGN_KEY_VIOLATION,
                Some(name),
            ) => Self::Constraint { name: name.to_owned() },
            (code, _) if unavailable(code) => Self::Unavailable(db.message().to_owned()),
            (
                &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::QUERY_CANCELED
                | &SqlState::LOCK_NOT_AVAILABLE,
                _,
            ) => Self::Retry(db.message().to_owned()),
            _ => Self::Refused(format!("{} ({})", db.message(), db.code().code())),
        }
    }
}

impl From<deadpool_postgres::PoolError> for DbFault {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => match Self::from(error) {
                // Before a statement ran, whatever happened is a matter of reaching the database.
                Self::Refused(text) => Self::Unavailable(text),
                other => other,
            },
            deadpool_postgres::PoolError::Timeout(_) => Self::Exhausted,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// 57P01–57P03 (shutting down, crashed, starting up), 53300 (too many connections), class 08.
fn unavailable(code: &SqlState) -> bool {
    matches!(code.code(), "57P01" | "57P02" | "57P03" | "53300") || code.code().starts_with("08")
}

fn describe(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    if cause.is_empty() { error.to_string() } else { format!("{error}: {cause}") }
}
