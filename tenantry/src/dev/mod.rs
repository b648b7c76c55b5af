//! `tenantry dev`: everything on this machine, on loopback, with a demo workspace and a demo app, or with the team's
//! own (docs/dev.md).

pub(crate) mod clock;
mod ephemeral;
pub(crate) mod letters;
mod mailbox;
mod page;
mod place;
mod plan;
mod reload;
mod seed;
mod session;
mod source;
mod team;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use secrecy::SecretString;
use tenantry_core::clock::Clock;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_platform::config::{Config, Environment, LogLevel, Upstream};
use tenantry_platform::db::{self, Urls};
use tenantry_platform::log::{self, Style};
use tenantry_platform::mail::sink::Sink;
use tenantry_platform::postgres::{self, PrivateCluster};
use tenantry_platform::telemetry::Telemetry;
use tokio::task::JoinHandle;

use crate::Fault;
use crate::app::{App, DevTools};
use crate::cli::{DevArgs, Outcome, ground_at, program, say};
use crate::demo;
use crate::serve::{self, Parts, Server};
use ephemeral::Ephemeral;
use plan::Plan;
use team::Team;

pub(crate) use mailbox::handlers as mailbox_handlers;
pub use place::{Account, Place, Ready, Secrets};
pub use plan::{Seeded, SeededMember};
pub(crate) use session::open as open_session;
pub use source::configuration;
pub use team::View as TeamView;
pub(crate) use team::page as team_page;

/// The database in the private cluster.
const DATABASE: &str = "tenantry";

/// Runs until SIGINT or SIGTERM.
pub fn run(args: DevArgs) -> Outcome {
    let _logging = log::install(LogLevel::Info, Style::Terminal, Clock::system(), Telemetry::NONE)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(start_and_wait(args));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn start_and_wait(args: DevArgs) -> Result<(), Fault> {
    let stop = serve::stop_signal()?.wait();
    let entropy = Entropy::system();
    let ephemeral = args.ephemeral.then(|| Ephemeral::new(&entropy));
    let data_dir = ephemeral.as_ref().map_or(args.data_dir.as_path(), Ephemeral::path);
    let wanted = Wanted::read(&args)?;
    let place = Place::open(data_dir).map_err(|error| format!("{} cannot be used: {error}", data_dir.display()))?;
    place.withdraw_of_the_dead();
    say("Starting PostgreSQL …");
    let options = postgres::Options::new(place.path(), entropy);
    let options = if args.ephemeral { options.disposable() } else { options };
    let cluster = PrivateCluster::start(&options).await?;
    warn_of_holes(&cluster);
    place.withdraw();
    let outcome = run_until(stop, wanted, &place, &cluster).await;
    place.withdraw();
    cluster.stop().await;
    outcome
}

/// What was asked for on the command line, without a fault.
struct Wanted {
    args: DevArgs,
    port: u16,
    /// The team's own configuration.
    file: Option<PathBuf>,
    upstream: Option<Upstream>,
    plan: Option<Plan>,
}

impl Wanted {
    /// A fault of the team's files is told before anything is made.
    fn read(args: &DevArgs) -> Result<Self, Fault> {
        let (port, file, upstream) = (free_port(args.port)?, source::file(args), source::upstream(args)?);
        configuration(file.as_deref(), port, upstream.clone())?;
        let plan = args.seed.as_deref().map(Plan::read).transpose()?;
        Ok(Self { args: args.clone(), port, file, upstream, plan })
    }

    /// The demo, where nothing of a team's was named.
    fn is_demo(&self) -> bool {
        self.file.is_none() && self.upstream.is_none() && self.args.command.is_empty()
    }
}

/// Starts, says so, and waits for the end, which may come before the start is done.
async fn run_until(
    stop: impl Future<Output = ()>,
    mut wanted: Wanted,
    place: &Place,
    cluster: &PrivateCluster,
) -> Result<(), Fault> {
    tokio::pin!(stop);
    if wanted.file.is_none() && !wanted.args.command.is_empty() {
        let starter = place.keep_starter(source::STARTER)?;
        say(&format!("No tenantry.toml here: every path needs a session, by {}.", starter.display()));
        wanted.file = Some(starter);
    }
    let mut running = tokio::select! {
        started = Running::start(&mut wanted, place, cluster) => started?,
        () = &mut stop => return Ok(()),
    };
    match &wanted.file {
        Some(file) => tokio::select! {
            () = reload::follow(file, wanted.port, wanted.upstream.as_ref(), &mut running.server) => {}
            () = stop => {}
        },
        None => stop.await,
    }
    say("Stopping …");
    place.withdraw();
    running.stop().await;
    Ok(())
}

/// Everything in front of the database: Tenantry itself, the app, the server that catches mail.
struct Running {
    server: Server,
    team: Option<Team>,
    _demo: Demo,
    _sink: Sink,
}

impl Running {
    async fn start(wanted: &mut Wanted, place: &Place, cluster: &PrivateCluster) -> Result<Self, Fault> {
        let secrets = place.secrets(&Entropy::system())?;
        provision(cluster, &secrets).await?;
        let socket = cluster.socket_dir().join("app.sock");
        let upstream = if wanted.is_demo() { Some(Upstream::Unix(socket.clone())) } else { wanted.upstream.clone() };
        let config = Arc::new(configuration(wanted.file.as_deref(), wanted.port, upstream)?);
        place.keep_config(wanted.file.as_deref())?;
        let sealer = Sealer::new(&RootKey::parse(&secrets.root_key)?);
        let urls = urls(cluster, &secrets);
        let ground = ground_at(Clock::movable(), urls.clone(), &config, sealer)?;
        let sink = Sink::start(ground.clock.clone()).await?;
        let team = start_team(&wanted.args.command, &config).await?;
        let parts = Parts {
            listen: urls.control.clone(),
            urls,
            smtp_url: sink.url().into(),
            cron: vec![SecretString::from(secrets.cron.clone())],
            redis_url: Environment::of_process().secret("TENANTRY_REDIS_URL").map_err(|fault| fault.what)?,
            program: program(),
            telemetry: Telemetry::NONE,
            dev: Some(DevTools { mailbox: sink.mailbox(), team: team.as_ref().map(|team| team.view.clone()) }),
        };
        let server = serve::start(Arc::clone(&config), ground, parts).await?;
        let demo = Demo::start(wanted.is_demo(), socket, &server);
        let running = Self { server, team, _demo: demo, _sink: sink };
        let database_url = cluster.administrator_url(DATABASE);
        let ready = seed::seed(&running.server, place, secrets, database_url, wanted.plan.take()).await?;
        running.announce(wanted, place, &ready).await?;
        Ok(running)
    }

    /// Says that everything answers. Tests wait for it, so theirs waits for the app, too.
    async fn announce(&self, wanted: &Wanted, place: &Place, ready: &Ready) -> Result<(), Fault> {
        if let Some(team) = self.team.as_ref().filter(|_| wanted.args.ephemeral) {
            team.view.answering().await?;
        }
        place.announce(ready)?;
        if let Some(file) = &wanted.args.ready_file {
            place::write(file, &serde_json::to_vec_pretty(ready)?)
                .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        }
        greet(&self.server.app.config, ready, place);
        Ok(())
    }

    /// The app and the mail server answer until the last request is done.
    async fn stop(self) {
        self.server.stop().await;
        if let Some(team) = self.team {
            team.stop().await;
        }
    }
}

/// Starts the team's command, if there is one, with what an app needs to know of Tenantry.
async fn start_team(command: &[OsString], config: &Config) -> Result<Option<Team>, Fault> {
    if command.is_empty() {
        return Ok(None);
    }
    let (hosts, upstream) = (&config.hosts, &config.upstream.address);
    let port = config.listen.address.port();
    let mut variables = vec![
        ("TENANTRY_URL", hosts.origin(&hosts.central())),
        ("TENANTRY_ISSUER", hosts.origin(&hosts.central())),
        ("TENANTRY_API_URL", format!("http://127.0.0.1:{port}")),
        ("TENANTRY_JWKS_URL", format!("http://127.0.0.1:{port}/-/jwks.json")),
        ("TENANTRY_AUDIENCE", config.identity.audience.clone()),
        ("TENANTRY_UPSTREAM", team::place(upstream)),
    ];
    if let Upstream::Http { host, port } = upstream {
        variables.extend([("HOST", host.clone()), ("PORT", port.to_string())]);
    }
    Ok(Some(Team::start(command, upstream, variables).await?))
}

/// The demo app, which ends with this, and leaves no socket behind.
struct Demo {
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl Demo {
    fn start(is_wanted: bool, socket: PathBuf, server: &Server) -> Self {
        let (app, address) = (Arc::clone(&server.app), server.address());
        let task = tokio::spawn(run_demo(is_wanted, socket.clone(), app, address));
        Self { task, socket }
    }
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

/// The port of a running `dev`.
pub fn port_of(ready: &Ready) -> Result<u16, Fault> {
    let port = ready.console.rsplit(':').next().and_then(|port| port.parse().ok());
    port.ok_or_else(|| "dev.json names no port; start `tenantry dev` again".into())
}

async fn run_demo(is_wanted: bool, socket: PathBuf, app: Arc<App>, address: std::net::SocketAddr) {
    if !is_wanted {
        return;
    }
    let config = &app.config;
    let central = config.hosts.origin(&config.hosts.central());
    let host = central.split("://").nth(1).unwrap_or_default().to_owned();
    let source = demo::JwksSource { address, host, issuer: central, audience: config.identity.audience.clone() };
    if let Err(error) = demo::serve(&socket, source, app.ground.clock.clone()).await {
        tracing::error!(%error, "the demo app stopped");
    }
}

fn urls(cluster: &PrivateCluster, secrets: &Secrets) -> Urls {
    let password = |login: &str| secrets.logins.get(login).map(String::as_str).unwrap_or_default();
    Urls::of(|login| cluster.config(login, password(login), DATABASE))
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
    let of_test = ready.tenant.replacen('.', "--test.", 1);
    let lines = [
        format!("\n{} is ready.\n", config.brand.name),
        format!("  Console      {}/-/sign-in", ready.console),
        format!("               {} / {}", ready.owner.email, ready.owner.password),
        format!("  Your app     {}   (test data: {of_test})", ready.tenant),
        format!("  Mailbox      {}", ready.mailbox),
        format!("  Trust page   {}/security", ready.console),
        format!("  Metrics      {}", ready.metrics),
        format!("  Operator     {} / {}", ready.operator.email, ready.operator.password),
        format!("\n  Call the API:\n  curl -H 'Authorization: Bearer {}' {}/api/products\n", ready.api_key, ready.api),
        format!("  All of this as JSON: {}", place.path().join("dev.json").display()),
        "  Ctrl-C stops everything.".to_owned(),
    ];
    lines.iter().for_each(|line| say(line));
}
