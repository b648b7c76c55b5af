//! `--ephemeral`: a data directory that is there for one run.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, geteuid, test_kill_process};
use tenantry_core::random::Entropy;

/// What its name begins with; the process and chance follow.
const NAME: &str = "tenantry-ephemeral-";

/// The directory. Removed when this is dropped.
#[derive(Debug)]
pub(super) struct Ephemeral(PathBuf);

impl Ephemeral {
    /// Names a directory that nobody has, after removing what killed processes left behind.
    pub(super) fn new(entropy: &Entropy) -> Self {
        let parent = std::env::temp_dir();
        // What cannot be removed is in nobody's way.
        let _ = remove_of_the_dead(&parent);
        let chance = tenantry_platform::record::hex(&entropy.bytes::<8>());
        Self(parent.join(format!("{NAME}{}-{chance}", std::process::id())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Ephemeral {
    fn drop(&mut self) {
        // The next one removes what stays.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn remove_of_the_dead(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse().ok());
        let is_dead = pid.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_err());
        // Of ours alone: others may name theirs as they like.
        if is_dead && entry.metadata().is_ok_and(|known| known.is_dir() && known.uid() == geteuid().as_raw()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
