//! What only Linux tells: nothing else in Tenantry depends on it.

use std::fs;
use std::os::unix::fs::MetadataExt;

#[cfg(feature = "kit")]
use std::path::PathBuf;

use rustix::process::Pid;

/// The arguments of process `pid`, when it runs and is `uid`'s. A process that has ended but was not yet
/// collected has none.
pub(super) fn arguments(pid: Pid, uid: u32) -> Option<Vec<String>> {
    let process = format!("/proc/{}", pid.as_raw_nonzero());
    let owned = fs::metadata(&process).is_ok_and(|known| known.uid() == uid);
    let line = owned.then(|| fs::read(format!("{process}/cmdline")).ok())??;
    let arguments = line.split(|byte| *byte == 0).filter(|argument| !argument.is_empty());
    Some(arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect())
}

/// Processes of `uid` whose first argument starts with `title`.
pub(super) fn titled(title: &str, uid: u32) -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let matches =
        |pid: &Pid| arguments(*pid, uid).is_some_and(|said| said.first().is_some_and(|it| it.starts_with(title)));
    pids.filter(matches).collect()
}

/// A directory in memory with room for a test's cluster.
#[cfg(feature = "kit")]
pub(super) fn memory_dir() -> Option<PathBuf> {
    /// A cluster is 40 MB, each clone of a database 8 MB more; a container often gives only 64 MB here.
    const ENOUGH_BYTES: u64 = 2 << 30;
    let free = rustix::fs::statvfs("/dev/shm").ok()?;
    (free.f_bavail.saturating_mul(free.f_frsize) >= ENOUGH_BYTES).then(|| PathBuf::from("/dev/shm"))
}
