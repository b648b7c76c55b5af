//! `Tenantry-Identity`: what the app may believe about a request (docs/app-contract.md).
//!
//! Signed once for a principal and used again for half its life, so that a token always arrives with the other
//! half left. A principal that was read again, because a role or a scope changed, gets a new token at once.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dashmap::DashMap;
use http::HeaderValue;
use serde::Serialize;
use tenantry_core::clock::Timestamp;
use tenantry_core::mode::Mode;
use tenantry_core::permission::PermissionSet;
use tenantry_platform::config::Plans;
use tenantry_platform::ground::Ground;
use tenantry_platform::permit::{Credential, Principal, Realm, TenantRef};
use tenantry_platform::problem::Problem;
use tenantry_platform::signing::{Purpose, SigningFault};
use uuid::Uuid;

/// Every server takes headers of this size; a token that is larger belongs to a role with too many words.
const BYTES_MAX: usize = 4 * 1024;
/// Tokens kept at most: about 1 KB each.
const KEPT_MAX: usize = 50_000;

/// The claims, as the app contract lists them.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    iat: i64,
    exp: i64,
    realm: &'static str,
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    roles: Vec<&'a str>,
    permissions: &'a PermissionSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
}

#[derive(Serialize)]
struct Tenant<'a> {
    id: Uuid,
    slug: &'a str,
    name: &'a str,
    plan: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entitlements: &'a [String],
}

/// For whom a token was signed: a credential, or nobody, in a tenant and mode.
type For = (Option<(&'static str, Uuid)>, Option<Uuid>, Option<Mode>);

struct Signed {
    /// Whose it is; gone or another one: the token is not used again.
    principal: Option<Weak<Principal>>,
    tenant: Option<Weak<TenantRef>>,
    fresh_until: Timestamp,
    header: HeaderValue,
}

/// The tokens in use.
pub struct IdentityTokens {
    issuer: String,
    audience: String,
    lifetime: Duration,
    plans: Plans,
    kept: DashMap<For, Signed>,
}

impl std::fmt::Debug for IdentityTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IdentityTokens({})", self.kept.len())
    }
}

impl IdentityTokens {
    /// Tokens of one installation.
    pub fn new(issuer: String, audience: String, lifetime: Duration) -> Self {
        Self { issuer, audience, lifetime, plans: Plans::default(), kept: DashMap::new() }
    }

    /// With what plans let the app do.
    #[must_use]
    pub fn with_plans(mut self, plans: &Plans) -> Self {
        self.plans = plans.clone();
        self
    }

    /// The header for a request of `principal`, or of nobody at a tenant's public route.
    ///
    /// # Errors
    /// No signing key is in force, or the token is too large: the request is not forwarded.
    pub fn header(
        &self,
        ground: &Ground,
        principal: Option<&Arc<Principal>>,
        tenant: Option<&Arc<TenantRef>>,
        mode: Option<Mode>,
    ) -> Result<HeaderValue, Problem> {
        let now = ground.now();
        let named = (
            principal.and_then(|principal| credential_id(&principal.parts().credential)),
            tenant.map(|tenant| tenant.id.uuid()),
            mode,
        );
        // A principal is read anew when its tenant changes: its own needs no look of its own.
        let of_host = tenant.filter(|tenant| principal.is_none_or(|principal| !is_of(principal, tenant)));
        let is_same = |signed: &Signed| {
            signed.fresh_until > now
                && same(signed.principal.as_ref(), principal)
                && same(signed.tenant.as_ref(), of_host)
        };
        if let Some(signed) = self.kept.get(&named)
            && is_same(&signed)
        {
            return Ok(signed.header.clone());
        }
        let header = self.sign(ground, principal.map(Arc::as_ref), tenant.map(Arc::as_ref), mode)?;
        self.keep(
            named,
            Signed {
                principal: principal.map(Arc::downgrade),
                tenant: of_host.map(Arc::downgrade),
                fresh_until: now.checked_add(self.lifetime / 2).unwrap_or(now),
                header: header.clone(),
            },
        );
        Ok(header)
    }

    fn keep(&self, named: For, signed: Signed) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.clear();
        }
        self.kept.insert(named, signed);
    }

    fn sign(
        &self,
        ground: &Ground,
        principal: Option<&Principal>,
        tenant: Option<&TenantRef>,
        mode: Option<Mode>,
    ) -> Result<HeaderValue, Problem> {
        let now = ground.now();
        let claims = self.claims(principal, tenant, mode, now);
        match ground.signing.sign(Purpose::Identity, &claims, now) {
            Ok(token) if token.len() <= BYTES_MAX => HeaderValue::try_from(token).map_err(Problem::internal),
            // What is much larger is not even signed.
            Ok(_) | Err(SigningFault::Claims) => Err(Problem::internal(format!(
                "the identity token has more than {BYTES_MAX} bytes: give the role fewer permissions"
            ))),
            Err(none @ SigningFault::NoKey(_)) => Err(Problem::unavailable(none)),
        }
    }

    fn claims<'a>(
        &'a self,
        principal: Option<&'a Principal>,
        tenant: Option<&'a TenantRef>,
        mode: Option<Mode>,
        now: Timestamp,
    ) -> Claims<'a> {
        static NOTHING: PermissionSet = PermissionSet::EMPTY;
        let parts = principal.map(Principal::parts);
        let person = parts.and_then(|parts| parts.person.as_ref());
        Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: principal.map_or_else(|| "anonymous".to_owned(), |principal| principal.actor().id),
            iat: now.as_second(),
            exp: now.as_second().saturating_add_unsigned(self.lifetime.as_secs()),
            realm: parts.map_or(Realm::Staff, |parts| parts.realm).as_str(),
            actor: parts.map_or(Credential::Anonymous.kind(), |parts| parts.credential.kind()),
            mode,
            tenant: tenant.map(|tenant| Tenant {
                id: tenant.id.uuid(),
                slug: &tenant.slug,
                name: &tenant.name,
                plan: &tenant.plan,
                status: tenant.status.as_str(),
                entitlements: self.plans.find(&tenant.plan).map(|plan| &*plan.entitlements).unwrap_or_default(),
            }),
            name: person.map(|person| person.name.as_str()),
            email: person.map(|person| person.email.as_str()),
            roles: parts.map(|parts| parts.roles.iter().map(|role| role.as_str()).collect()).unwrap_or_default(),
            permissions: parts.map_or(&NOTHING, |parts| &parts.permissions),
            auth_time: parts.and_then(|parts| parts.auth_time).map(Timestamp::as_second),
            amr: parts.map(|parts| parts.amr.as_slice()).unwrap_or_default(),
        }
    }
}

fn is_of(principal: &Principal, tenant: &TenantRef) -> bool {
    principal.parts().tenant.as_ref().is_some_and(|own| own.id == tenant.id)
}

fn same<T>(kept: Option<&Weak<T>>, given: Option<&Arc<T>>) -> bool {
    match (kept, given) {
        (None, None) => true,
        (Some(kept), Some(given)) => std::ptr::eq(kept.as_ptr(), Arc::as_ptr(given)) && kept.strong_count() > 0,
        _ => false,
    }
}

/// Its kind and id: a session and the tokens that it was exchanged for are told apart.
fn credential_id(credential: &Credential) -> Option<(&'static str, Uuid)> {
    let id = match credential {
        Credential::Session(session) | Credential::Token(session) => session.uuid(),
        Credential::Key(key) | Credential::Management(key) => key.uuid(),
        Credential::Cron(_) | Credential::Anonymous => return None,
    };
    Some((credential.kind(), id))
}
