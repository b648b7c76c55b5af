//! What is counted, for whoever watches: one typed list of every metric (OBS-1, RL-7).
//!
//! Rooms reach it as `ground.metrics`. A new metric is a line in [`metrics!`](self) below, with its name, its sentence and
//! its type, and a line where it happens; a word of a label is a line in `words.rs`.
//!
//! What must always hold:
//!
//! - No label names a tenant, a person, a key, an address or a path. A label is a word of a closed list (`words.rs`), or
//!   a name that the configuration fixes: a route's pattern, a limit's tier, a login.
//! - Counting on the way of a request takes no lock and no memory: an addition to a place that was made at the start.
//! - What is looked up to be shown (pools, caches, the queue) is looked up for whoever scrapes, and never by a request.

mod cell;
mod label;
mod process;
mod words;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use cell::{Counter, Gauge, Histogram, Moment};
pub use label::{By, Label, Labels, Named, Series, Word};
pub use words::{
    Cache, Certificate, Control, Decision, Delivery, Found, JobEnd, JobState, LimitBasis, Line, Login, Offended,
    Outcome, Reached, Refusal, Report, RouteName, Signal, Status, Step, Tier, Trial, Unread, UpstreamFault,
};

/// The content type of [`Metrics::text`]: OpenMetrics 1.0.0, which Prometheus asks for first.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $type:ty = $name:literal;)+) => {
        /// Every metric. Clones of [`Metrics`] share it.
        #[derive(Debug, Default)]
        pub struct Book {$(
            $(#[doc = $help])+
            pub $field: $type,
        )+}

        impl Book {
            fn write(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
                $(label::write(&self.$field, $name, concat!($($help),+).trim(), &mut to)?;)+
                Ok(())
            }

            /// Every metric's name with its type, as Prometheus knows it.
            pub fn names() -> Vec<&'static str> {
                vec![$($name),+]
            }
        }
    };
}

metrics! {
    /// Requests that were answered, by route, status and what the guard decided.
    requests: Named<RouteName, By<Status, By<Outcome, Counter>>> = "requests";
    /// From the head of a request to the head of its answer.
    request_duration: Named<RouteName, Histogram> = "request_duration_seconds";
    /// Of that, what the gateway took itself: all but the time that the app or a room took to answer.
    overhead: Histogram = "gateway_overhead_seconds";
    /// How long the app took to give the head of an answer.
    upstream_duration: Histogram = "upstream_duration_seconds";
    /// Requests that were refused, by the reason that the caller was told.
    refusals: By<Refusal, Counter> = "refusals";
    /// Requests that were refused before they were read.
    unread: By<Unread, Counter> = "unread_requests";
    /// Open connections of clients.
    connections: Gauge = "connections";
    /// Open WebSockets.
    tunnels: Gauge = "tunnels";
    /// What the limits decided, by tier.
    limits: Named<Tier, By<Decision, Counter>> = "limit_decisions";
    /// Verdicts over limits, by what they rest on: alone, where the store that nodes share does not answer.
    limit_basis: By<LimitBasis, Counter> = "limit_verdicts";
    /// What was refused, and noted of whoever pays for it.
    offences: By<Offended, Counter> = "offences";
    /// Requests of whoever was refused too often before.
    offender_requests: By<Step, Counter> = "offender_requests";
    /// Addresses, keys and people that are blocked, as far as this node knows.
    blocks_in_force: Gauge = "blocks_in_force";
    /// Blocks that this node began.
    blocks: Counter = "blocks";
    /// Blocks and alerts that this node could not write: they hold here alone.
    blocks_unwritten: Counter = "blocks_unwritten";
    /// Alerts that this node told operators.
    alerts: Counter = "alerts";
    /// Connections to the app.
    upstream_connections: By<Line, Gauge> = "upstream_connections";
    /// Connections to the app that were opened.
    upstream_opened: Counter = "upstream_connections_opened";
    /// Requests that were sent once more, because a connection closed under them.
    upstream_retries: Counter = "upstream_retries";
    /// Requests that got no answer of the app.
    upstream_errors: By<UpstreamFault, Counter> = "upstream_errors";
    /// Look-ups in memory.
    cache_lookups: Named<Cache, By<Found, Counter>> = "cache_lookups";
    /// What is held in memory.
    cache_entries: Named<Cache, Gauge> = "cache_entries";
    /// Since the change feed was read last.
    feed_lag: Moment = "feed_lag_seconds";
    /// Changes that the feed brought.
    feed_changes: Counter = "feed_changes";
    /// How long this node may still believe what it cached. Nothing: it refuses.
    lease: Moment = "lease_remaining_seconds";
    /// From the commit of a revocation until no node accepts what was revoked.
    fence: Histogram = "revocation_fence_seconds";
    /// Revocations, by how far they had reached when they were answered.
    revocations: By<Reached, Counter> = "revocations";
    /// Jobs in the queue.
    jobs: By<JobState, Gauge> = "jobs";
    /// Since the oldest job that is due was due.
    job_lag: Moment = "job_lag_seconds";
    /// Tries of jobs.
    job_runs: By<JobEnd, Counter> = "job_runs";
    /// Mails that were handed to the mail server.
    mails: By<Delivery, Counter> = "mails";
    /// Connections to the database, by login.
    database_connections: Named<Login, By<Line, Gauge>> = "database_connections";
    /// Who waits for a connection to the database now.
    database_waiting: Named<Login, Gauge> = "database_waiting";
    /// Transactions that found no free connection and waited for one.
    database_waits: Named<Login, Counter> = "database_waits";
    /// Transactions that got no connection in time.
    database_timeouts: Named<Login, Counter> = "database_timeouts";
    /// Passwords that wait to be hashed or compared.
    hashes_waiting: Gauge = "password_hashes_waiting";
    /// Passwords that were hashed or compared.
    hashes: Counter = "password_hashes";
    /// Sign-ins that were told to come back, because the queue of hashes was full.
    hashes_shed: Counter = "password_hashes_shed";
    /// Audit rows that were appended.
    audit_rows: Counter = "audit_rows";
    /// Reports of violated content security policies.
    csp_reports: By<Report, Counter> = "csp_reports";
    /// Whether the claim of a control holds: 1, or 0 where it does not or nobody can say.
    controls: Named<Control, Gauge> = "control_holds";
    /// Controls by their last verdict.
    verdicts: By<Trial, Gauge> = "controls";
    /// When a certificate ends, in seconds since 1970.
    certificates: Named<Certificate, Gauge> = "certificate_expiry_timestamp_seconds";
    /// What was handed to the collector or to the error tracker.
    telemetry_sent: By<Signal, Counter> = "telemetry_sent";
    /// What was dropped instead: the queue was full, or nobody took it.
    telemetry_dropped: By<Signal, Counter> = "telemetry_dropped";
}

/// A route's own places, found once and kept with the route.
#[derive(Debug)]
pub struct Route {
    name: Box<str>,
    requests: Arc<By<Status, By<Outcome, Counter>>>,
    duration: Arc<Histogram>,
}

impl Route {
    /// Its pattern.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts a request that was answered.
    pub fn count(&self, status: u16, outcome: Outcome, duration: std::time::Duration) {
        self.requests.of(Status::of(status)).of(outcome).add_one();
        self.duration.observe(duration);
    }
}

/// Everything that this process counts. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Book>);

impl std::ops::Deref for Metrics {
    type Target = Book;

    fn deref(&self) -> &Book {
        &self.0
    }
}

impl Metrics {
    /// The places of a route, by its pattern. To be asked for once, when the table of routes is made.
    pub fn route(&self, pattern: &str) -> Arc<Route> {
        let (requests, duration) = (self.requests.of(pattern), self.request_duration.of(pattern));
        Arc::new(Route { name: pattern.into(), requests, duration })
    }

    /// Everything as text, with what the process itself uses.
    ///
    /// # Errors
    /// Never: a `String` takes what is written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        registry.sub_registry_with_prefix("tenantry").register_collector(Box::new(Shown(self.clone())));
        let mut text = String::with_capacity(64 * 1024);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct Shown(Metrics);

impl Collector for Shown {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.0.write(encoder)
    }
}
