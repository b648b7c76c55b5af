//! WHO: people, their sessions, their tenants and memberships, and the keys that act for them.
//!
//! [`Identity`] is what every handler of this area stands on. Rooms: [`authn`] proves who somebody is,
//! [`users`] lets new people in, [`account`] is what they change of themselves, [`sessions`] remembers them host by
//! host, [`tenants`] and [`members`] say where they belong, [`roles`] what they may do there, [`apikeys`] lets programs
//! act for a tenant, [`directory`] tells the platform's app what changed.

pub mod account;
pub mod afterwards;
pub mod apikeys;
pub mod authn;
pub mod directory;
pub(crate) mod events;
pub mod members;
pub mod roles;
pub mod sessions;
pub mod staff;
pub mod tenants;
pub mod users;

use std::sync::{Arc, OnceLock};

use tenantry_core::host::{HostNames, HostNamesFault};
use tenantry_core::password::PasswordPolicy;
use tenantry_platform::config::{self, Config};
use tenantry_platform::ground::Ground;
use tenantry_platform::guesses::Guesses;
use tenantry_platform::http::Caller;
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{Brand, Nonce, Visit};
use tokio::sync::Notify;

use afterwards::Afterwards;
use apikeys::ApiKeys;
use authn::{Decoys, Hasher};
use directory::ManagementKeys;
use sessions::Sessions;
use tenants::Tenants;

/// What this area takes from the configuration. Clones are cheap enough for the start of a process.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where links lead and cookies belong.
    pub hosts: config::Hosts,
    /// The same names, to read a host with.
    pub names: HostNames,
    /// Lifetimes.
    pub sessions: config::Sessions,
    /// Work factor and queue of the hashes.
    pub passwords: config::Passwords,
    /// Who may sign up, and for how long a link lives.
    pub sign_up: config::SignUp,
    /// How long an invitation may be accepted.
    pub invitations: config::Invitations,
    /// Lifetimes of the links that change an account.
    pub accounts: config::Accounts,
    /// Who may do what.
    pub roles: Arc<config::Roles>,
    /// Every word that may be granted.
    pub permissions: Arc<config::Permissions>,
    /// What the plans of workspaces give them.
    pub plans: Arc<config::Plans>,
    /// How long a key may live.
    pub api_keys: config::ApiKeys,
    /// How pages and mails look.
    pub brand: Arc<Brand>,
    /// The mailbox of `tenantry dev`; empty in `serve`.
    pub mailbox_href: String,
}

impl Options {
    /// From a configuration without fault.
    ///
    /// # Errors
    /// When the configured names are no host names, which the configuration rules out.
    pub fn from_config(config: &Config) -> Result<Self, HostNamesFault> {
        Ok(Self {
            hosts: config.hosts.clone(),
            names: names(&config.hosts)?,
            sessions: config.sessions.clone(),
            passwords: config.passwords.clone(),
            sign_up: config.sign_up.clone(),
            invitations: config.invitations.clone(),
            accounts: config.accounts.clone(),
            roles: Arc::new(config.roles.clone()),
            permissions: Arc::new(config.permissions.clone()),
            plans: Arc::new(config.plans.clone()),
            api_keys: config.api_keys.clone(),
            brand: Arc::new(config.brand.clone()),
            mailbox_href: String::new(),
        })
    }

    /// The central host as browsers see it: `https://app.example.com`. Links are made from it.
    pub fn central_origin(&self) -> String {
        self.hosts.origin(&self.hosts.central())
    }

    /// What a new password must be.
    pub fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy::with_min(usize::from(self.passwords.min_length))
    }
}

fn names(hosts: &config::Hosts) -> Result<HostNames, HostNamesFault> {
    let suffix = format!(".{}", hosts.base);
    let (central, api) = (hosts.central(), hosts.api());
    let label = |host: &str| host.strip_suffix(&suffix).unwrap_or_default().to_owned();
    HostNames::new(&hosts.base, &label(&central), &label(&api))
}

/// The rooms of this area on one ground.
#[derive(Debug)]
pub struct Identity {
    /// What everything stands on.
    pub ground: Ground,
    /// What was configured.
    pub options: Options,
    /// Password hashes, as many at once as the machine bears.
    pub hasher: Hasher,
    /// What passwords are compared with where there is no account.
    pub decoys: Decoys,
    /// Who is signed in, where.
    pub sessions: Sessions,
    /// Which host is whose.
    pub tenants: Tenants,
    /// Which programs act for whom.
    pub apikeys: ApiKeys,
    /// Which programs read the directory for the platform.
    pub management_keys: ManagementKeys,
    /// What is written after the answer.
    pub afterwards: Afterwards,
    bell: OnceLock<Arc<Notify>>,
    pub(crate) guesses: OnceLock<Arc<dyn Guesses>>,
}

impl Identity {
    /// Starts the rooms, within a runtime: the hash workers and the writer of what comes after answers.
    pub fn start(ground: Ground, options: Options) -> Arc<Self> {
        let (afterwards, tenants) = (Afterwards::start(), Tenants::new(&ground));
        Arc::new(Self {
            hasher: Hasher::start(&options.passwords, ground.entropy.clone()),
            decoys: Decoys::new(&ground, &options.passwords),
            sessions: Sessions::new(&ground, &options, afterwards.clone()),
            apikeys: ApiKeys::new(&ground, &options, &tenants),
            management_keys: ManagementKeys::new(&ground),
            tenants,
            afterwards,
            bell: OnceLock::new(),
            guesses: OnceLock::new(),
            ground,
            options,
        })
    }

    /// Rings this bell when a mail was put into the queue. Without one the queue looks by itself.
    pub fn ring(&self, bell: Arc<Notify>) {
        // A second bell is of no use: the first one wakes the same queue.
        let _ = self.bell.set(bell);
    }

    pub(crate) fn wake_queue(&self) {
        if let Some(bell) = self.bell.get() {
            bell.notify_one();
        }
    }

    /// What a page of ours knows of the request that it answers.
    pub fn visit(&self, caller: &Caller) -> Visit {
        self.visit_of(&caller.nonce, &caller.request_id)
    }

    /// The same where nobody has called a handler: for pages of refusals.
    pub fn visit_of(&self, nonce: &str, request_id: &str) -> Visit {
        Visit {
            nonce: Nonce::given(nonce),
            request_id: request_id.to_owned(),
            now: self.ground.now(),
            brand: Arc::clone(&self.options.brand),
            words: Words::english(),
        }
    }
}
