//! What an answer or an upgraded connection depends on, for as long as it goes on [KEY-3 ID-11 AC-12].
//!
//! A request is judged once; a WebSocket, an event stream or a long download would outlive the session, the key or the
//! tenant that it was opened with. So it is asked again and again whether anything that it depends on has changed. Once something has, it
//! is judged anew, by what it would meet now, and closed unless it would be let in.
//!
//! What must always hold:
//!
//! - After a change that names what it depends on, it is judged or closed within the second, whatever the database does.
//! - When everything cached is void at once, nobody in particular was revoked: all are judged anew, a few at a time, and
//!   those who would be let in stay. A change that names one of them meanwhile is not kept waiting.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Uri};
use tenantry_core::clock::Timestamp;
use tenantry_core::path::CleanPath;
use tenantry_edge::gateway::{ASK_EVERY, Found, Handshake, Outcome, Place, Stay, StillMay, Upgrade, admit, origin};
use tenantry_identity::apikeys::{Presented, VerifiedKey};
use tenantry_identity::sessions::{FirstParty, ShownToken, StaffSession};
use tenantry_identity::tenants;
use tenantry_platform::cache::Depends as _;
use tenantry_platform::config::Cors;
use tenantry_platform::feed::Doubt;
use tenantry_platform::permit::{Principal, TenantRef};
use tenantry_platform::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use uuid::Uuid;

use super::answer::Visit;
use super::guard::{Guarded, token};
use crate::app::App;

/// For the look-ups after a change that names somebody: with the time between two questions, a second.
const NAMED_WITHIN: Duration = Duration::from_millis(750);
/// For the look-ups after everything became void at once: thousands of them, and nobody is known to be revoked.
const ALL_WITHIN: Duration = Duration::from_secs(5);
/// Over how long those begin, so that they do not arrive together.
const ALL_SPREAD_MS: u16 = 1_000;
/// Look-ups of each kind under way at a time. Both together leave a connection of a small pool to requests.
const NAMED_AT_ONCE: usize = 3;
const ALL_AT_ONCE: usize = 4;
/// Before a look-up that failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Turns at looking up who may stay: for those that a change names, and for everybody when all is void.
#[derive(Debug)]
pub struct Turns {
    named: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { named: Arc::new(Semaphore::new(NAMED_AT_ONCE)), all: Arc::new(Semaphore::new(ALL_AT_ONCE)) }
    }
}

/// Held for as long as a look-up takes, also when nobody waits for it any more.
type Turn = Arc<OwnedSemaphorePermit>;

impl Turns {
    async fn take(&self, doubt: Doubt) -> Result<Turn, Problem> {
        let turns = if doubt == Doubt::Named { &self.named } else { &self.all };
        Arc::clone(turns).acquire_owned().await.map(Arc::new).map_err(Problem::internal)
    }
}

/// The credential that a guard verified.
#[derive(Clone, Debug)]
pub(super) enum Holder {
    Key(Arc<VerifiedKey>),
    Session(Arc<StaffSession>),
    Token(FirstParty),
}

impl Holder {
    pub(super) fn subjects(&self) -> Vec<Uuid> {
        match self {
            Self::Key(key) => key.subjects(),
            Self::Session(session) => session.subjects(),
            Self::Token(token) => token.session().subjects(),
        }
    }

    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Key(key) => key.expires_at(),
            Self::Session(session) => Some(session.expires_at),
            Self::Token(token) => Some(token.expires_at()),
        }
    }

    pub(super) fn into_session(self) -> Option<Arc<StaffSession>> {
        match self {
            Self::Key(_) | Self::Token(_) => None,
            Self::Session(session) => Some(session),
        }
    }

    fn principal(&self) -> &Arc<Principal> {
        match self {
            Self::Key(key) => key.principal(),
            Self::Session(session) => session.principal(),
            Self::Token(token) => token.principal(),
        }
    }
}

/// Grants a WebSocket: a place among the open ones.
pub(super) fn grant(app: &App, visit: &Visit, handshake: Handshake) -> Result<Upgrade, Problem> {
    let ticket = app.upgrades.admit(visit.tenant().as_ref().map(|tenant| tenant.id), visit.ip)?;
    Ok(Upgrade { handshake, ticket })
}

/// The right to hear the rest of an answer, or to talk on.
pub(super) struct Standing {
    app: Arc<App>,
    place: Place,
    ip: IpAddr,
    method: Method,
    uri: Uri,
    /// The credential of a program as it was shown, for when it is judged anew.
    shown: Option<HeaderValue>,
    now: RefCell<Known>,
}

/// What was found when it was judged last.
struct Known {
    generation: u64,
    holder: Option<Holder>,
    tenant: Option<Arc<TenantRef>>,
}

impl Standing {
    /// Of a request that was let in. `generation` was read before it was judged: a change during that counts.
    pub(super) fn of<B>(
        app: &Arc<App>,
        visit: &Visit,
        request: &Request<B>,
        generation: u64,
        holder: Option<Holder>,
    ) -> StillMay {
        let is_shown = matches!(holder, Some(Holder::Key(_) | Holder::Token(_)));
        let standing = Rc::new(Self {
            app: Arc::clone(app),
            place: visit.place(holder.as_ref().map(|holder| &**holder.principal())),
            ip: visit.ip,
            method: request.method().clone(),
            uri: request.uri().clone(),
            shown: request.headers().get(AUTHORIZATION).filter(|_| is_shown).cloned(),
            now: RefCell::new(Known { generation, holder, tenant: visit.tenant() }),
        });
        Box::new(move || Box::pin(Rc::clone(&standing).still_may()))
    }

    async fn still_may(self: Rc<Self>) -> Stay {
        while let Some(doubt) = self.doubt() {
            let within = if doubt == Doubt::Named { NAMED_WITHIN } else { ALL_WITHIN };
            tokio::select! {
                stay = self.judged(doubt) => return stay,
                () = sleep(within) => return Stay::Unknown,
                () = self.named(), if doubt == Doubt::All => {}
            }
        }
        Stay::Yes
    }

    /// What has changed since it was judged, if anything has.
    fn doubt(&self) -> Option<Doubt> {
        let (known, ground) = (self.now.borrow(), &self.app.ground);
        let mut subjects = known.holder.as_ref().map(Holder::subjects).unwrap_or_default();
        subjects.extend(known.tenant.as_ref().map(|tenant| tenant.id.uuid()));
        let expires_at = known.holder.as_ref().and_then(Holder::expires_at);
        if expires_at.is_some_and(|end| ground.now() >= end) {
            return Some(Doubt::Named);
        }
        ground.feed.doubt(known.generation, &subjects)
    }

    /// Ends when a change names what it depends on.
    async fn named(&self) {
        while self.doubt() != Some(Doubt::Named) {
            sleep(ASK_EVERY).await;
        }
    }

    /// Judges it in its turn, and again for as long as the database does not say.
    async fn judged(&self, doubt: Doubt) -> Stay {
        if doubt == Doubt::All {
            let chance = u16::from_be_bytes(self.app.ground.entropy.bytes());
            sleep(Duration::from_millis((chance % ALL_SPREAD_MS).into())).await;
        }
        loop {
            let judged = async {
                let turn = self.app.turns.take(doubt).await?;
                let generation = self.app.ground.feed.generation();
                self.judge(&turn).await.map(|(holder, tenant)| Known { generation, holder, tenant })
            };
            match judged.await {
                Ok(known) => {
                    *self.now.borrow_mut() = known;
                    return Stay::Yes;
                }
                Err(problem) if problem.status().is_server_error() => sleep(AGAIN_AFTER).await,
                Err(_) => return Stay::No,
            }
        }
    }

    /// The steps that let it in, by what is true now.
    async fn judge(&self, turn: &Turn) -> Result<(Option<Holder>, Option<Arc<TenantRef>>), Problem> {
        let (holder, tenant) = {
            let known = self.now.borrow();
            (known.holder.clone(), known.tenant.clone())
        };
        let tenant = self.tenant(tenant, turn).await?;
        let holder = match holder {
            Some(Holder::Key(_)) => Some(self.key(turn).await?),
            Some(Holder::Session(session)) => Some(self.session(session, turn).await?),
            Some(Holder::Token(_)) => Some(self.token(turn).await?),
            None => None,
        };
        let path = CleanPath::parse(self.uri.path()).map_err(|_| Problem::not_found())?;
        let Found::Route(route) = self.app.table.find(&self.method, &path) else { return Err(Problem::not_found()) };
        if let Some(holder) = &holder {
            admit(route, Outcome::Verified(Arc::clone(holder.principal())), self.place)?;
        }
        Ok((holder, tenant))
    }

    async fn tenant(&self, known: Option<Arc<TenantRef>>, turn: &Turn) -> Result<Option<Arc<TenantRef>>, Problem> {
        let Some(known) = known else { return Ok(None) };
        let (identity, id) = (Arc::clone(&self.app.identity), known.id);
        let found = self.look_up(turn, async move { identity.tenants.by_id(id).await }).await?;
        let tenant = found.map_err(Problem::unavailable)?.ok_or_else(Problem::not_found)?;
        tenants::stopped(&tenant).map_or(Ok(Some(tenant)), Err)
    }

    async fn key(&self, turn: &Turn) -> Result<Holder, Problem> {
        let (keys, ip, now) = (self.app.identity.apikeys.clone(), self.ip, self.app.ground.now());
        let presented = match keys.known(self.shown(), ip, now) {
            Presented::NeedsFill(pending) => self
                .look_up(turn, async move { keys.fill(&pending, ip, now).await })
                .await?
                .map_err(Problem::unavailable)?,
            presented => presented,
        };
        match presented {
            Presented::Verified(key) => Ok(Holder::Key(key)),
            _ => Err(Problem::unauthorized()),
        }
    }

    async fn token(&self, turn: &Turn) -> Result<Holder, Problem> {
        let token = self.shown().to_owned();
        let identity = Arc::clone(&self.app.identity);
        match self.look_up(turn, async move { identity.sessions.fill_token(&token).await }).await?? {
            ShownToken::Verified(token) => Ok(Holder::Token(token)),
            _ => Err(Problem::unauthorized()),
        }
    }

    /// The credential as it was shown.
    fn shown(&self) -> &str {
        self.shown.as_ref().and_then(token).unwrap_or_default()
    }

    async fn session(&self, session: Arc<StaffSession>, turn: &Turn) -> Result<Holder, Problem> {
        let identity = Arc::clone(&self.app.identity);
        let found = self.look_up(turn, async move { identity.sessions.again(&session).await }).await??;
        found.map(Holder::Session).ok_or_else(Problem::unauthorized)
    }

    /// Across to the other runtime, where the turn is held until the answer is there.
    async fn look_up<T: Send + 'static>(
        &self,
        turn: &Turn,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(turn);
        self.app
            .cross(async move {
                let found = work.await;
                drop(turn);
                found
            })
            .await
    }
}

/// Every upgrade comes from a page of the host's own, or from an origin that a public route lists [WEB-3]. A
/// browser adds cookies to a WebSocket of any page, and asks nobody first. It never adds a bearer credential.
pub(super) fn check_origin<B>(
    visit: &Visit,
    guarded: &Guarded,
    cors: &Cors,
    request: &Request<B>,
) -> Result<(), Problem> {
    match guarded.holder {
        Some(Holder::Key(_) | Holder::Token(_)) => Ok(()),
        Some(Holder::Session(_)) => origin::judge(request.headers(), visit.own(), &[]).map_err(Problem::from),
        // Whoever may read as everybody shows no cookie that another site's page could use.
        None if *cors == Cors::Everybody => Ok(()),
        None => origin::judge(request.headers(), visit.own(), cors.listed()).map_err(Problem::from),
    }
}
