//! Who runs the server: ourselves, or, when we are root, an account that is not.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::fault::ClusterFault;

/// What a root process runs the server as: the first of these that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// What the server keeps of our environment. The rest, secrets among it, is none of its business, and PG*
/// variables would change what it does.
const KEPT_VARIABLES: [&str; 5] =
    ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// The account that runs the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Ourselves, or never root.
    pub(super) fn for_server() -> Result<Self, ClusterFault> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        UNPRIVILEGED.iter().find_map(|name| look_up(&accounts, name)).ok_or(ClusterFault::NoAccount)
    }

    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Ourselves => rustix::process::geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }

    /// A command of this account, in `dir`, with a bare environment, in a process group of its own: a Ctrl-C
    /// meant for us does not reach the server before we are done with it.
    pub(super) fn command(self, program: impl AsRef<Path>, dir: &Path) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("LC_ALL", "C").current_dir(dir).stdin(Stdio::null()).process_group(0);
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid); // and, as we are root, without our supplementary groups
        }
        command
    }

    /// Whether this account can enter `dir`: tried, since modes alone do not tell.
    pub(super) fn can_enter(self, dir: &Path) -> bool {
        self.command("/bin/sh", dir).args(["-c", ":"]).status().is_ok_and(|status| status.success())
    }

    /// Makes the directory `path`, which must not exist yet, this account's and nobody else's.
    pub(super) fn make_dir(self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        self.own(path)
    }

    /// Hands `path` to this account; a link is not followed.
    pub(super) fn own(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => lchown(path, Some(uid), Some(gid)),
        }
    }
}

/// Finds `name` in the text of /etc/passwd: `name:password:uid:gid:…`.
fn look_up(accounts: &str, name: &str) -> Option<Account> {
    let mut fields = accounts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (uid != 0).then_some(Account::Other { uid, gid })
}
