//! Ends what an earlier start left running: a postmaster that outlived its guard, or the backends of a
//! postmaster that was killed and which still hold its shared memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::site::Site;

/// How a postmaster is asked to end, and for how long: fast shutdown, immediate shutdown (the next start
/// recovers from the log), kill. Together below the 5 s in which the next start must be ready.
const ASKING: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_millis(1_500)),
    (Signal::QUIT, Duration::from_millis(1_000)),
    (Signal::KILL, Duration::from_millis(500)),
];

/// How often we look whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Returns when no process of this cluster runs any more.
pub(super) async fn clear(site: &Site) {
    if let Some(postmaster) = recorded_postmaster(&site.data()) {
        if runs(postmaster, site) {
            tracing::warn!(pid = postmaster.as_raw_nonzero(), "stopping a PostgreSQL that outlived its Tenantry");
            end(postmaster, site).await;
        }
        forget(postmaster, site);
    }
    end_backends(site);
}

async fn end(postmaster: Pid, site: &Site) {
    for (signal, patience) in ASKING {
        let _ = kill_process(postmaster, signal); // it may have ended by itself just now
        if tokio::time::timeout(patience, ended(postmaster, site)).await.is_ok() {
            return;
        }
    }
}

async fn ended(postmaster: Pid, site: &Site) {
    while runs(postmaster, site) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The process that postmaster.pid names in its first line.
fn recorded_postmaster(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 0)?)
}

/// Whether `pid` is really the postmaster of this cluster, and not some other process that got its number.
fn runs(pid: Pid, site: &Site) -> bool {
    let Some(arguments) = arguments(pid, site.account.uid()) else { return false };
    let data = site.data();
    let is_postgres = arguments.first().is_some_and(|program| Path::new(program).ends_with("postgres"));
    is_postgres && arguments.windows(2).any(|pair| pair[0] == "-D" && Path::new(&pair[1]) == data)
}

/// Removes the record of a postmaster that does not run: should its number now be another process's, the
/// server would refuse to start.
fn forget(postmaster: Pid, site: &Site) {
    let unchanged = recorded_postmaster(&site.data()) == Some(postmaster);
    if unchanged && !runs(postmaster, site) {
        let _ = fs::remove_file(site.data().join("postmaster.pid")); // the server itself says why, if it minds
    }
}

/// Backends notice the end of their postmaster only when they next wait; one that computes may take minutes.
fn end_backends(site: &Site) {
    for pid in titled(&format!("postgres: {}", site.cluster_name()), site.account.uid()) {
        let _ = kill_process(pid, Signal::KILL); // their shared memory is thrown away with them
    }
}

#[cfg(target_os = "linux")]
use super::linux::{arguments, titled};

#[cfg(not(target_os = "linux"))]
fn arguments(pid: Pid, uid: u32) -> Option<Vec<String>> {
    let pid = pid.as_raw_nonzero().to_string();
    let said = std::process::Command::new("ps").args(["-o", "uid=,args=", "-p", &pid]).output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut words = said.split_whitespace().map(str::to_owned);
    let owned = words.next()?.parse() == Ok(uid);
    owned.then(|| words.collect())
}

#[cfg(not(target_os = "linux"))]
fn titled(title: &str, uid: u32) -> Vec<Pid> {
    let Ok(said) = std::process::Command::new("ps").args(["-axo", "pid=,uid=,args="]).output() else {
        return Vec::new();
    };
    let said = String::from_utf8_lossy(&said.stdout);
    let matching = said.lines().filter_map(|line| {
        let (pid, rest) = line.trim_start().split_once(char::is_whitespace)?;
        let (owner, args) = rest.trim_start().split_once(char::is_whitespace)?;
        let matches = owner.parse() == Ok(uid) && args.trim_start().starts_with(title);
        matches.then(|| Pid::from_raw(pid.parse().ok()?)).flatten()
    });
    matching.collect()
}
