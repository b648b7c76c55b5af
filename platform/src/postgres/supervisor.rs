//! Keeps one server running: a thread with its own runtime, so that it outlives the runtime of whoever asked
//! (each asynchronous test has its own), and so that making a cluster blocks nobody.

use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::fault::ClusterFault;
use super::orphan;
use super::server::Server;
use super::site::{Prepared, Site};

/// How long one start may take: recovery after a crash reads at most `max_wal_size`.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Attempts of the first start; a server that another process is still ending may refuse the first ones.
const FIRST_START_ATTEMPTS: u32 = 3;

/// The pause before the second attempt to restart; it doubles with each, up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Whether the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Ready,
    /// It died and is being started again; after this many attempts, for this reason.
    Restarting { attempts: u32, reason: String },
    /// It was stopped because we asked.
    Stopped,
}

/// Our end of the thread.
#[derive(Debug)]
pub(super) struct Supervisor {
    wish: watch::Sender<Wish>,
    health: watch::Receiver<Health>,
}

/// What the thread is asked for. Dropping the sender asks for the end too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Stop,
}

/// A server that answers.
pub(super) struct Started {
    pub(super) site: Site,
    pub(super) supervisor: Supervisor,
    pub(super) version_num: u32,
}

impl Supervisor {
    pub(super) async fn stop(&self) {
        self.wish.send_replace(Wish::Stop);
        let mut health = self.health.clone();
        let _ = health.wait_for(|now| *now == Health::Stopped).await; // or the thread is gone, and the server with it
    }

    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}

/// Prepares and starts a server on a thread of its own.
pub(super) async fn start(
    prepare: impl FnOnce() -> Result<Prepared, ClusterFault> + Send + 'static,
) -> Result<Started, ClusterFault> {
    let (answer, answered) = oneshot::channel();
    let no_thread =
        |cause: std::io::Error| ClusterFault::Initialise { said: format!("no thread to run it on: {cause}") };
    thread::Builder::new().name("postgres".into()).spawn(move || run(prepare, answer)).map_err(no_thread)?;
    let vanished = || ClusterFault::Initialise { said: "its supervisor ended early".to_owned() };
    answered.await.unwrap_or_else(|_| Err(vanished()))
}

type Answer = oneshot::Sender<Result<Started, ClusterFault>>;

fn run(prepare: impl FnOnce() -> Result<Prepared, ClusterFault>, answer: Answer) {
    let prepared = prepare().and_then(|prepared| Ok((prepared, runtime()?)));
    match prepared {
        Ok((prepared, runtime)) => runtime.block_on(live(prepared, answer)),
        Err(fault) => drop(answer.send(Err(fault))),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, ClusterFault> {
    let no_runtime = |cause| ClusterFault::Initialise { said: format!("no runtime to run it on: {cause}") };
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)
}

/// The life of a cluster: first start, then whatever happens, until it is asked to end. The data directory is
/// held until the server is gone.
async fn live(prepared: Prepared, answer: Answer) {
    let Prepared { site, held } = prepared;
    let (wish, mut wished) = watch::channel(Wish::Run);
    let (report, health) = watch::channel(Health::Ready);
    match first_start(&site).await {
        Err(fault) => drop(answer.send(Err(fault))),
        Ok((server, version_num)) => {
            let supervisor = Supervisor { wish, health };
            drop(answer.send(Ok(Started { site: site.clone(), supervisor, version_num })));
            keep(&site, server, &mut wished, &report).await;
            drop(held); // before the report: whoever waits for the end may start again at once
            report.send_replace(Health::Stopped);
        }
    }
}

async fn first_start(site: &Site) -> Result<(Server, u32), ClusterFault> {
    let mut attempt = 1;
    loop {
        match start_once(site).await {
            Err(ClusterFault::NotReady { .. }) if attempt < FIRST_START_ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
        tokio::time::sleep(SHORTEST_PAUSE).await;
    }
}

async fn start_once(site: &Site) -> Result<(Server, u32), ClusterFault> {
    orphan::clear(site).await;
    let mut server = Server::spawn(site).map_err(ClusterFault::at("cannot run", &site.binaries.postgres()))?;
    let late = || ClusterFault::NotReady { said: format!("no answer in {START_TIMEOUT:?}"), log: site.log() };
    let version_num = tokio::time::timeout(START_TIMEOUT, server.ready(site)).await.unwrap_or_else(|_| Err(late()));
    match version_num {
        Ok(version_num) => Ok((server, version_num)),
        Err(fault) => {
            server.stop().await;
            Err(fault)
        }
    }
}

/// Restarts the server each time that it dies; returns when it was stopped because we asked.
async fn keep(site: &Site, mut server: Server, wished: &mut watch::Receiver<Wish>, report: &watch::Sender<Health>) {
    loop {
        let status = tokio::select! {
            () = end_wished(wished) => return server.stop().await,
            status = server.ended() => status,
        };
        let reason = status.map_or_else(|cause| cause.to_string(), |status| status.to_string());
        tracing::warn!(reason, "PostgreSQL died; starting it again");
        server = tokio::select! {
            () = end_wished(wished) => return orphan::clear(site).await,
            restarted = restart(site, reason, report) => restarted,
        };
        report.send_replace(Health::Ready);
        tracing::info!("PostgreSQL answers again");
    }
}

async fn end_wished(wished: &mut watch::Receiver<Wish>) {
    let _ = wished.wait_for(|wish| *wish == Wish::Stop).await; // an error: nobody is left who could wish
}

async fn restart(site: &Site, mut reason: String, report: &watch::Sender<Health>) -> Server {
    let (mut attempts, mut pause) = (0, SHORTEST_PAUSE);
    loop {
        report.send_replace(Health::Restarting { attempts, reason });
        match start_once(site).await {
            Ok((server, _)) => return server,
            Err(fault) => reason = fault.to_string(),
        }
        attempts += 1;
        tracing::error!(attempts, reason, "PostgreSQL did not start again; trying once more");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
