//! Proof: what is kept, what was done, and what holds right now.
//!
//! - [`vault`]: the root key, the canary, the signing keys;
//! - [`audit`]: reading the log, exporting it, and what the gateway saw;
//! - [`posture`]: each claim with a check that tries it, and the page that shows only what holds.

pub mod audit;
pub mod posture;
pub mod vault;

use std::sync::Arc;

use tenantry_platform::config::{Attested, Config};
use tenantry_platform::ground::Ground;
use tenantry_platform::http::Caller;
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{Brand, Nonce, Visit};
use tokio::sync::watch;

use audit::observe::Observer;
use posture::{Probe, Standing};

/// What the handlers of these rooms share. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Custody {
    /// What every room stands on.
    pub ground: Ground,
    /// What the gateway saw.
    pub observer: Observer,
    /// What holds right now.
    pub standing: Standing,
    brand: Arc<Brand>,
    /// What people answer for (EV-5).
    attested: Arc<[Attested]>,
    /// Where a reviewer's questions go: `mailto:` or `https:`.
    contact: Arc<str>,
}

impl Custody {
    /// The rooms, with nothing seen and nothing checked yet.
    pub fn new(ground: Ground, config: &Config) -> Self {
        Self {
            ground,
            observer: Observer::default(),
            standing: Standing::default(),
            brand: Arc::new(config.brand.clone()),
            attested: config.attested.as_slice().into(),
            contact: contact(&config.security_txt.contact).into(),
        }
    }

    /// Writes what the gateway saw and checks what is claimed, until `stop` says so.
    pub async fn run(self, probe: Arc<Probe>, stop: watch::Receiver<bool>) {
        let watching = self.observer.clone().run(self.ground.clone(), stop.clone());
        let checking = self.standing.keep(probe, stop);
        tokio::join!(watching, checking);
    }

    /// What a page of ours knows of the request that it answers.
    fn visit(&self, caller: &Caller) -> Visit {
        Visit {
            nonce: Nonce::given(&caller.nonce),
            request_id: caller.request_id.to_string(),
            now: self.ground.now(),
            brand: Arc::clone(&self.brand),
            words: Words::english(),
        }
    }
}

fn contact(written: &str) -> String {
    if written.contains(':') { written.to_owned() } else { format!("mailto:{written}") }
}
