//! Where the server listens: a directory that only its account and root can enter, with a path that the
//! operating system can bind.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use tenantry_core::random::Entropy;

use super::account::Account;
use super::fault::ClusterFault;
use super::home::unguessable_name;

/// A socket's address holds 104 bytes on the BSDs and macOS, 108 on Linux, with its closing NUL; we keep to 100.
const LONGEST_SOCKET_BYTES: usize = 100;

/// What PostgreSQL adds to the directory, always with its default port.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";

/// The longest directory that leaves room for the socket's name.
pub(super) const LONGEST_DIRECTORY_BYTES: usize = LONGEST_SOCKET_BYTES - SOCKET_NAME.len();

/// What stays readable in a URL's query.
const URL_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A directory for the socket. One that is not in the home lasts for one run and must be removed after it.
#[derive(Debug)]
pub(super) struct SocketDir {
    pub(super) path: PathBuf,
    pub(super) passing: bool,
}

impl SocketDir {
    /// `run` in the home, or a short directory with a name that nobody can foresee.
    pub(super) fn make(home: &Path, account: Account, entropy: &Entropy) -> Result<Self, ClusterFault> {
        let inside = home.join("run");
        if fits(&inside) {
            if !inside.is_dir() {
                account.make_dir(&inside).map_err(ClusterFault::at("cannot make the directory", &inside))?;
            }
            return Ok(Self { path: inside, passing: false });
        }
        let name = format!("tenantry-{}", unguessable_name(entropy));
        let path = short_places().map(|place| place.join(&name)).find(|path| fits(path) && make_passing(path, account));
        path.map(|path| Self { path, passing: true }).ok_or(ClusterFault::NoSocketDirectory)
    }
}

/// `postgresql:///database?host=…&user=…&password=…`: the form that libpq and tokio-postgres both read.
pub(super) fn url(socket: &Path, user: &str, password: &str, database: &str) -> String {
    let text = |text| utf8_percent_encode(text, URL_QUERY);
    let host = percent_encode(socket.as_os_str().as_bytes(), URL_QUERY);
    format!("postgresql:///{}?host={host}&port=5432&user={}&password={}", text(database), text(user), text(password))
}

fn fits(directory: &Path) -> bool {
    directory.as_os_str().len() <= LONGEST_DIRECTORY_BYTES
}

fn short_places() -> impl Iterator<Item = PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|place: &OsString| !place.is_empty()).map(PathBuf::from);
    runtime.into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")])
}

/// Creating it fails when somebody else was there first.
fn make_passing(path: &Path, account: Account) -> bool {
    if account.make_dir(path).is_err() {
        return false;
    }
    let open = account.can_enter(path);
    if !open {
        let _ = fs::remove_dir(path); // empty, and useless to the next candidate
    }
    open
}
