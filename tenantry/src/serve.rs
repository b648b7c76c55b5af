//! `tenantry serve`: the gateway's threads and the runtime behind them, from start to drain.

mod signals;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustix::process::{Resource, getrlimit, setrlimit};
use secrecy::SecretString;
use tenantry_core::address::TrustedProxies;
use tenantry_core::clock::Clock;
use tenantry_core::host::HostNames;
use tenantry_custody::posture::{Probe, Sites};
use tenantry_custody::{Custody, audit, vault};
use tenantry_edge::csp::Reports;
use tenantry_edge::gateway::{self, Dial, Gateway, Holds, RouteTable, Upgrades};
use tenantry_edge::limits::{Limiter, StoreTerms};
use tenantry_edge::offenders::{self, Ledger};
use tenantry_identity::apikeys::WARN_EVERY;
use tenantry_identity::{Identity, Options};
use tenantry_platform::config::{Config, Environment, Listen, RedisUse};
use tenantry_platform::db::Urls;
use tenantry_platform::feed;
use tenantry_platform::ground::Ground;
use tenantry_platform::idempotency;
use tenantry_platform::jobs::{self, Runner};
use tenantry_platform::log::{self, Style};
use tenantry_platform::mail;
use tenantry_platform::months;
use tenantry_platform::numbers;
use tenantry_platform::postgres::rls_advisory;
use tenantry_platform::telemetry::Telemetry;
use tenantry_platform::usage;
use tokio::runtime::Handle;

use crate::Fault;
use crate::app::{App, DevTools};
use crate::background::Background;
use crate::cli::{self, Outcome};
use crate::handover;
use crate::identity_token::IdentityTokens;
use crate::operations;
use crate::request::{Counts, Door, Guessers, Seat, Served, Turns};
use crate::routes::OwnRoutes;

pub use signals::{Stop, stop_signal};

use signals::Signals;

/// How often the growing tables get their next months.
const PARTITIONS_EVERY: Duration = Duration::from_secs(6 * 3600);
/// Months made ahead.
const MONTHS_AHEAD: i32 = 3;
/// How often the last uses of keys are written.
const USES_EVERY: Duration = Duration::from_secs(60);
/// How often what is over is swept: links, sessions, told changes, failed jobs.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// How often the queue is counted for whoever watches: as often as Prometheus asks.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// How often the decoys follow what is stored: it changes by imports and by sign-ins after them.
const DECOYS_EVERY: Duration = Duration::from_secs(3600);
/// A start that has no lease on trusting its caches by then has no connection for the change feed.
const FIRST_LEASE_WITHIN: Duration = Duration::from_secs(10);
/// How long the end waits for work under way, and then for what was noted and is not written yet.
const LAST_WORK: Duration = Duration::from_secs(5);

/// What a start needs besides configuration and ground.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The serving logins, for checks that must not take connections from requests.
    pub urls: Urls,
    /// A direct connection for the change feed, which listens on it.
    pub listen: tokio_postgres::Config,
    /// Where mail goes.
    pub smtp_url: SecretString,
    /// The cron secret and the next one.
    pub cron: Vec<SecretString>,
    /// Where limits are shared with other nodes.
    pub redis_url: Option<SecretString>,
    /// The program that serves, which a control starts with faulty files: `tenantry` itself, where it is.
    pub program: Option<PathBuf>,
    /// Who watches from outside.
    pub telemetry: Telemetry,
    /// Only in `tenantry dev`.
    pub dev: Option<DevTools>,
}

/// Runs until SIGINT or SIGTERM, or until a successor serves. SIGHUP reads certificates anew, SIGUSR2 hands over.
pub fn run(path: &Path) -> Outcome {
    let (config, secrets) = Config::load_to_serve(path, &Environment::of_process())?;
    let (telemetry, exporter) = Telemetry::start(&config.telemetry, &secrets.telemetry)?;
    let logging = log::install(config.log, Style::Json, Clock::system(), telemetry.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let (listeners, predecessor) = handover::inherited()?;
        let sealer = vault::root::sealer(&secrets).await?;
        let config = Arc::new(config);
        let ground = cli::ground(secrets.logins.serving.clone(), &config, sealer)?;
        refuse_holes(&ground).await?;
        let parts = Parts {
            urls: secrets.logins.serving.clone(),
            listen: secrets.logins.listen.clone(),
            smtp_url: secrets.smtp_url.clone(),
            cron: secrets.cron.clone(),
            redis_url: secrets.redis_url.clone(),
            program: cli::program(),
            telemetry,
            dev: None,
        };
        let server = take_over(config, ground, parts, listeners).await?;
        tracing::info!(address = %server.address(), "serving");
        handover::notify("READY=1");
        if let Some(predecessor) = predecessor {
            predecessor.tell_ready()?;
        }
        signals.attend(&server).await;
        server.stop().await;
        Ok::<(), Fault>(())
    })?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop((exporter, logging));
    Ok(ExitCode::SUCCESS)
}

/// A running installation.
#[derive(Debug)]
pub struct Server {
    /// Everything that requests meet.
    pub app: Arc<App>,
    served: Arc<ArcSwap<Served>>,
    parts: Parts,
    gateway: Gateway,
    operations: Option<Gateway>,
    background: Background,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Where those who run it watch, if anywhere.
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations.as_ref().map(Gateway::address)
    }

    /// Every listener, for a process that takes over.
    fn listeners(&self) -> std::io::Result<Vec<TcpListener>> {
        let all = self.gateways().flat_map(|gateway| gateway.listeners());
        all.map(TcpListener::try_clone).collect()
    }

    fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        std::iter::once(&self.gateway).chain(&self.operations)
    }

    /// Takes no more requests, ends those in flight, writes what was noted, closes the pools.
    pub async fn stop(self) {
        let Self { app, gateway, operations, background, .. } = self;
        app.is_ending.store(true, Ordering::Relaxed);
        tokio::select! {
            () = gateway.drain() => {}
            () = asked_again() => tracing::warn!("asked to end twice: answers in flight are cut off"),
        }
        background.end(LAST_WORK).await;
        // Who watches sees the end.
        if let Some(operations) = operations {
            operations.drain().await;
        }
        if tokio::time::timeout(LAST_WORK, write_noted(&app)).await.is_err() {
            tracing::error!("what was noted last was not written: the database did not answer in time");
        }
        app.ground.db.close();
    }
}

impl Server {
    /// Serves by another configuration from the next request on. Connections stay, requests in flight end as they
    /// began. What the gateway's threads and the pools were started with stays as it is until the next start.
    ///
    /// # Errors
    /// The configuration cannot be used; the one before stays in force.
    pub async fn reload(&mut self, config: Config) -> Result<(), Fault> {
        let (config, ground) = (Arc::new(config), &self.app.ground);
        let app = app(&config, ground, &self.parts, self.app.upgrades.clone()).await?;
        app.identity.decoys.refresh(ground).await?;
        let background = background(&app, &vault::Schedule::of(&config), &self.parts)?;
        self.served.store(Arc::new(Served::new(&app)));
        let before = std::mem::replace(&mut self.app, app);
        std::mem::replace(&mut self.background, background).end(LAST_WORK).await;
        write_noted(&before).await;
        Ok(())
    }
}

/// Writes what requests left behind in memory, side by side: what waits for a lock makes nothing else wait.
async fn write_noted(app: &App) {
    let usage = async {
        // Refused sign-ins are counted where they are written.
        app.identity.afterwards.settle().await;
        if let Err(fault) = app.ground.usage.flush(&app.ground).await {
            tracing::warn!(%fault, "the last counts of usage were not written");
        }
    };
    let uses = async {
        if let Err(fault) = app.identity.apikeys.write_uses().await {
            tracing::debug!(%fault, "the last uses of keys were not written");
        }
    };
    let reports = async {
        if let Err(fault) = app.reports.flush(&app.ground).await {
            tracing::warn!(%fault, "the last reports of violated policies were not written");
        }
    };
    tokio::join!(usage, uses, reports, app.custody.observer.flush(&app.ground));
}

/// A signal that comes while the end is under way.
async fn asked_again() {
    match stop_signal() {
        Ok(stop) => stop.wait().await,
        // Without it the end takes as long as it takes.
        Err(_) => std::future::pending().await,
    }
}

/// Starts everything: refuses another schema, powerful logins, numbers of another cluster and a foreign root key before
/// the first request.
pub async fn start(config: Arc<Config>, ground: Ground, parts: Parts) -> Result<Server, Fault> {
    take_over(config, ground, parts, Vec::new()).await
}

/// Starts everything on the listeners of another process.
async fn take_over(
    config: Arc<Config>,
    ground: Ground,
    parts: Parts,
    listeners: Vec<TcpListener>,
) -> Result<Server, Fault> {
    ground.db.refuse_other_schema().await?;
    ground.db.refuse_power().await?;
    numbers::refuse_foreign(&ground).await?;
    vault::ensure_canary(&ground).await?;
    let schedule = vault::Schedule::of(&config);
    vault::signing_keys::ensure(&ground, &schedule).await?;
    make_months(&ground).await?;
    raise_open_files(config.listen.max_connections);
    let app = app(&config, &ground, &parts, Upgrades::default()).await?;
    app.identity.decoys.refresh(&ground).await?;
    let background = background(&app, &schedule, &parts)?;
    if tokio::time::timeout(FIRST_LEASE_WITHIN, ground.feed.ready(&ground.clock)).await.is_err() {
        return Err(
            "the change feed cannot be followed: TENANTRY_LISTEN_URL must reach the database as tenantry_control"
                .into(),
        );
    }
    let served = Arc::new(ArcSwap::from_pointee(Served::new(&app)));
    let (given, theirs): (Vec<_>, Vec<_>) =
        listeners.into_iter().partition(|listener| is_public(listener, &config.listen));
    let operations = match config.operations.listen {
        Some(address) => {
            let listen = operations::listen(&config.listen, address, &theirs)?;
            Some(open(&listen, theirs, &ground, &served, Door::Operations)?)
        }
        None => None,
    };
    let gateway = open(&config.listen, given, &ground, &served, Door::Public)?;
    Ok(Server { app, served, parts, gateway, operations, background })
}

/// Whether what was handed over is for everybody, or for those who run this.
fn is_public(listener: &TcpListener, listen: &Listen) -> bool {
    listener.local_addr().is_ok_and(|address| address == listen.address)
}

/// Opens a listener with its threads.
fn open(
    listen: &Listen,
    given: Vec<TcpListener>,
    ground: &Ground,
    served: &Arc<ArcSwap<Served>>,
    door: Door,
) -> std::io::Result<Gateway> {
    let served = Arc::clone(served);
    gateway::start(listen, given, &ground.clock, &ground.entropy, &ground.metrics, move || {
        let seat = Rc::new(Seat::new(&served));
        // In a box: the server keeps room for the future with every connection, also with one that is idle.
        move |request, peer| Box::pin(seat.thread().live(request, peer, door))
    })
}

/// Makes the months ahead. Who holds a lock on one of the tables does not prevent the start, as long as this month and
/// the next can be written: it is tried again.
async fn make_months(ground: &Ground) -> Result<(), Fault> {
    let Err(fault) = months::make_ahead(ground, MONTHS_AHEAD).await else { return Ok(()) };
    let Some(missing) = months::missing(ground, 1).await?.into_iter().next() else {
        tracing::warn!(%fault, "the months ahead were not made at the start; it is tried again");
        return Ok(());
    };
    Err(format!("{missing} cannot be written, and its partition was not made: {fault}. End the session that holds a lock on the table (pg_locks), then start again.").into())
}

/// Lets this process open as many files as its administrator allows: the soft limit is often 1,024, whatever the
/// hard one is.
fn raise_open_files(wanted: u32) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where the system says no, the gateway tells when it runs out.
    let _ = setrlimit(Resource::Nofile, limit);
    let most = getrlimit(Resource::Nofile).current;
    if let Some(most) = most.filter(|most| *most < u64::from(wanted)) {
        tracing::warn!(
            most,
            wanted,
            "fewer files may be open than listen.max_connections; raise the limit (LimitNOFILE=, ulimit -n) or lower the setting"
        );
    }
}

async fn app(config: &Arc<Config>, ground: &Ground, parts: &Parts, upgrades: Upgrades) -> Result<Arc<App>, Fault> {
    let mut options = Options::from_config(config)?;
    if parts.dev.is_some() {
        options.mailbox_href = "/-/dev/mail".to_owned();
    }
    let central = config.hosts.origin(&config.hosts.central());
    let names: HostNames = options.names.clone();
    let identity = Identity::start(ground.clone(), options);
    let custody = Custody::new(ground.clone(), config);
    let own = OwnRoutes::new(parts.dev.is_some())?;
    let offenders = Arc::new(Ledger::new(config, &ground.sealer, &ground.entropy));
    offenders.listen(ground);
    offenders.load(ground).await?;
    identity.count_guesses(Arc::new(Guessers::new(&offenders, ground)));
    Ok(Arc::new(App {
        config: Arc::clone(config),
        ground: ground.clone(),
        identity,
        custody,
        limiter: limiter(config, ground, parts)?.with_plans(&config.plans),
        offenders,
        dial: Dial::new(&config.upstream)?,
        table: RouteTable::new(config, &ground.metrics)?,
        counts: Counts::new(&ground.metrics, &own, &config.limits),
        own,
        telemetry: parts.telemetry.clone(),
        operations_apart: config.operations.listen.is_some() && parts.dev.is_none(),
        names,
        trusted: TrustedProxies::new(config.listen.trusted_proxies.clone()),
        upgrades,
        holds: Holds::default(),
        turns: Turns::default(),
        reports: Reports::default(),
        tokens: IdentityTokens::new(central, config.identity.audience.clone(), config.identity.lifetime)
            .with_plans(&config.plans),
        cron: parts.cron.clone(),
        dev: parts.dev.clone(),
        is_ending: AtomicBool::new(false),
        runtime: Handle::current(),
    }))
}

/// The limits, in this process's memory or in the store that all nodes share.
fn limiter(config: &Config, ground: &Ground, parts: &Parts) -> Result<Limiter, Fault> {
    let Some(url) = parts.redis_url.clone() else { return Ok(Limiter::in_memory(&config.limits, &ground.entropy)) };
    let RedisUse { prefix, deadline, nodes, .. } = config.limits.redis.clone();
    // Of the root key, so that every node hashes subjects alike and nobody who reads the store can guess them.
    let key = ground.sealer.derive("limits", &[b"subjects"]).sign(&[&[]]);
    let key = u128::from_be_bytes(std::array::from_fn(|at| key[at])).to_be_bytes();
    Ok(Limiter::shared(&config.limits, &ground.entropy, StoreTerms { url, prefix, deadline, nodes, key })?)
}

/// Starts what runs beside the requests.
fn background(app: &Arc<App>, schedule: &vault::Schedule, parts: &Parts) -> Result<Background, Fault> {
    let mut background = Background::new(app.ground.entropy.clone());
    let mut runner = Runner::new(app.ground.clone());
    app.identity.ring(runner.bell());
    mail::attend(&mut runner, mail::Postman::new(&app.config.mail, &parts.smtp_url)?);
    let runner = Arc::new(runner);
    background.keep("jobs", move |stopped| {
        let runner = Arc::clone(&runner);
        async move { runner.run(stopped).await }
    });
    let (ground, schedule) = (app.ground.clone(), *schedule);
    background.keep("signing keys", move |stopped| {
        let ground = ground.clone();
        async move { vault::signing_keys::keep(&ground, &schedule, stopped).await }
    });
    let (ground, terms) = (app.ground.clone(), terms(app, parts));
    background.keep("change feed", move |stopped| {
        let (ground, terms) = (ground.clone(), terms.clone());
        async move { ground.feed.follow(&ground, &terms, stopped).await }
    });
    let (custody, probe) = (app.custody.clone(), probe(app, parts));
    background.keep("custody", move |stopped| custody.clone().run(Arc::clone(&probe), stopped));
    let ground = app.ground.clone();
    background.keep("usage", move |stopped| {
        let ground = ground.clone();
        async move { ground.usage.run(&ground, stopped).await }
    });
    let reports = Arc::clone(app);
    background.keep("reports", move |stopped| {
        let app = Arc::clone(&reports);
        async move { app.reports.run(&app.ground, stopped).await }
    });
    limits(&mut background, app);
    let offenders = Arc::clone(app);
    background.keep("offenders", move |stopped| {
        let app = Arc::clone(&offenders);
        async move { app.offenders.run(&app.ground, stopped).await }
    });
    schedules(&mut background, app);
    Ok(background)
}

/// Keeps the store of shared limits in reach, where there is one.
fn limits(background: &mut Background, app: &Arc<App>) {
    if app.limiter.store().is_none() {
        return;
    }
    let limiting = Arc::clone(app);
    background.keep("shared limits", move |stopped| {
        let app = Arc::clone(&limiting);
        async move { app.limiter.keep(stopped).await }
    });
    let (noting, name) = (Arc::clone(app), node_name(app));
    background.keep("notes of shared limits", move |stopped| {
        let (app, name) = (Arc::clone(&noting), name.clone());
        async move { app.limiter.note_store(&app.ground, &name, stopped).await }
    });
}

fn terms(app: &App, parts: &Parts) -> feed::Terms {
    let outage_grace = app.config.database.outage_grace;
    feed::Terms { listen: parts.listen.clone(), name: node_name(app), outage_grace }
}

/// What this node is called among the others.
fn node_name(app: &App) -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{name}:{} pid {}", app.config.listen.address.port(), std::process::id())
}

fn schedules(background: &mut Background, app: &Arc<App>) {
    let ground = app.ground.clone();
    background.every("months ahead", PARTITIONS_EVERY, move || {
        let ground = ground.clone();
        async move { months::make_ahead(&ground, MONTHS_AHEAD).await.map(drop).map_err(Fault::from) }
    });
    if let Some(months) = app.config.audit.retention_months {
        let ground = app.ground.clone();
        background.every("audit retention", PARTITIONS_EVERY, move || {
            let ground = ground.clone();
            async move { audit::retention::drop_expired(&ground, months.into()).await.map(drop).map_err(Fault::from) }
        });
    }
    if let Some(kept) = app.config.events.retention_months {
        let ground = app.ground.clone();
        background.every("event retention", PARTITIONS_EVERY, move || {
            let ground = ground.clone();
            async move { months::drop_events(&ground, kept.into()).await.map(drop).map_err(Fault::from) }
        });
    }
    let identity = Arc::clone(&app.identity);
    background.every("warnings of keys", WARN_EVERY, move || {
        let identity = Arc::clone(&identity);
        async move { identity.warn_of_ending_keys().await.map(drop).map_err(Fault::from) }
    });
    let identity = Arc::clone(&app.identity);
    background.every("uses of keys", USES_EVERY, move || {
        let identity = Arc::clone(&identity);
        async move { identity.apikeys.write_uses().await.map_err(Fault::from) }
    });
    let identity = Arc::clone(&app.identity);
    background.every("decoys", DECOYS_EVERY, move || {
        let identity = Arc::clone(&identity);
        async move { identity.decoys.refresh(&identity.ground).await.map_err(Fault::from) }
    });
    if app.config.operations.listen.is_some() {
        let ground = app.ground.clone();
        background.every("length of the queue", MEASURE_EVERY, move || {
            let ground = ground.clone();
            async move { jobs::measure(&ground).await.map_err(Fault::from) }
        });
    }
    let ground = app.ground.clone();
    background.every("sweep", SWEEP_EVERY, move || {
        let ground = ground.clone();
        async move { sweep(&ground).await }
    });
}

/// Deletes what is over. Each sweep has its turn, whatever became of the others.
///
/// # Errors
/// What did not work, each with its name.
pub async fn sweep(ground: &Ground) -> Result<(), Fault> {
    let swept = [
        ("sessions", tenantry_identity::sessions::sweep(ground).await),
        ("idempotency", idempotency::sweep(ground).await),
        ("usage", usage::sweep(ground).await),
        ("reports", tenantry_edge::csp::sweep(ground).await),
        ("offenders", offenders::sweep(ground).await),
        ("invitations", tenantry_identity::members::sweep(ground).await),
        ("mails", mail::sent::sweep(ground).await.map(|()| 0)),
        ("jobs", jobs::forget_failed(ground).await),
    ];
    let faults = swept.into_iter().filter_map(|(name, gone)| Some(format!("{name}: {}", gone.err()?)));
    let faults: Vec<String> = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// How the posture engine reaches what it checks: over loopback, as anybody would.
fn probe(app: &App, parts: &Parts) -> Arc<Probe> {
    let sites = Sites::of(&app.config);
    let probe = Probe::new(app.ground.clone(), Arc::clone(&app.config), parts.urls.clone(), Some(sites));
    Arc::new(probe.of_program(parts.program.clone()))
}

/// A server with a known hole in row level security is refused at first. A database that was served already is
/// served on, with its control red: stopping it would not close the hole, only the business.
async fn refuse_holes(ground: &Ground) -> Result<(), Fault> {
    let version = ground.db.server_version().await?;
    let Some(advisory) = rls_advisory(version) else { return Ok(()) };
    ground.db.refuse_other_schema().await?;
    if vault::is_planted(ground).await? {
        tracing::error!(%advisory, "this PostgreSQL has a known hole in row level security; upgrade it: its control is red until then");
        return Ok(());
    }
    Err(format!("this PostgreSQL has a known hole in row level security: {advisory}").into())
}
