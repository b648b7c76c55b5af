//! Why a private cluster did not start, in sentences that end in what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum ClusterFault {
    #[error("PostgreSQL {oldest} or newer is not installed: run `{install}` and start again", oldest = super::binaries::OLDEST_MAJOR)]
    NotInstalled { install: &'static str },

    #[error(
        "{} was made by PostgreSQL {major}, which is not installed: install that version, or start with an empty data directory",
        home.display()
    )]
    OtherMajor { home: PathBuf, major: u32 },

    #[error(
        "the data directory {} is in use by process {holder}: stop that one first, or start with another data directory",
        data_dir.display()
    )]
    InUse { data_dir: PathBuf, holder: String },

    #[error(
        "PostgreSQL does not run as root, and this machine has neither a `postgres` nor a `nobody` account: run this as an ordinary user"
    )]
    NoAccount,

    #[error("{what} {}: {cause}: check that it may be read and written by the account that runs this", path.display())]
    Path { what: &'static str, path: PathBuf, cause: io::Error },

    #[error(
        "{} says that the cluster is in {}, which is not there: put that directory back, or remove the file to start empty",
        pointer.display(),
        home.display()
    )]
    Lost { pointer: PathBuf, home: PathBuf },

    #[error(
        "no directory for PostgreSQL's socket is short enough and open to its account: set TMPDIR to one below {limit} bytes",
        limit = super::socket::LONGEST_DIRECTORY_BYTES
    )]
    NoSocketDirectory,

    #[error("PostgreSQL could not make its cluster: {said}: mend that and start again")]
    Initialise { said: String },

    #[error("PostgreSQL refused the administrator ({said}): the password in {} is not the cluster's: put the right one back", password.display())]
    Password { said: String, password: PathBuf },

    #[error("PostgreSQL did not start: {said}: mend that and start again; its log is {}", log.display())]
    NotReady { said: String, log: PathBuf },
}

impl ClusterFault {
    /// Names the path in an I/O error: `what` is the act, for example "cannot make the directory".
    pub(super) fn at<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |cause| Self::Path { what, path: path.to_owned(), cause }
    }
}
