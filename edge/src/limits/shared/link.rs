//! The connection to the store: one for the process, on which commands follow each other without waiting.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisError,
    ServerErrorKind,
};
use secrecy::ExposeSecret as _;
use tenantry_core::random::Entropy;

use tenantry_platform::config::Limits;

use super::super::charge::Charge;
use super::super::memory::Memory;
use super::super::store::StoreTerms;

/// To connect, with TLS and password.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// A node that said nothing for so long takes no part.
const WORD_COUNTS_MS: u64 = 5_000;
const DECIDE: &str = include_str!("decide.lua");
/// The place of a tier differs where nodes have different files; its name stands in the key.
const NO_PLACE: u64 = 0;
const BEAT: &str = include_str!("beat.lua");

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lost {
    #[error("it is not asked")]
    Closed,
    #[error("it did not answer in time")]
    Late,
    #[error("the connection broke, or none is taken")]
    Broken,
    #[error("it refuses the command")]
    Refused,
    #[error("its answer is of another form")]
    Unclear,
}

/// An open connection, and the scripts as the store names them.
#[derive(Clone, Debug)]
pub(super) struct Open {
    conn: MultiplexedConnection,
    decide: Arc<str>,
}

/// The way to the store.
#[derive(Debug)]
pub(super) struct Link {
    /// As configured; a cluster may send us on to another of its nodes.
    configured: ConnectionInfo,
    sent_on_to: Mutex<Option<ConnectionAddr>>,
    open: ArcSwapOption<Open>,
    /// What was said instead of an answer, for the log.
    why: Mutex<String>,
    nodes: String,
    node: String,
    /// What a tier is called, whatever its place in the file.
    tiers: Vec<Box<str>>,
}

impl Link {
    pub(super) fn new(terms: &StoreTerms, limits: &Limits, entropy: &Entropy) -> Result<Self, RedisError> {
        Ok(Self {
            configured: terms.url.expose_secret().into_connection_info()?,
            sent_on_to: Mutex::default(),
            open: ArcSwapOption::empty(),
            why: Mutex::default(),
            nodes: format!("{{{}}}:nodes", terms.prefix),
            node: format!("{:032x}", u128::from_be_bytes(entropy.bytes())),
            tiers: limits.iter().map(|tier| tier.name.clone()).collect(),
        })
    }

    /// The connection, where there is one.
    pub(super) fn open(&self) -> Option<Open> {
        self.open.load().as_deref().cloned()
    }

    pub(super) fn close(&self) {
        self.open.store(None);
    }

    /// Connects, and loads the script.
    pub(super) async fn connect(&self) -> Result<(), Lost> {
        let connecting = tokio::time::timeout(CONNECT_WITHIN, self.connected()).await;
        match connecting.unwrap_or(Err(Lost::Late)) {
            Ok(open) => {
                self.open.store(Some(Arc::new(open)));
                Ok(())
            }
            Err(lost) => {
                // The one that we were sent on to may be gone.
                self.sent_on_to.lock().take();
                Err(lost)
            }
        }
    }

    async fn connected(&self) -> Result<Open, Lost> {
        let mut info = self.configured.clone();
        if let Some(elsewhere) = self.sent_on_to.lock().clone() {
            info = info.set_addr(elsewhere);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(CONNECT_WITHIN));
        let client = Client::open(info).map_err(|fault| self.lost(&fault))?;
        let conn = client.get_multiplexed_async_connection_with_config(&config).await;
        let mut conn = conn.map_err(|fault| self.lost(&fault))?;
        let loaded = redis::cmd("SCRIPT").arg("LOAD").arg(DECIDE).query_async::<String>(&mut conn).await;
        Ok(Open { conn, decide: loaded.map_err(|fault| self.lost(&fault))?.into() })
    }

    /// Runs the script of a decision: by its name, or by its text where the store has forgotten it.
    pub(super) async fn call(&self, mut open: Open, decision: Decision) -> Result<Vec<u64>, Lost> {
        match decision.command("EVALSHA", &open.decide).query_async(&mut open.conn).await {
            Err(fault) if fault.kind() == ServerErrorKind::NoScript.into() => {
                let again = decision.command("EVAL", DECIDE).query_async(&mut open.conn).await;
                again.map_err(|fault| self.lost(&fault))
            }
            answer => answer.map_err(|fault| self.lost(&fault)),
        }
    }

    /// Says that this node is there; gives how many are.
    pub(super) async fn beat(&self, mut open: Open) -> Result<u32, Lost> {
        let mut command = redis::cmd("EVAL");
        command.arg(BEAT).arg(1).arg(&self.nodes).arg(&self.node).arg(WORD_COUNTS_MS);
        command.query_async(&mut open.conn).await.map_err(|fault| self.lost(&fault))
    }

    /// What the store, or the way to it, said last.
    pub(super) fn why(&self) -> String {
        self.why.lock().clone()
    }

    /// What a fault means. Where a cluster names the node that has our keys, the next connection goes there.
    fn lost(&self, fault: &RedisError) -> Lost {
        // The store's own word for it, such as NOAUTH or READONLY, and never its whole sentence.
        *self.why.lock() = fault.code().unwrap_or_else(|| fault.category()).to_owned();
        if let Some((address, _)) = fault.redirect_node() {
            *self.sent_on_to.lock() = self.elsewhere(address);
            self.close();
            return Lost::Broken;
        }
        match fault {
            fault if fault.is_timeout() => Lost::Late,
            fault if fault.is_io_error() || fault.is_connection_dropped() || fault.is_unrecoverable_error() => {
                self.close();
                Lost::Broken
            }
            fault if fault.code().is_some() => Lost::Refused,
            _ => Lost::Unclear,
        }
    }

    /// The charges, with what this node has counted for each. All keys have one hash tag, so that a cluster keeps them in
    /// one slot.
    pub(super) fn decision(&self, terms: &StoreTerms, memory: &Memory, charges: &[Charge], is_spent: bool) -> Decision {
        let key = |charge: &Charge| {
            let subject = charge.hashed(&terms.key, NO_PLACE).as_u128();
            format!("{{{}}}:{}:{subject:032x}", terms.prefix, self.tiers[charge.tier.index()])
        };
        let rest = |charge: &Charge| {
            let Charge { limit, cost, is_shadow, .. } = *charge;
            let own = memory.counter(charge);
            let [max, cost, current, previous] = [limit.max, cost, own.current, own.previous].map(u64::from);
            [max, limit.window_ms.max(1).into(), cost, is_shadow.into(), own.period, current, previous]
        };
        Decision { keys: charges.iter().map(key).collect(), rest: charges.iter().flat_map(rest).collect(), is_spent }
    }

    fn elsewhere(&self, address: &str) -> Option<ConnectionAddr> {
        let (host, port) = address.rsplit_once(':')?;
        let (host, port) = (host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?);
        match self.configured.addr().clone() {
            ConnectionAddr::Tcp(..) => Some(ConnectionAddr::Tcp(host, port)),
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                Some(ConnectionAddr::TcpTls { host, port, insecure, tls_params })
            }
            _ => None,
        }
    }
}

/// A decision as the script takes it.
pub(super) struct Decision {
    keys: Vec<String>,
    rest: Vec<u64>,
    is_spent: bool,
}

impl Decision {
    fn command(&self, how: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(how);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(u8::from(self.is_spent)).arg(&self.rest);
        command
    }
}
