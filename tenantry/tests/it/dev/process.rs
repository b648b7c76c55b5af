//! `tenantry` as a process: started, asked, stopped, killed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;
use tenantry::dev::Ready;
use tokio::process::{Child, Command};

/// The first start makes a cluster and hashes passwords, maybe on a machine that compiles meanwhile.
pub(crate) const FIRST_START: Duration = Duration::from_secs(90);
/// Everything ends well within this.
const END_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at something that another process does.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The binary, with an environment of its own.
pub(crate) fn tenantry(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(args: &[&str]) -> Said {
    Said::from(tenantry(args).output().await.unwrap())
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    /// What it said, when it ended well.
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// What it complained of, when it refused.
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, Some(2), "{}{}", self.out, self.err);
        self.err
    }
}

/// A running `tenantry dev`.
pub(crate) struct Dev {
    child: Child,
    pub(crate) dir: PathBuf,
    pub(crate) ready: Ready,
}

impl Dev {
    /// Starts one and waits until it says that it is ready.
    pub(crate) async fn start(dir: &Path, within: Duration) -> Self {
        Self::start_by(tenantry(&["dev", "--port", "0", "--data-dir"]).arg(dir), dir, within).await
    }

    /// Starts one by a command of the test's own, which makes it write `dev.json` to `dir`.
    pub(crate) async fn start_by(command: &mut Command, dir: &Path, within: Duration) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let ready = tokio::time::timeout(within, announced(dir, child.id().unwrap()));
        let ready = ready.await.unwrap_or_else(|_| panic!("`tenantry dev` is ready within {within:?}"));
        Self { child, dir: dir.to_owned(), ready }
    }

    /// As Ctrl-C or a service manager ends it.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        end(&mut self.child).await
    }

    /// As nobody should end it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Runs a command against it.
    pub(crate) async fn command(&self, args: &[&str]) -> Said {
        Said::from(tenantry(args).arg("--data-dir").arg(&self.dir).output().await.unwrap())
    }

    /// Its database's server.
    pub(crate) fn postmaster(&self) -> Pid {
        postmaster(&self.dir)
    }

    /// A connection as the administrator of its private cluster, who can break everything.
    pub(crate) async fn administrator(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.ready.database_url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

/// Asks a process to end, and waits until it has.
pub(crate) async fn end(child: &mut Child) -> ExitStatus {
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    tokio::time::timeout(END_WITHIN, child.wait()).await.expect("SIGTERM ends it").unwrap()
}

/// A directory that the server's own account can pass through.
pub(crate) fn data_dir() -> TempDir {
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o711)).tempdir().unwrap()
}

/// Looks again and again until `look` finds what it looks for.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(END_WITHIN, found).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Waits until a process that is not ours to collect has ended.
pub(crate) async fn gone(pid: Pid) {
    until("no server is left behind", async || is_gone(pid).then_some(())).await;
}

/// A process that has ended but that its parent did not collect yet has no arguments.
pub(crate) fn is_gone(pid: Pid) -> bool {
    let arguments = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
    arguments.map_or_else(|_| test_kill_process(pid).is_err(), |arguments| arguments.is_empty())
}

fn postmaster(dir: &Path) -> Pid {
    let record = std::fs::read_to_string(dir.join("postgres/data/postmaster.pid")).unwrap();
    Pid::from_raw(record.lines().next().unwrap().parse().unwrap()).unwrap()
}

async fn announced(dir: &Path, pid: u32) -> Ready {
    loop {
        let ready =
            std::fs::read(dir.join("dev.json")).ok().and_then(|bytes| serde_json::from_slice::<Ready>(&bytes).ok());
        match ready {
            Some(ready) if ready.pid == pid => return ready,
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
