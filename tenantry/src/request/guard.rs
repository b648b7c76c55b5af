//! Step 5: which credential the request shows, and whether it is good. Refused ends the request: no other
//! scheme is tried.

use std::net::IpAddr;
use std::sync::Arc;

use http::Request;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tenantry_core::management_key::PREFIX;
use tenantry_core::mode::Mode;
use tenantry_core::permission::PermissionSet;
use tenantry_core::token::is_said_to_be;
use tenantry_edge::gateway::contract::Consumed;
use tenantry_edge::gateway::{AppRoute, Outcome, origin};
use tenantry_edge::limits::{Charge, Subject, too_many};
use tenantry_edge::offenders::Offence;
use tenantry_identity::apikeys::{self, Presented, Refusal, VerifiedKey};
use tenantry_identity::sessions::{FirstParty, ShownToken, StaffSession};
use tenantry_identity::{directory, tenants};
use tenantry_platform::config::{Guard, TierId};
use tenantry_platform::permit::{Credential, Parts, Principal, Realm};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::signing::Purpose;

use super::answer::Visit;
use super::stay::Holder;
use crate::app::App;

/// What the guard found.
pub(super) struct Guarded {
    pub outcome: Outcome,
    /// The same principal, for the log of a refusal that comes later.
    pub shown: Option<Arc<Principal>>,
    /// The credential itself, for what outlives the request.
    pub holder: Option<Holder>,
    /// What the app shall not see.
    pub consumed: Consumed,
}

impl Guarded {
    fn nobody() -> Self {
        Self { outcome: Outcome::NotPresented, shown: None, holder: None, consumed: Consumed::Nothing }
    }

    fn somebody(principal: Arc<Principal>, holder: Option<Holder>, consumed: Consumed) -> Self {
        Self { outcome: Outcome::Verified(Arc::clone(&principal)), shown: Some(principal), holder, consumed }
    }

    fn key(key: Arc<VerifiedKey>) -> Self {
        Self::somebody(Arc::clone(key.principal()), Some(Holder::Key(key)), Consumed::Authorization)
    }

    fn token(token: FirstParty) -> Self {
        Self::somebody(Arc::clone(token.principal()), Some(Holder::Token(token)), Consumed::Authorization)
    }

    fn session(session: Arc<StaffSession>) -> Self {
        Self::somebody(Arc::clone(session.principal()), Some(Holder::Session(session)), Consumed::Nothing)
    }
}

/// Judges the credential that a request to the app shows.
///
/// # Errors
/// The credential is refused, comes from another origin, or its owner has failed too often.
pub(super) async fn check<B>(
    app: &App,
    visit: &mut Visit,
    route: &AppRoute,
    request: &Request<B>,
) -> Result<Guarded, Problem> {
    let guards = route.route.guards;
    if guards.is_public() {
        return Ok(public(request.headers()));
    }
    if let Some(token) = bearer(request.headers())? {
        return Ok(if token.starts_with(KEY) {
            Guarded::key(key(app, visit, token).await?)
        } else if guards.contains(Guard::Cron) {
            Guarded::somebody(Box::pin(cron(app, visit, token)).await?, None, Consumed::Authorization)
        } else if token.starts_with(JWS) {
            Guarded::token(Box::pin(first_party(app, visit, token)).await?)
        } else {
            Guarded::key(key(app, visit, token).await?)
        });
    }
    if !guards.contains(Guard::Session) || !visit.is_tenant_host() {
        return Ok(Guarded::nobody());
    }
    if origin::is_needed(request.method(), request.headers()) {
        origin::judge(request.headers(), visit.own(), &[])?;
    }
    let session = visit.session(app, request.method(), request.headers()).await?;
    Ok(session.map_or_else(Guarded::nobody, Guarded::session))
}

/// What API keys begin with.
const KEY: &str = "sk_";
/// What every signed token begins with: the base64url of `{"`.
const JWS: &str = "eyJ";

/// An address that everybody may call takes no credential; one of ours is still not the app's to see.
fn public(headers: &HeaderMap) -> Guarded {
    let is_ours = bearer(headers).ok().flatten().is_some_and(is_ours);
    Guarded { consumed: if is_ours { Consumed::Authorization } else { Consumed::Nothing }, ..Guarded::nobody() }
}

fn is_ours(token: &str) -> bool {
    token.starts_with(KEY) || token.starts_with(PREFIX) || is_said_to_be(token, Purpose::FirstParty.typ())
}

/// The token of an `Authorization: Bearer` header.
///
/// # Errors
/// Another scheme, or two headers: nobody can say which one was meant.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let unclear = || {
        Problem::new(Kind::Unauthorized, "Send one `Authorization` header, as `Bearer` and the key.")
            .code("credential_unclear")
    };
    if given.next().is_some() {
        return Err(unclear());
    }
    token(value).map(Some).ok_or_else(unclear)
}

/// The token of one `Bearer` value.
pub(super) fn token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What is known of a credential that a program shows.
enum Seen<T, P> {
    Good(T),
    /// Only a look-up can tell.
    Unknown(P),
    /// We signed it, so nobody has guessed it. Only a look-up can tell whether it still holds.
    Signed(P),
    /// Wrong, with what its bearer is told, and what that is called. Whose it is, where that is known.
    Wrong(Problem, Offence, Option<Arc<Principal>>),
    /// Refused for what nobody can find out by guessing.
    Spared(Problem),
}

/// Every credential of a program goes this way. Failures have a budget of their own, so that guesses never reach the
/// database (KEY-3, RL-1): without it nothing that may be a guess is looked up, and nothing wrong is refused.
async fn prove<T, P>(
    app: &App,
    visit: &mut Visit,
    known: Seen<T, P>,
    look_up: impl AsyncFnOnce(P) -> Result<Seen<T, P>, Problem>,
) -> Result<T, Problem> {
    let seen = match known {
        Seen::Unknown(pending) => {
            visit.check_failures(app).await?;
            look_up(pending).await?
        }
        Seen::Signed(pending) => look_up(pending).await?,
        known => known,
    };
    let (refusal, offence, whose) = match seen {
        Seen::Good(found) => return Ok(found),
        Seen::Spared(refusal) => return Err(refusal),
        Seen::Wrong(refusal, offence, whose) => (refusal, offence, whose),
        Seen::Unknown(_) | Seen::Signed(_) => (Problem::unauthorized(), Offence::Credential, None),
    };
    visit.shown.clone_from(&whose);
    visit.check_failures(app).await?;
    visit.charge_failure(app).await;
    visit.offend_unknown(app, offence);
    if let Some(owner) = whose {
        visit.note_address(app, &owner);
    }
    Err(refusal)
}

/// An API key, from memory or looked up once.
pub(super) async fn key(app: &App, visit: &mut Visit, token: &str) -> Result<Arc<VerifiedKey>, Problem> {
    let (keys, ip, now) = (&app.identity.apikeys, visit.ip, app.ground.now());
    let known = seen_key(keys.known(token, ip, now));
    prove(app, visit, known, async |pending| {
        let keys = keys.clone();
        let found = app.cross(async move { keys.fill(&pending, ip, now).await }).await?;
        Ok(seen_key(found.map_err(Problem::unavailable)?))
    })
    .await
}

fn seen_key(presented: Presented) -> Seen<Arc<VerifiedKey>, apikeys::Pending> {
    match presented {
        Presented::Verified(key) => Seen::Good(key),
        Presented::NeedsFill(pending) => Seen::Unknown(pending),
        Presented::Refused(Refusal::TenantStopped(tenant)) => {
            Seen::Spared(tenants::stopped(&tenant).unwrap_or_else(key_refused))
        }
        // The address pays and not the key, or whoever stole it could use its limit up from anywhere (KEY-1). Its
        // tenant's log tells, once a window.
        Presented::Refused(Refusal::Elsewhere(key)) => {
            Seen::Wrong(address_refused(), Offence::Credential, Some(Arc::clone(key.principal())))
        }
        Presented::Refused(Refusal::BadChecksum | Refusal::NotAKey) => {
            Seen::Wrong(key_refused(), Offence::Checksum, None)
        }
        Presented::Refused(_) | Presented::NotPresented => Seen::Wrong(key_refused(), Offence::Credential, None),
    }
}

/// A first-party token, by its signature and from memory, or its session looked up once. The signature is looked at
/// before the budget of failures: whoever has a good one has not guessed, whoever else did at their address. What it
/// costs is some time of the processor; a key that is not ours is refused before that.
async fn first_party(app: &App, visit: &mut Visit, token: &str) -> Result<FirstParty, Problem> {
    let known = seen_token(app.identity.sessions.known_token(token));
    prove(app, visit, known, async |()| {
        let (identity, token) = (Arc::clone(&app.identity), token.to_owned());
        let found = app.cross(async move { identity.sessions.fill_token(&token).await }).await??;
        Ok(seen_token(found))
    })
    .await
}

fn seen_token(shown: ShownToken) -> Seen<FirstParty, ()> {
    match shown {
        ShownToken::Verified(token) => Seen::Good(token),
        ShownToken::NeedsFill => Seen::Signed(()),
        ShownToken::TenantStopped(tenant) => Seen::Spared(tenants::stopped(&tenant).unwrap_or_else(token_refused)),
        ShownToken::Refused(_) | ShownToken::Ended => Seen::Wrong(token_refused(), Offence::Credential, None),
    }
}

fn token_refused() -> Problem {
    let sentence = "This token is over, was ended with its session, or is none of ours. Exchange the session for another one, then send this once more.";
    Problem::new(Kind::Unauthorized, sentence).code("token_refused")
}

/// A management key, for the platform's own lists. Another kind of credential is not looked at.
pub(super) async fn management_key(app: &App, visit: &mut Visit, token: &str) -> Result<Arc<Principal>, Problem> {
    let keys = &app.identity.management_keys;
    prove(app, visit, seen_management_key(keys.known(token)), async |pending| {
        let keys = keys.clone();
        let found = app.cross(async move { keys.fill(&pending).await }).await?;
        Ok(seen_management_key(found.map_err(Problem::unavailable)?))
    })
    .await
}

fn seen_management_key(presented: directory::Presented) -> Seen<Arc<Principal>, directory::Pending> {
    match presented {
        directory::Presented::Verified(principal) => Seen::Good(principal),
        directory::Presented::NeedsFill(pending) => Seen::Unknown(pending),
        directory::Presented::NotPresented => Seen::Spared(management_key_needed()),
        directory::Presented::Refused => Seen::Wrong(management_key_refused(), Offence::Credential, None),
    }
}

fn management_key_refused() -> Problem {
    let sentence =
        "This management key is unknown, revoked or mistyped. `tenantry management-keys create` makes another one.";
    Problem::new(Kind::Unauthorized, sentence).code("key_refused")
}

pub(super) fn management_key_needed() -> Problem {
    let sentence = "This list is of the whole platform. Send a management key as `Authorization: Bearer mk_…`; `tenantry management-keys create` makes one.";
    Problem::new(Kind::Unauthorized, sentence).code("management_key_needed")
}

/// A working key from an address that it does not name.
fn address_refused() -> Problem {
    let sentence = "This API key does not work from this address. Call from one of its networks, or ask whoever manages the workspace's keys to add yours.";
    Problem::new(Kind::Forbidden, sentence).code("address_not_allowed")
}

fn key_refused() -> Problem {
    Problem::new(
        Kind::Unauthorized,
        "This API key is unknown, revoked, expired or mistyped. Create another one in the console under API keys.",
    )
    .code("key_refused")
}

/// A scheduler's secret, from the networks that may present it. It is not even compared for whoever has failed too often.
async fn cron(app: &App, visit: &mut Visit, token: &str) -> Result<Arc<Principal>, Problem> {
    let (ip, tenant, mode) = (visit.ip, visit.tenant().as_deref().cloned(), visit.mode());
    let compared = async |()| {
        Ok(if is_scheduler(app, ip, token) {
            Seen::Good(())
        } else {
            Seen::Wrong(cron_refused(), Offence::Credential, None)
        })
    };
    prove(app, visit, Seen::Unknown(()), compared).await?;
    Ok(Arc::new(Principal::vouch(Parts {
        realm: Realm::Staff,
        credential: Credential::Cron("cron".to_owned()),
        tenant,
        mode,
        person: None,
        roles: Vec::new(),
        permissions: Arc::new(PermissionSet::default()),
        auth_time: None,
        amr: Vec::new(),
    })))
}

fn is_scheduler(app: &App, ip: IpAddr, token: &str) -> bool {
    let networks = &app.config.cron.allow_from;
    let is_from_there = networks.is_empty() || networks.iter().any(|network| network.contains(&ip));
    let matches = |secret: &SecretString| bool::from(secret.expose_secret().as_bytes().ct_eq(token.as_bytes()));
    // Each secret is compared, in constant time, so that the time does not tell which one it was.
    is_from_there & app.cron.iter().map(matches).fold(false, |found, one| found | one)
}

fn cron_refused() -> Problem {
    Problem::new(Kind::Unauthorized, "The cron secret is wrong, or this address may not present it.")
        .code("cron_refused")
}

impl Visit {
    /// Refuses whoever has shown too many wrong credentials, before anybody is asked about another one.
    async fn check_failures(&self, app: &App) -> Result<(), Problem> {
        let verdict = app.limiter.look(app.ground.clock.now_ms(), &[self.failure(app)]).await;
        if verdict.is_admitted() {
            return Ok(());
        }
        self.offend_unknown(app, Offence::Limit);
        Err(too_many(&verdict, app.limiter.limits()))
    }

    /// Spends of the budget that only failures are charged to.
    pub(super) async fn charge_failure(&self, app: &App) {
        app.limiter.spend(app.ground.clock.now_ms(), &[self.failure(app)]).await;
    }

    fn failure(&self, app: &App) -> Charge {
        app.limiter.charge(TierId::CREDENTIAL_FAILURE_IP, Subject::Address(self.ip))
    }

    /// Whether the host belongs to a tenant.
    pub(super) fn is_tenant_host(&self) -> bool {
        self.site.as_ref().is_some_and(|site| site.mode().is_some())
    }

    /// The mode that the credential names, or else the host.
    pub(super) fn mode(&self) -> Option<Mode> {
        let of_credential = self.principal.as_ref().and_then(|principal| principal.parts().mode);
        of_credential.or_else(|| self.site.as_ref().and_then(super::host::Site::mode))
    }
}
