//! A restart that refuses nobody: `tenantry serve` hands its listeners to a successor.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::dev::process::{tenantry, until};
use crate::serve::Site;

const RESTARTS: usize = 5;
/// Connections at a time, each for one question.
const CLIENTS: usize = 4;
/// Questions between two restarts, so that each process has served.
const BETWEEN: usize = 200;
const PATIENCE: Duration = Duration::from_secs(60);

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Clients that open one connection after another, for as long as they are let.
struct Clients {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Clients {
    fn begin(port: u16) -> Self {
        let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..CLIENTS).map(|_| {
            let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
            thread::spawn(move || {
                let mut faults = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    match ask(port) {
                        // Also where it was too often: somebody took the connection, and answered.
                        Ok(answer) if answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 429") => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(answer) => faults.push(answer),
                        Err(fault) => faults.push(fault.to_string()),
                    }
                }
                faults
            })
        });
        let threads = threads.collect();
        Self { is_over, answered, threads }
    }

    async fn more(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("clients are served", async || (self.answered.load(Ordering::Relaxed) > before + BETWEEN).then_some(()))
            .await;
    }

    /// What went wrong, for anybody.
    fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /-/health/live HTTP/1.1\r\nhost: app.localhost:{port}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The process that serves, and the log of all that did.
struct Served {
    pid: Pid,
    log: Lines<BufReader<ChildStdout>>,
    _first: Child,
}

/// A successor is nobody's child.
impl Drop for Served {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

impl Served {
    fn new(mut first: Child) -> Self {
        let log = BufReader::new(first.stdout.take().unwrap()).lines();
        Self { pid: pid(first.id().unwrap()), log, _first: first }
    }

    /// The next line of the log that says so.
    async fn said(&mut self, text: &str) -> Value {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(text) {
                    return serde_json::from_str(&line).unwrap();
                }
            }
            panic!("nobody said {text:?}");
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("nobody said {text:?} in time"))
    }

    async fn restart(&mut self) {
        kill_process(self.pid, Signal::USR2).unwrap();
        let said = self.said("a new process serves").await;
        let successor = said.get("pid").or_else(|| said["fields"].get("pid")).and_then(Value::as_u64).unwrap();
        self.pid = pid(u32::try_from(successor).unwrap());
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed()).unwrap()
}

#[tokio::test]
async fn five_restarts_refuse_and_reset_nobody() {
    let site = Site::planned().await;
    site.run(&["migrate"]).await.well();
    let watched = format!(
        "{}\n[operations]\nlisten = \"127.0.0.1:{}\"\n",
        std::fs::read_to_string(&site.file).unwrap(),
        free_port()
    );
    std::fs::write(&site.file, watched).unwrap();
    let manager = UnixDatagram::bind(site.dir.path().join("notify")).unwrap();
    let socket = manager.local_addr().unwrap().as_pathname().unwrap().to_owned();
    let mut serve = tenantry(&["serve", "--config", &site.file]);
    let mut served = Served::new(site.start(serve.stdout(Stdio::piped()).env("NOTIFY_SOCKET", socket)).await);
    let clients = Clients::begin(site.port);
    for _ in 0..RESTARTS {
        clients.more().await;
        served.restart().await;
    }
    clients.more().await;
    a_successor_that_cannot_serve_changes_nothing(&site, &mut served).await;
    clients.more().await;
    let faults = clients.end();
    assert!(faults.is_empty(), "{} of them, such as {:?}", faults.len(), &faults[..faults.len().min(3)]);
    the_manager_knows_who_serves(&manager, served.pid);

    kill_process(served.pid, Signal::TERM).unwrap();
    until("the last one has gone", async || TcpStream::connect(("127.0.0.1", site.port)).is_err().then_some(())).await;
}

async fn a_successor_that_cannot_serve_changes_nothing(site: &Site, served: &mut Served) {
    let good = std::fs::read_to_string(&site.file).unwrap();
    std::fs::write(&site.file, "nonsense").unwrap();
    kill_process(served.pid, Signal::USR2).unwrap();
    let said = served.said("this process serves on").await.to_string();
    assert!(said.contains("the new process did not come to serve"), "{said}");
    std::fs::write(&site.file, good).unwrap();
}

fn the_manager_knows_who_serves(manager: &UnixDatagram, now: Pid) {
    manager.set_nonblocking(true).unwrap();
    let mut told = Vec::new();
    let mut piece = [0; 200];
    while let Ok(count) = manager.recv(&mut piece) {
        told.push(String::from_utf8_lossy(&piece[..count]).into_owned());
    }
    assert_eq!(told.first().map(String::as_str), Some("READY=1"));
    let main = told.iter().rev().find(|state| state.starts_with("MAINPID="));
    assert_eq!(main, Some(&format!("MAINPID={}", now.as_raw_nonzero())));
}
