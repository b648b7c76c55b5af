//! One run of the server, under the guard that ends it when we end.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};

use super::fault::ClusterFault;
use super::settings::{Durability, settings};
use super::site::Site;

/// The shell program that runs the server and watches the pipe.
const GUARD: &str = include_str!("guard.sh");

/// How often a server that is starting is asked whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A log longer than this is put aside at the next start; one that was put aside before is replaced.
const LONGEST_LOG_BYTES: u64 = 10 << 20;

/// How much of the log's end is read to say why a start failed.
const LOG_TAIL_BYTES: i64 = 4_096;

/// A server and its guard. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    guard: Child,
    /// The pipe that keeps it running.
    leash: Option<ChildStdin>,
}

impl Server {
    pub(super) fn spawn(site: &Site) -> io::Result<Self> {
        rotate_log(&site.log());
        let mut command = site.account.command("/bin/sh", &site.home);
        let first_signal = if site.durability == Durability::Kept { "INT" } else { "QUIT" };
        let discard = site.discard.clone().unwrap_or_default();
        command.args(["-c", GUARD, "guard.sh", first_signal]).arg(site.log()).arg(discard);
        command.arg(site.binaries.postgres()).arg("-D").arg(site.data());
        for setting in settings(&site.socket, &site.cluster_name(), site.durability) {
            command.arg("-c").arg(setting);
        }
        let mut guard =
            Command::from(command).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let leash = guard.stdin.take();
        Ok(Self { guard, leash })
    }

    /// Returns the server's version as soon as it answers.
    pub(super) async fn ready(&mut self, site: &Site) -> Result<u32, ClusterFault> {
        loop {
            match site.ask_version().await {
                Ok(version_num) => return Ok(version_num),
                Err(refusal) => give_up_on(&refusal, site)?,
            }
            if !matches!(self.guard.try_wait(), Ok(None)) {
                return Err(ClusterFault::NotReady { said: last_words(&site.log()), log: site.log() });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.guard.wait().await
    }

    /// Lets go of the pipe, and returns when the guard has ended the server.
    pub(super) async fn stop(mut self) {
        drop(self.leash.take());
        let _ = self.guard.wait().await; // it is gone, whatever its status
    }
}

/// A wrong password will not become right by waiting; everything else may be a server that is starting.
fn give_up_on(refusal: &tokio_postgres::Error, site: &Site) -> Result<(), ClusterFault> {
    let Some(said) = refusal.as_db_error() else { return Ok(()) };
    let wrong_password = said.code().code().starts_with("28");
    let fault = || ClusterFault::Password { said: said.message().to_owned(), password: site.password_file() };
    if wrong_password { Err(fault()) } else { Ok(()) }
}

fn rotate_log(log: &Path) {
    if fs::symlink_metadata(log).is_ok_and(|known| known.len() > LONGEST_LOG_BYTES) {
        let _ = fs::rename(log, log.with_extension("old")); // a long log is no reason not to start
    }
}

/// The last error in the log, in the server's words.
fn last_words(log: &Path) -> String {
    let text = tail(log).unwrap_or_default();
    let errors =
        text.lines().rev().find(|line| ["FATAL:", "PANIC:", "ERROR:"].iter().any(|level| line.contains(level)));
    errors.or_else(|| text.lines().last()).unwrap_or("it said nothing").trim().to_owned()
}

fn tail(log: &Path) -> io::Result<String> {
    let mut file = fs::File::open(log)?;
    let _ = file.seek(SeekFrom::End(-LOG_TAIL_BYTES)); // a shorter log is read from its start
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
