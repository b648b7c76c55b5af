//! The wiring: every room on one ground, for all threads.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::Method;
use secrecy::SecretString;
use tenantry_core::address::TrustedProxies;
use tenantry_core::host::HostNames;
use tenantry_core::path::CleanPath;
use tenantry_custody::Custody;
use tenantry_edge::csp::Reports;
use tenantry_edge::gateway::{Dial, Found, Holds, RouteTable, Upgrades};
use tenantry_edge::limits::Limiter;
use tenantry_edge::offenders::Ledger;
use tenantry_identity::Identity;
use tenantry_platform::config::{Config, Guard};
use tenantry_platform::ground::Ground;
use tenantry_platform::mail::Mailbox;
use tenantry_platform::problem::Problem;
use tenantry_platform::telemetry::Telemetry;
use tokio::runtime::Handle;

use crate::dev::TeamView;
use crate::identity_token::IdentityTokens;
use crate::request::{Counts, Turns};
use crate::routes::OwnRoutes;

/// Everything that a request can meet.
#[derive(Debug)]
pub struct App {
    /// What was configured.
    pub config: Arc<Config>,
    /// The database, time, chance, keys.
    pub ground: Ground,
    /// WHO.
    pub identity: Arc<Identity>,
    /// PROOF.
    pub custody: Custody,
    /// How much of what.
    pub limiter: Limiter,
    /// The way to the app.
    pub dial: Dial,
    /// Who was refused too often.
    pub offenders: Arc<Ledger>,
    /// The app's routes.
    pub table: RouteTable,
    /// Tenantry's own routes.
    pub own: OwnRoutes,
    /// What is counted of requests.
    pub counts: Counts,
    /// Whether pages of staff are on the listener of operations alone.
    pub operations_apart: bool,
    /// Our names.
    pub names: HostNames,
    /// Who watches from outside.
    pub telemetry: Telemetry,
    /// Peers whose word about the client is believed.
    pub trusted: TrustedProxies,
    /// Open WebSockets, and whose.
    pub upgrades: Upgrades,
    /// Bodies that are looked at before they are forwarded.
    pub holds: Holds,
    /// Whose turn it is when it is in doubt who may keep theirs.
    pub turns: Turns,
    /// What browsers reported.
    pub reports: Reports,
    /// `Tenantry-Identity`.
    pub tokens: IdentityTokens,
    /// The cron secret and the next one.
    pub cron: Vec<SecretString>,
    /// Only in `tenantry dev`.
    pub dev: Option<DevTools>,
    /// Whether the end has begun: whoever asks whether requests can be served is told no.
    pub is_ending: AtomicBool,
    /// Where everything that waits for the database runs.
    pub runtime: Handle,
}

/// What exists in `tenantry dev` and nowhere else.
#[derive(Clone, Debug)]
pub struct DevTools {
    /// All mail.
    pub mailbox: Mailbox,
    /// The team's own app, where a command was given for it.
    pub team: Option<TeamView>,
}

impl App {
    /// Whether a session is a way into this address: whoever asks without one is sent to sign in.
    pub fn takes_session(&self, method: &Method, path: &str) -> bool {
        let Ok(path) = CleanPath::parse(path) else { return false };
        matches!(self.table.find(method, &path), Found::Route(found) if found.route.guards.contains(Guard::Session))
    }

    /// Waits on the runtime of the database for what memory does not know, while the gateway's thread goes on.
    ///
    /// # Errors
    /// The work panicked, which is logged where it happened.
    pub fn cross<T, W>(&self, work: W) -> impl Future<Output = Result<T, Problem>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        // Spawned here, so that whoever waits holds its place and not the work itself.
        let task = self.runtime.spawn(work);
        async move { task.await.map_err(Problem::internal) }
    }
}
