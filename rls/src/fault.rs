//! Why a run could not be made: one sentence with the fix in it, and exit code 2.

use std::path::PathBuf;

/// What stopped a run.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// `rls.toml` cannot be read.
    #[error("{} cannot be read: {reason}. Write one with `tenantry rls init --url URL`.", path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// `rls.toml` means nothing.
    #[error("{}: {reason}", path.display())]
    Configuration {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with its line.
        reason: String,
    },
    /// The database cannot be reached, or does not let us in.
    #[error("the database cannot be reached: {0}. Check --url, and that this login may connect.")]
    Unreachable(String),
    /// A statement of ours failed.
    #[error("{doing} failed: {}", said(reason))]
    Database {
        /// What we did.
        doing: &'static str,
        /// What PostgreSQL said.
        reason: tokio_postgres::Error,
    },
    /// What was asked cannot be done with this database or configuration; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be written.
    #[error("{} cannot be written: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

impl Fault {
    /// Names what was being done when PostgreSQL refused.
    pub fn while_(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |reason| Self::Database { doing, reason }
    }
}

/// PostgreSQL's own message, with its SQLSTATE and hint, where there is one.
pub fn said(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else { return error.to_string() };
    let hint = db.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{} [{}]{hint}", db.message(), db.code().code())
}
