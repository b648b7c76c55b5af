//! `tenantry dev`: everything on this machine, on loopback, with a demo workspace and a demo app.

mod mailbox;
mod page;
mod place;
mod seed;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use secrecy::SecretString;
use tenantry_core::clock::Clock;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_core::slug::Slug;
use tenantry_platform::config::{Config, Dev, LogLevel, Upstream};
use tenantry_platform::db::{self, Urls, logins};
use tenantry_platform::log::{self, Style};
use tenantry_platform::mail::sink::Sink;
use tenantry_platform::postgres::{self, PrivateCluster};
use tokio::task::JoinHandle;

use crate::cli::{DevArgs, Outcome, ground, say};
use crate::demo;
use crate::serve::{self, Parts, Server};

pub(crate) use mailbox::handlers as mailbox_handlers;
pub use place::{Account, Place, Ready, Secrets};
pub(crate) use session::open as open_session;

/// The database in the private cluster.
const DATABASE: &str = "tenantry";

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Runs until SIGINT or SIGTERM.
pub fn run(args: DevArgs) -> Outcome {
    let _logging = log::install(LogLevel::Info, Style::Terminal, Clock::system())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(start_and_wait(args));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn start_and_wait(args: DevArgs) -> Result<(), Fault> {
    let stop = serve::stop_signal()?.wait();
    let port = free_port(args.port)?;
    // A fault of the team's file is told before anything is made.
    configuration(args.config.as_deref(), port, None)?;
    let place =
        Place::open(&args.data_dir).map_err(|error| format!("{} cannot be used: {error}", args.data_dir.display()))?;
    place.withdraw_of_the_dead();
    say("Starting PostgreSQL …");
    let cluster = PrivateCluster::start(&postgres::Options::new(place.path(), Entropy::system())).await?;
    warn_of_holes(&cluster);
    place.withdraw();
    let outcome = run_until(stop, &args, port, &place, &cluster).await;
    place.withdraw();
    cluster.stop().await;
    outcome
}

/// Starts, says so, and waits for the end, which may come before the start is done.
async fn run_until(
    stop: impl Future<Output = ()>,
    args: &DevArgs,
    port: u16,
    place: &Place,
    cluster: &PrivateCluster,
) -> Result<(), Fault> {
    tokio::pin!(stop);
    let running = tokio::select! {
        started = Running::start(args, port, place, cluster) => started?,
        () = &mut stop => return Ok(()),
    };
    stop.await;
    say("Stopping …");
    place.withdraw();
    running.stop().await;
    Ok(())
}

/// Everything in front of the database: Tenantry itself, the demo app, the server that catches mail.
struct Running {
    server: Server,
    _demo: Demo,
    _sink: Sink,
}

impl Running {
    async fn start(args: &DevArgs, port: u16, place: &Place, cluster: &PrivateCluster) -> Result<Self, Fault> {
        let secrets = place.secrets(&Entropy::system())?;
        provision(cluster, &secrets).await?;
        let socket = cluster.socket_dir().join("app.sock");
        let config = Arc::new(configuration(args.config.as_deref(), port, Some(Upstream::Unix(socket.clone())))?);
        place.keep_config(args.config.as_deref())?;
        let sealer = Sealer::new(&RootKey::parse(&secrets.root_key)?);
        let urls = urls(cluster, &secrets);
        let ground = ground(urls.clone(), &config, sealer)?;
        let sink = Sink::start(ground.clock.clone()).await?;
        let parts = Parts {
            urls,
            smtp_url: sink.url().into(),
            cron: vec![SecretString::from(secrets.cron.clone())],
            dev: Some(crate::app::DevTools { mailbox: sink.mailbox() }),
        };
        let server = serve::start(Arc::clone(&config), ground, parts).await?;
        let task = tokio::spawn(run_demo(args.config.is_none(), socket.clone(), config.clone(), server.address()));
        let demo = Demo { task, socket };
        let ready = seed::seed(&server, place, secrets, cluster.administrator_url(DATABASE)).await?;
        place.announce(&ready)?;
        greet(&config, &ready, place);
        Ok(Self { server, _demo: demo, _sink: sink })
    }

    /// The app and the mail server answer until the last request is done.
    async fn stop(self) {
        self.server.stop().await;
    }
}

/// The demo app, which ends with this, and leaves no socket behind.
struct Demo {
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.task.abort();
        // There is none where the team's own app is served.
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn provision(cluster: &PrivateCluster, secrets: &Secrets) -> Result<(), Fault> {
    let password = |login: &str| secrets.logins.get(login).cloned().unwrap_or_default();
    let applied = db::provision(&cluster.administrator("postgres"), DATABASE, password, Clock::system().now()).await?;
    applied.iter().for_each(|name| say(&format!("Database: applied {name}")));
    Ok(())
}

/// The configuration of `dev`: a file of the app's team, or the demo's own.
pub fn configuration(path: Option<&Path>, port: u16, upstream: Option<Upstream>) -> Result<Config, Fault> {
    match path {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            Ok(Config::for_dev(&path.display().to_string(), &text, &Dev { port, upstream: None })?)
        }
        None => Ok(Config::for_dev(demo::CONFIG_NAME, demo::CONFIG, &Dev { port, upstream })?),
    }
}

/// The port of a running `dev`.
pub fn port_of(ready: &Ready) -> Result<u16, Fault> {
    let port = ready.console.rsplit(':').next().and_then(|port| port.parse().ok());
    port.ok_or_else(|| "dev.json names no port; start `tenantry dev` again".into())
}

async fn run_demo(is_wanted: bool, socket: PathBuf, config: Arc<Config>, address: std::net::SocketAddr) {
    if !is_wanted {
        return;
    }
    let central = config.hosts.origin(&config.hosts.central());
    let host = central.split("://").nth(1).unwrap_or_default().to_owned();
    let source = demo::JwksSource { address, host, issuer: central, audience: config.identity.audience.clone() };
    if let Err(error) = demo::serve(&socket, source, Clock::system()).await {
        tracing::error!(%error, "the demo app stopped");
    }
}

fn urls(cluster: &PrivateCluster, secrets: &Secrets) -> Urls {
    let of = |at: usize| {
        let login = logins::SERVING[at].0;
        cluster.config(login, secrets.logins.get(login).map(String::as_str).unwrap_or_default(), DATABASE)
    };
    Urls { control: of(0), live: of(1), test: of(2), jobs: of(3), operator: of(4) }
}

fn warn_of_holes(cluster: &PrivateCluster) {
    if let Some(advisory) = postgres::rls_advisory(cluster.version_num()) {
        tracing::warn!(%advisory, "this PostgreSQL has a known hole in row level security");
    }
}

/// Port 0 takes one that is free now: the links in mails and pages need it before anything listens.
fn free_port(wanted: u16) -> Result<u16, Fault> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, wanted)).map_err(|error| {
        format!("port {wanted} on 127.0.0.1 cannot be used: {error}. Choose another one with --port.")
    })?;
    Ok(listener.local_addr()?.port())
}

fn greet(config: &Config, ready: &Ready, place: &Place) {
    let first =
        Slug::from_stored(seed::FIRST.slug).map(|slug| config.hosts.origin(&config.hosts.tenant(&slug, Mode::Test)));
    let lines = [
        format!("\n{} is ready.\n", config.brand.name),
        format!("  Console      {}/-/sign-in", ready.console),
        format!("               {} / {}", ready.owner.email, ready.owner.password),
        format!("  Your app     {}   (test data: {})", ready.tenant, first.unwrap_or_default()),
        format!("  Mailbox      {}", ready.mailbox),
        format!("  Trust page   {}/security", ready.console),
        format!("  Operator     {} / {}", ready.operator.email, ready.operator.password),
        format!("\n  Call the API:\n  curl -H 'Authorization: Bearer {}' {}/api/products\n", ready.api_key, ready.api),
        format!("  All of this as JSON: {}", place.path().join("dev.json").display()),
        "  Ctrl-C stops everything.".to_owned(),
    ];
    lines.iter().for_each(|line| say(line));
}
