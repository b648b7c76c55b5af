//! Hand-off: from the central host, where people sign in, to a tenant's host, which never sees a password.
//!
//! 1. The tenant's host gives the browser a random verifier and sends it away with its digest, the challenge.
//! 2. The central host knows the person, checks membership and status, and sends the browser back with a code.
//! 3. The tenant's host takes the code once, from the browser that has the verifier, and opens a child session.
//!
//! The challenge covers the target too, so neither it nor the code is worth anything in another browser, at
//! another host, or for another page.

use ::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tenantry_core::host::HostName;
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::redirect::ReturnTo;
use tenantry_core::seal::Place;
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Context, Control, DbFault};
use tenantry_platform::http::{clear_cookie, cookie, set_cookie};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit, PersonRef, TenantRef};
use tenantry_platform::problem::{Kind, Problem};
use url::form_urlencoded::Serializer;

use super::http::HANDOFF_PATH;
use super::open::created;
use super::staff::{Key, StaffSession};
use super::store;
use super::{Opened, Sessions};
use crate::tenants;

/// The verifier's cookie, on the tenant's host.
const VERIFIER_COOKIE: &str = "__Host-tenantry-handoff";
/// How long somebody may take to sign in.
const VERIFIER_S: u64 = 300;
/// How long a code waits: one redirect. ASVS 10.4.3 allows a minute.
const CODE_S: i64 = 30;
/// 256 bits, of which none can be guessed within 30 seconds.
const SECRET_BYTES: usize = 32;
/// The same in base64url.
const SECRET_CHARS: usize = 43;
/// Longest target that travels along: encoded twice it must still fit a URL.
const TARGET_MOST: usize = 500;

/// What a tenant's host answers to somebody who is not signed in.
#[derive(Debug)]
pub struct Asked {
    /// The verifier.
    pub cookie: HeaderValue,
    /// The central host, with the challenge.
    pub location: String,
}

/// What the central host is asked: the query of `/-/handoff`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The tenant's host, without scheme and port.
    pub host: String,
    /// The digest of verifier and target.
    pub challenge: String,
    /// The target, on that host.
    pub return_to: String,
}

/// A child session and where to go with it.
#[derive(Debug)]
pub(super) struct Redeemed {
    pub(super) opened: Opened,
    pub(super) return_to: ReturnTo,
}

/// What a code stands for. Only ever stored sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    person: PersonId,
    name: String,
    email: String,
    parent: SessionId,
    tenant: TenantId,
    mode: Mode,
    host: String,
    challenge: String,
    return_to: String,
}

impl Ticket {
    /// Whether it was given to the browser that has the verifier, for this host.
    fn is_for(&self, verifier: &str, host_origin: &str, tenant: (TenantId, Mode)) -> bool {
        let Ok(return_to) = ReturnTo::parse(&self.return_to) else { return false };
        let same_browser = challenge(verifier, &return_to).as_bytes().ct_eq(self.challenge.as_bytes());
        bool::from(same_browser) && self.host == host_origin && (self.tenant, self.mode) == tenant
    }
}

impl Sessions {
    /// Step 1, on a tenant's host.
    pub(super) fn ask(
        &self,
        headers: &HeaderMap,
        tenant: &TenantRef,
        mode: Mode,
        return_to: &ReturnTo,
    ) -> Result<Asked, Problem> {
        // A second tab goes on with the first one's verifier: both can then come back.
        let held = verifier_of(headers).map(str::to_owned);
        let verifier = held.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(self.ground.entropy.bytes::<SECRET_BYTES>()));
        let home = ReturnTo::home();
        let target = if return_to.as_str().len() <= TARGET_MOST { return_to } else { &home };
        let slug = Slug::from_stored(&tenant.slug).map_err(Problem::internal)?;
        let query = Serializer::new(String::new())
            .append_pair("host", &self.options.hosts.tenant(&slug, mode))
            .append_pair("challenge", &challenge(&verifier, target))
            .append_pair("return_to", target.as_str())
            .finish();
        let location = format!("{}/-/handoff?{query}", self.access.issuer());
        Ok(Asked { cookie: set_cookie(VERIFIER_COOKIE, &verifier, VERIFIER_S), location })
    }

    /// Step 2, on the central host: where to send the browser back to, code in hand.
    ///
    /// # Errors
    /// 404 for a host that is no workspace of the person's, whether it exists or not; the tenant's own answer
    /// where it is suspended.
    pub async fn offer(&self, session: &StaffSession, offer: &Offer, origin: Origin) -> Result<String, Problem> {
        let not_yours = || not_a_member(&offer.host, session.person());
        let (slug, mode) = self.tenant_host(&offer.host).ok_or_else(not_yours)?;
        let membership = session
            .memberships()
            .iter()
            .find(|membership| membership.tenant.slug == slug.as_str())
            .ok_or_else(not_yours)?;
        if let Some(stopped) = tenants::stopped(&membership.tenant) {
            return Err(stopped);
        }
        let host = self.options.hosts.origin(&self.options.hosts.tenant(&slug, mode));
        let person = session.person();
        let ticket = Ticket {
            person: person.id,
            name: person.name.clone(),
            email: person.email.clone(),
            parent: session.id,
            tenant: membership.tenant.id,
            mode,
            host: host.clone(),
            challenge: Some(&offer.challenge).filter(|text| is_secret(text)).ok_or_else(refused)?.clone(),
            return_to: ReturnTo::parse(&offer.return_to).unwrap_or_else(|_| ReturnTo::home()).to_string(),
        };
        let code = self.put(&ticket, origin).await?;
        Ok(format!("{host}/-/handoff?code={code}"))
    }

    /// Before step 3, on the tenant's host: whether this browser is the one that a good code was given to, whose
    /// person is a member then. Looking takes nothing; who cannot be told from a stranger is one.
    pub(super) async fn is_expected(
        &self,
        headers: &HeaderMap,
        host_origin: &str,
        tenant: (TenantId, Mode),
        code: &str,
        origin: Origin,
    ) -> bool {
        let Some(verifier) = verifier_of(headers).filter(|_| is_secret(code)) else { return false };
        let digest = Sha256::digest(code);
        match store::look_at_code(&anonymous(origin), &self.ground, &digest).await {
            Ok(Some(sealed)) => {
                self.unseal(&digest, &sealed).is_ok_and(|ticket| ticket.is_for(verifier, host_origin, tenant))
            }
            _ => false,
        }
    }

    /// Step 3, on the tenant's host.
    pub(super) async fn redeem(
        &self,
        headers: &HeaderMap,
        host_origin: &str,
        tenant: (TenantId, Mode),
        code: &str,
        origin: Origin,
    ) -> Result<Redeemed, Problem> {
        let verifier = verifier_of(headers).ok_or_else(refused)?;
        let ticket = self.take(code, origin.clone()).await?.ok_or_else(refused)?;
        let return_to = ReturnTo::parse(&ticket.return_to).map_err(Problem::internal)?;
        if !ticket.is_for(verifier, host_origin, tenant) {
            return Err(refused());
        }
        let mut opened = self.open_from(&ticket, origin).await?;
        opened.cookies.push(clear_cookie(VERIFIER_COOKIE));
        Ok(Redeemed { opened, return_to })
    }

    /// A child session, if the person is still a member and the parent still lives.
    async fn open_from(&self, ticket: &Ticket, origin: Origin) -> Result<Opened, Problem> {
        let person =
            PersonRef { id: ticket.person, name: ticket.name.clone(), email: ticket.email.clone(), operator: false };
        let context = Context { tenant: Some(ticket.tenant), person: Some(ticket.person) };
        let mut tx =
            Permit::<Authenticate, Control>::system(context, Actor::person(&person), origin).begin(&self.ground);
        let member = store::memberships(&mut tx).await?.into_iter().find(|found| found.tenant.id == ticket.tenant);
        let tenant = member.ok_or_else(|| not_a_member(&ticket.host, &person))?.tenant;
        if let Some(stopped) = tenants::stopped(&tenant) {
            return Err(stopped);
        }
        let parent = Key { person: ticket.person, session: ticket.parent };
        let place = (ticket.tenant, ticket.mode);
        let opened = self.open_child(&mut tx, parent, &ticket.host, place).await?.ok_or_else(refused)?;
        created(opened.key, &ticket.host).note(&mut tx, &self.ground).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Keeps a ticket under the digest of a fresh code.
    async fn put(&self, ticket: &Ticket, origin: Origin) -> Result<String, DbFault> {
        let code = URL_SAFE_NO_PAD.encode(self.ground.entropy.bytes::<SECRET_BYTES>());
        let digest = Sha256::digest(&code);
        let plain = serde_json::to_vec(ticket).map_err(|error| DbFault::Refused(error.to_string()))?;
        let sealed = self.ground.sealer.seal(&place(&digest), &plain, &self.ground.entropy);
        let now = self.ground.now();
        let until = now.checked_add(jiff::SignedDuration::from_secs(CODE_S)).unwrap_or(now);
        let mut tx = anonymous(origin).begin(&self.ground);
        store::put_code(&mut tx, &digest, &sealed, until).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// Takes a code for good: what fails afterwards has to start again.
    async fn take(&self, code: &str, origin: Origin) -> Result<Option<Ticket>, Problem> {
        let digest = Sha256::digest(code);
        let mut tx = anonymous(origin).begin(&self.ground);
        let sealed = store::take_code(&mut tx, &digest, self.ground.now()).await?;
        tx.commit().await?;
        sealed.map(|sealed| self.unseal(&digest, &sealed)).transpose()
    }

    fn unseal(&self, digest: &[u8], sealed: &[u8]) -> Result<Ticket, Problem> {
        let plain = self.ground.sealer.open(&place(digest), sealed).map_err(Problem::internal)?;
        serde_json::from_slice(&plain).map_err(Problem::internal)
    }

    /// The origin that a hand-off on the way leads to: the sign-in form's policy has to name it, because browsers
    /// hold redirects of a form to it as well.
    pub(crate) fn on_the_way_to(&self, target: &ReturnTo) -> Option<String> {
        let query = target.as_str().strip_prefix(HANDOFF_PATH)?.strip_prefix('?')?;
        let (_, host) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "host")?;
        let (slug, mode) = self.tenant_host(&host)?;
        Some(self.options.hosts.origin(&self.options.hosts.tenant(&slug, mode)))
    }

    /// A tenant's host as configuration names it. Custom domains come with their proof, in a later room.
    fn tenant_host(&self, host: &str) -> Option<(Slug, Mode)> {
        match self.options.names.resolve(host) {
            HostName::Tenant { slug, mode } => Some((Slug::from_stored(slug).ok()?, mode)),
            HostName::Central | HostName::Api | HostName::Other(_) => None,
        }
    }
}

fn challenge(verifier: &str, target: &ReturnTo) -> String {
    URL_SAFE_NO_PAD
        .encode(Sha256::new().chain_update(verifier).chain_update(b".").chain_update(target.as_str()).finalize())
}

/// The cookie of step 1.
fn verifier_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, VERIFIER_COOKIE).filter(|text| is_secret(text))
}

fn is_secret(text: &str) -> bool {
    text.len() == SECRET_CHARS && URL_SAFE_NO_PAD.decode(text).is_ok()
}

fn anonymous(origin: Origin) -> Permit<Authenticate, Control> {
    Permit::system(Context::default(), Actor::system("session", "handoff"), origin)
}

fn place(digest: &[u8]) -> Place<'_> {
    Place { label: "handoff", scope: "control", table: "codes", column: "data", row: digest }
}

fn refused() -> Problem {
    let sentence = "This sign-in took too long, was used already, or began in another browser. Open the page that you wanted once more.";
    Problem::new(Kind::Forbidden, sentence).code("handoff_refused")
}

/// The same for a host that does not exist: who is no member learns nothing.
fn not_a_member(host: &str, person: &PersonRef) -> Problem {
    let sentence = format!(
        "{} has no access at {host}. Check the address, or ask an owner or admin of the workspace to add you.",
        person.email
    );
    Problem::new(Kind::NotFound, sentence).code("no_membership")
}
