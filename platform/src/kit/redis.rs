//! A Redis of a test's own, on a socket in a directory that goes with it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// Longer than any start takes: only a test that fails gets here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Redis, or one that is to be started again at the same place.
#[derive(Debug)]
pub struct TestRedis {
    place: TempDir,
    server: Option<Child>,
}

impl TestRedis {
    /// An empty one. `scripts/install test` installs the program.
    pub async fn start() -> Self {
        let mut redis = Self { place: TempDir::new().expect("a directory for a test"), server: None };
        redis.start_again().await;
        redis
    }

    /// An empty node of a cluster, on a port that is free: no slot is its own yet.
    pub async fn start_in_cluster() -> Self {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let mut redis = Self { place: TempDir::new().expect("a directory for a test"), server: None };
        let (port, bus) = (port.to_string(), (if port > 50_000 { port - 10_000 } else { port + 10_000 }).to_string());
        redis.run(&["--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", &port, "--cluster-port", &bus]).await;
        redis
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("redis.sock")
    }

    /// Starts it at the same place, with nothing in it.
    pub async fn start_again(&mut self) {
        self.run(&["--port", "0"]).await;
    }

    async fn run(&mut self, settings: &[&str]) {
        let mut command = Command::new("redis-server");
        command.args(settings).args(["--save", "", "--appendonly", "no", "--unixsocket"]).arg(self.socket());
        command.args(["--dir"]).arg(self.place.path()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        self.server = Some(command.spawn().expect("redis-server is installed"));
        let answers = async {
            while UnixStream::connect(self.socket()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answers).await.expect("redis-server takes connections");
    }

    /// Ends it at once, as a crash does.
    pub async fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().await.expect("the server of a test can be killed");
        }
        // A crash leaves its socket behind; what connects is refused, as it would be by a host without the server.
        drop(std::fs::remove_file(self.socket()));
    }

    /// It says nothing any more, and its connections stay open.
    pub fn stall(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on as if nothing had been.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.server.as_ref().and_then(Child::id).expect("it runs");
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it takes signals");
    }
}
