//! Where a data directory's cluster lives, and the lock that keeps a second process out of it.
//!
//! ```text
//! DATA_DIR/postgres.lock        held while we run; holds our process id
//! DATA_DIR/postgres/            the home: mode 0700, the server's account's
//!     data/                     what initdb made
//!     password                  the administrator's, mode 0600
//!     run/                      the socket, unless its path would be too long
//!     log                       the server's last words
//! DATA_DIR/postgres.location    names the home instead, when the server's account cannot reach DATA_DIR
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenantry_core::random::Entropy;

use super::account::Account;
use super::fault::ClusterFault;

/// Where homes go that the server's account cannot reach in their data directory.
const ELSEWHERE: &str = "/var/lib/tenantry";

/// In a home elsewhere: names the data directory that it belongs to.
const OWNER: &str = "owner";

/// A data directory that only we use, as long as this lives.
#[derive(Debug)]
pub(super) struct Held {
    data_dir: PathBuf,
    _lock: File,
}

impl Held {
    /// Makes the data directory where it is missing, and locks it.
    pub(super) fn take(data_dir: &Path, account: Account) -> Result<Self, ClusterFault> {
        // Another account's server must be able to pass through, not to look around.
        let mode = if matches!(account, Account::Ourselves) { 0o700 } else { 0o711 };
        let made = DirBuilder::new().recursive(true).mode(mode).create(data_dir);
        made.map_err(ClusterFault::at("cannot make the data directory", data_dir))?;
        let data_dir = data_dir.canonicalize().map_err(ClusterFault::at("cannot find the data directory", data_dir))?;
        let lock = lock(&data_dir)?;
        Ok(Self { data_dir, _lock: lock })
    }

    /// The home of this data directory's cluster, made when there is none.
    pub(super) fn home(&self, account: Account, entropy: &Entropy) -> Result<PathBuf, ClusterFault> {
        let (inside, pointer) = (self.data_dir.join("postgres"), self.data_dir.join("postgres.location"));
        if let Ok(named) = fs::read_to_string(&pointer) {
            return pointed_at(&pointer, Path::new(named.trim_end()));
        }
        if inside.is_dir() {
            return Ok(inside);
        }
        if account.can_enter(&self.data_dir) {
            account.make_dir(&inside).map_err(ClusterFault::at("cannot make the directory", &inside))?;
            return Ok(inside);
        }
        self.home_elsewhere(&pointer, account, entropy)
    }

    fn home_elsewhere(&self, pointer: &Path, account: Account, entropy: &Entropy) -> Result<PathBuf, ClusterFault> {
        let shelf = Path::new(ELSEWHERE);
        DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(shelf)
            .map_err(ClusterFault::at("cannot make the directory", shelf))?;
        sweep(shelf);
        let home = shelf.join(unguessable_name(entropy));
        account.make_dir(&home).map_err(ClusterFault::at("cannot make the directory", &home))?;
        let owner = home.join(OWNER);
        write_new(&owner, &self.data_dir.to_string_lossy()).map_err(ClusterFault::at("cannot write", &owner))?;
        write_new(pointer, &home.to_string_lossy()).map_err(ClusterFault::at("cannot write", pointer))?;
        tracing::info!(
            data_dir = %self.data_dir.display(),
            home = %home.display(),
            "PostgreSQL's account cannot enter the data directory, so its files are kept elsewhere"
        );
        Ok(home)
    }
}

/// A name that nobody else can foresee: sixteen hexadecimal digits.
pub(super) fn unguessable_name(entropy: &Entropy) -> String {
    format!("{:016x}", u64::from_be_bytes(entropy.bytes()))
}

/// Writes a file that must not exist yet, for its owner's eyes only; a planted link is refused.
pub(super) fn write_new(path: &Path, text: &str) -> std::io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(file)
}

/// So often a lock that somebody has is tried once more, and how soon.
const LOCK_TRIES: usize = 10;
const LOCK_AGAIN: Duration = Duration::from_millis(10);

fn lock(data_dir: &Path) -> Result<File, ClusterFault> {
    let path = data_dir.join("postgres.lock");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = open.map_err(ClusterFault::at("cannot open", &path))?;
    let mut tries = LOCK_TRIES;
    while let Err(fault) = file.try_lock() {
        match fault {
            // What was just forked holds what its parent held, until it runs a program of its own.
            TryLockError::WouldBlock if tries > 0 => std::thread::sleep(LOCK_AGAIN),
            TryLockError::WouldBlock => return Err(in_use(data_dir, &mut file)),
            TryLockError::Error(cause) => return Err(ClusterFault::at("cannot lock", &path)(cause)),
        }
        tries -= 1;
    }
    sign(&mut file).map_err(ClusterFault::at("cannot write", &path))?;
    Ok(file)
}

fn in_use(data_dir: &Path, lock: &mut File) -> ClusterFault {
    let mut holder = String::new();
    let read = lock.read_to_string(&mut holder);
    let known = read.is_ok() && !holder.trim().is_empty();
    let holder = if known { holder.trim().to_owned() } else { "(unknown)".to_owned() };
    ClusterFault::InUse { data_dir: data_dir.to_owned(), holder }
}

fn sign(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

fn pointed_at(pointer: &Path, home: &Path) -> Result<PathBuf, ClusterFault> {
    let there = home.is_absolute() && home.is_dir();
    there
        .then(|| home.to_owned())
        .ok_or_else(|| ClusterFault::Lost { pointer: pointer.to_owned(), home: home.to_owned() })
}

/// Removes the homes whose data directory was deleted. A data directory whose parent is gone too may only be
/// on a disk that is not there today: its home stays.
fn sweep(shelf: &Path) {
    for home in fs::read_dir(shelf).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Ok(owner) = fs::read_to_string(home.join(OWNER)) else { continue };
        let owner = Path::new(&owner);
        let deleted = owner.is_absolute() && !owner.exists() && owner.parent().is_some_and(Path::is_dir);
        if deleted && fs::remove_dir_all(&home).is_ok() {
            tracing::info!(home = %home.display(), data_dir = %owner.display(), "removed the files of a deleted data directory");
        }
    }
}
