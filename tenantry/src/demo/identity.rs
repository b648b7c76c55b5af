//! How an app verifies `Tenantry-Identity`: fetch the key set, check signature, type, issuer, audience and
//! expiry, and fetch again when a key is not known, at most once in ten seconds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Clock;
use tenantry_core::token::{Expect, TokenFault, Verifier, VerifyingKey};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::Fault;

/// A key set is asked for again at most so often, however many unknown keys arrive.
const REFETCH_S: u64 = 10;
/// A key set of ten keys has about 2 KB.
const JWKS_BYTES_MAX: usize = 64 * 1024;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Both processes are on one machine here; across machines a minute is usual.
const LEEWAY_S: u64 = 5;

/// Where the key set is.
#[derive(Clone, Debug)]
pub struct JwksSource {
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// The host to ask for: the console's.
    pub host: String,
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
}

/// What the app reads of the header. All of it is in docs/app-contract.md.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: u64,
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    realm: String,
    actor: String,
    /// Missing where nobody names one: a public route at the API's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tenant {
    id: String,
    slug: String,
    name: String,
    plan: String,
    status: String,
}

impl Claims {
    /// The tenant and mode that this app keeps its data under.
    pub fn world(&self) -> String {
        format!("{}/{}", self.tenant.as_ref().map(|tenant| tenant.id.as_str()).unwrap_or_default(), self.mode())
    }

    pub(super) fn actor_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} {}", self.actor, self.sub))
    }

    pub(super) fn tenant_name(&self) -> &str {
        self.tenant.as_ref().map(|tenant| tenant.name.as_str()).unwrap_or_default()
    }

    pub(super) fn mode(&self) -> &str {
        self.mode.as_deref().unwrap_or_default()
    }
}

/// The verifier with the key set that it knows.
pub(super) struct Believer {
    source: JwksSource,
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    verifier: Arc<Verifier>,
    fetched_at_s: Option<u64>,
}

impl Believer {
    pub(super) fn new(source: JwksSource, clock: Clock) -> Self {
        Self { source, clock, known: Mutex::default() }
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Claims, String> {
        let verifier = Arc::clone(&self.known.lock().await.verifier);
        match self.check(&verifier, token) {
            Err(TokenFault::UnknownKey) => {}
            checked => return checked.map_err(|fault| fault.to_string()),
        }
        let verifier = self.fetch_again().await?;
        self.check(&verifier, token).map_err(|fault| fault.to_string())
    }

    fn check(&self, verifier: &Verifier, token: &str) -> Result<Claims, TokenFault> {
        let expect = Expect {
            typ: "tenantry-identity+jwt",
            iss: &self.source.issuer,
            aud: &self.source.audience,
            now_s: self.clock.now_s(),
            leeway_s: LEEWAY_S,
        };
        verifier.verify(token, &expect)
    }

    async fn fetch_again(&self) -> Result<Arc<Verifier>, String> {
        let mut known = self.known.lock().await;
        let now = self.clock.now_s();
        if known.fetched_at_s.is_none_or(|at| at + REFETCH_S <= now) {
            let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetch(&self.source)).await;
            let verifier = fetched
                .map_err(|_| "the key set did not come in time".to_owned())?
                .map_err(|error| error.to_string())?;
            *known = Known { verifier: Arc::new(verifier), fetched_at_s: Some(now) };
        }
        Ok(Arc::clone(&known.verifier))
    }
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

async fn fetch(source: &JwksSource) -> Result<Verifier, Fault> {
    let stream = TcpStream::connect(source.address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::get("/-/jwks.json").header("host", &source.host).body(Empty::<bytes::Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let body = Limited::new(answer.into_body(), JWKS_BYTES_MAX).collect().await?.to_bytes();
    let jwks: Jwks = serde_json::from_slice(&body)?;
    Ok(Verifier::new(jwks.keys.iter().filter_map(|key| VerifyingKey::from_jwk(&key.to_string()).ok())))
}
