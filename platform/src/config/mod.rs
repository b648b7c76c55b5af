//! The configuration: what was *written* in `tenantry.toml` becomes what it *means*, here and
//! nowhere else [EN-5, AC-2, AC-15, EV-5, RL-1, RL-2, RL-4, RL-7, WEB-1, WEB-2, WEB-5].
//!
//! What must hold:
//! - Every fault of a file is named in one report, each with its line, what is wrong and the fix.
//!   Nothing starts with a fault.
//! - Unknown keys are refused. A route without a guard is refused. No input panics.
//! - Secrets come from the environment or from files that it names, never from `tenantry.toml`.
//! - Each default stands once, where its setting is read. `tenantry.default.toml` is the manual,
//!   and a test compares it with [`settings`].

mod access;
mod attested;
mod document;
mod environment;
mod fault;
mod guard_table;
mod hosts;
mod limits;
mod offenders;
mod parse;
mod people;
mod plans;
mod routes;
mod secret;
mod section;
mod service;
mod upstream;
mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

pub use access::{ConfiguredRole, OWN_PERMISSIONS, Permissions, Roles};
pub use attested::{Attested, Practice};
pub use document::Setting;
pub use environment::{Environment, Logins, RootKey, RootKeyBytes, Secrets, parse_root_key};
pub use fault::{Fault, Faults, Place};
pub use guard_table::guard_table;
pub use hosts::{App, Hosts, Scheme};
pub use limits::{Limits, Per, RedisUse, Tier, TierId};
pub use offenders::{Alerts, Enforcement, Offenders};
pub use people::{Accounts, Algorithm, ApiKeys, Identity, Invitations, Passwords, Sessions, SignUp, SigningKeys};
pub use plans::{Plan, Plans};
pub use routes::{
    BodyFault, BodySchema, Cors, Cron, Csp, CspDirective, Guard, Guards, Kind, Route, RouteFound, Routes,
};
pub use service::{
    Audit, DatabasePools, Events, HeaderPreset, Headers, LogLevel, Mail, ReferrerPolicy, RootKeyCommand, SecurityTxt,
};
pub use upstream::{CertificateFiles, ForwardAuth, Listen, Tls, Upstream, UpstreamPool};
pub use watch::{Operations, Telemetry};

use crate::page::Brand;
use document::{At, Reading};
use routes::Surroundings;
use section::Section;

/// A configuration that was found without fault.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file's name, for messages.
    pub file: String,
    pub app: App,
    pub brand: Brand,
    pub hosts: Hosts,
    pub listen: Listen,
    pub forward_auth: ForwardAuth,
    pub upstream: UpstreamPool,
    pub identity: Identity,
    pub sessions: Sessions,
    pub passwords: Passwords,
    pub sign_up: SignUp,
    pub invitations: Invitations,
    pub accounts: Accounts,
    pub api_keys: ApiKeys,
    pub signing_keys: SigningKeys,
    pub permissions: Permissions,
    pub roles: Roles,
    pub routes: Routes,
    pub cron: Cron,
    pub limits: Limits,
    pub plans: Plans,
    pub offenders: Offenders,
    pub alerts: Alerts,
    pub mail: Mail,
    pub database: DatabasePools,
    pub root_key: RootKeyCommand,
    pub security_txt: SecurityTxt,
    /// What no program can check; each counts until its day.
    pub attested: Vec<Attested>,
    pub audit: Audit,
    pub events: Events,
    pub operations: Operations,
    pub telemetry: Telemetry,
    pub log: LogLevel,
    pub headers: Headers,
}

/// What `tenantry dev` knows better than the file.
#[derive(Clone, Debug)]
pub struct Dev {
    /// On loopback, for browsers and for the gateway.
    pub port: u16,
    /// Where the app listens; `None`: the file says it.
    pub upstream: Option<Upstream>,
}

impl Config {
    /// The configuration of a file.
    ///
    /// # Errors
    /// Every fault of the file, or that it cannot be read.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|cause| unreadable(&file, &cause))?;
        Self::parse(&file, &text)
    }

    /// The configuration of a file, and the secrets to serve it: the faults of both in one report.
    ///
    /// # Errors
    /// Every fault of the file; without one there, every fault of the environment. With faults in
    /// the file, those of the environment that do not depend on it.
    pub fn load_to_serve(path: &Path, environment: &Environment) -> Result<(Self, Secrets), Faults> {
        match Self::load(path) {
            Ok(config) => Secrets::load(&config, environment).map(|secrets| (config, secrets)),
            Err(faults) => Err(faults.and(environment::faults_alone(environment))),
        }
    }

    /// The configuration of a text; `file` is its name in messages.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let (config, faults, _) = read(file, text, None);
        faults.or(config)
    }

    /// The same for `tenantry dev`: on loopback, under `localhost`, with what a file for
    /// production must say filled in.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn for_dev(file: &str, text: &str, dev: &Dev) -> Result<Self, Faults> {
        let (config, faults, _) = read(file, text, Some(dev));
        faults.or(config.on_loopback(dev))
    }

    fn on_loopback(mut self, dev: &Dev) -> Self {
        self.hosts = self.hosts.local(dev.port);
        self.listen.address = (Ipv4Addr::LOCALHOST, dev.port).into();
        self.listen.trusted_proxies.clear();
        let loopback =
            |at: SocketAddr| if at.ip().is_loopback() { at } else { (Ipv4Addr::LOCALHOST, at.port()).into() };
        self.operations.listen = self.operations.listen.map(loopback);
        (self.listen.tls, self.listen.proxy_protocol) = (Tls::Off, false);
        if let Some(upstream) = &dev.upstream {
            self.upstream.address = upstream.clone();
        }
        self
    }
}

/// Every setting that the types know, for the manual.
pub fn settings() -> Vec<Setting> {
    // One of each thing that repeats, so that its settings are asked for too.
    const ONE_OF_EACH: &str =
        "[[routes]]\n[[attested]]\n[roles.OWNER]\n[limits.tiers.exports]\n[plans.pro.limits.api_key]\n";
    read("", ONE_OF_EACH, None).2
}

fn unreadable(file: &str, cause: &std::io::Error) -> Faults {
    let fix = "Name a file that this user may read with --config; the demo's tenantry.toml is a beginning.".to_owned();
    Faults::new(file, vec![Fault { place: Place::File, what: format!("cannot be read: {cause}"), fix }])
}

/// Reads a whole text. What is faulty has its default, so the configuration counts only without faults.
fn read(file: &str, text: &str, dev: Option<&Dev>) -> (Config, Faults, Vec<Setting>) {
    let reading = Reading::new(file, text);
    let document = reading.parse();
    let root = Section::root(&reading, document.get_ref());
    let config = Config::read(file, &root, dev);
    root.refuse_unknown();
    let (faults, settings) = reading.finish();
    (config, faults, settings)
}

impl Config {
    fn read(file: &str, root: &Section<'_, '_>, dev: Option<&Dev>) -> Self {
        let given = |text: &'static str| dev.map(|_| text);
        let app = root.section("app", |section| App::read(section, given("Demo")));
        let listen = root.section("listen", Listen::read);
        // Overwritten after reading when `dev` names another.
        let upstream = root.section("upstream", |section| UpstreamPool::read(section, given("http://127.0.0.1:3000")));
        let permissions = root.section("permissions", Permissions::read);
        let roles = root.section("roles", |section| Roles::read(section, &permissions));
        let limits = root.section("limits", Limits::read);
        let around = Surroundings {
            permissions: &permissions,
            limits: &limits,
            response_timeout: upstream.response_timeout,
            max_body_bytes: listen.max_body_bytes,
        };
        let routes = read_routes(root, &roles, &around);
        let hosts = root.section("hosts", |section| Hosts::read(section, given("localhost")));
        if dev.is_none() {
            listen.refuse_contradictions(root, &hosts);
        }
        let (roles, invitations) =
            root.section("members", |section| (roles.read_members(section), Invitations::read(section)));
        Self {
            file: file.to_owned(),
            brand: root.section("brand", |section| hosts::read_brand(section, &app)),
            hosts,
            forward_auth: root.section("forward_auth", ForwardAuth::read),
            identity: root.section("identity", Identity::read),
            sessions: root.section("sessions", Sessions::read),
            passwords: root.section("passwords", Passwords::read),
            sign_up: root.section("sign_up", SignUp::read),
            accounts: root.section("accounts", Accounts::read),
            api_keys: root.section("api_keys", ApiKeys::read),
            signing_keys: root.section("signing_keys", SigningKeys::read),
            roles,
            invitations,
            cron: root.section("cron", Cron::read),
            offenders: root.section("offenders", Offenders::read),
            alerts: root.section("alerts", Alerts::read),
            mail: root
                .section("mail", |section| Mail::read(section, given("Tenantry <no-reply@localhost.localdomain>"))),
            database: root.section("database", DatabasePools::read),
            root_key: root.section("root_key", RootKeyCommand::read),
            security_txt: root.section("security_txt", |section| SecurityTxt::read(section, given_disclosure(dev))),
            attested: attested::read_all(root),
            audit: root.section("audit", Audit::read),
            events: root.section("events", Events::read),
            operations: root.section("operations", Operations::read),
            telemetry: root.section("telemetry", Telemetry::read),
            log: root.section("log", service::read_log),
            headers: root.section("headers", Headers::read),
            plans: root.section("plans", |section| Plans::read(section, &limits)),
            app,
            listen,
            upstream,
            permissions,
            routes,
            limits,
        }
    }
}

fn given_disclosure(dev: Option<&Dev>) -> Option<(&'static str, &'static str)> {
    dev.map(|_| ("mailto:security@localhost", "2100-01-01T00:00:00Z"))
}

/// The routes, and what only the whole file can tell about them.
fn read_routes(root: &Section<'_, '_>, roles: &Roles, around: &Surroundings<'_>) -> Routes {
    let routes: Vec<At<Route>> =
        root.each("routes", |section| Route::read(section, around)).into_iter().flatten().collect();
    for route in &routes {
        refuse_unreachable(root, roles, route);
    }
    for (id, span) in around.limits.added() {
        if !routes.iter().any(|route| route.value.tiers.contains(&id)) {
            let name = &around.limits.tier(id).name;
            root.reading.fault(
                span,
                format!("tier {name:?} limits nothing: no route names it"),
                format!("Write tiers = [{name:?}] in a route, or leave the tier out."),
            );
        }
    }
    Routes::new(root, routes)
}

/// A permission that no role holds shuts the route for every person, and keys are made by people.
fn refuse_unreachable(root: &Section<'_, '_>, roles: &Roles, route: &At<Route>) {
    let Some(permission) = &route.value.permission else { return };
    if !roles.grant(permission) {
        let what = format!("nobody can pass route {:?}: no role holds {permission}", route.value.pattern.as_str());
        root.reading.fault(&route.span, what, format!("Add \"{permission}\" to the permissions of a role."));
    }
}
