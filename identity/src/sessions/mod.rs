//! Sessions of staff: one tree a sign-in, with the central session as its root and a child on each tenant's host.
//!
//! What must always hold (ID-5, ID-8, ID-9, ID-11):
//!
//! - Every host has its own `__Host-` cookies; a token names its host (`aud`) and is refused at any other.
//! - A signature never suffices: the session that a token names must live in the cache of the current
//!   generation, and `exp` is looked at each time.
//! - A session is one row. Its refresh tokens are computed from a counter that only compare-and-swap moves.
//!   The predecessor of the newest token gives that same token again until it is first used, and a moment
//!   after; an older one means that two hold the session, and ends the whole tree.
//! - Ending a session ends its tree, on every host, before the call returns. Signing out does that from
//!   whichever host it is asked.
//! - A session is exchanged for a bearer token of one workspace and mode, for five minutes. It ends with the session.
//! - A child is born only by hand-off: a code of 30 seconds, for one host, redeemed once, by the browser that
//!   asked for it. It never outlives its root.

mod access;
mod end;
mod first_party;
mod handoff;
pub mod http;
mod list;
mod open;
pub mod page;
mod refresh;
mod refresh_token;
mod staff;
mod store;
mod tokens;

pub(crate) use end::end_in_tenant;
pub use end::{end_everything, sweep};
pub use first_party::{FirstParty, Issued, ShownToken};
pub use handoff::{Asked, Offer};
pub use http::SignedIn;
pub use open::Opened;
pub use refresh::{Refreshed, Reuse};
pub use staff::{Key, Membership, StaffSession};

pub(crate) use end::end_others;
pub(crate) use list::{Tree, end_other_trees, end_tree, trees};
pub(crate) use open::{BY_PASSWORD, Told, created, no_cookies, record_everywhere, tell_everywhere};
pub(crate) use store::memberships as memberships_of;

use std::sync::Arc;

use ::http::HeaderMap;
use tenantry_core::token::TokenFault;
use tenantry_platform::cache::{self, Cache};
use tenantry_platform::ground::Ground;
use tenantry_platform::http::cookie;
use tenantry_platform::problem::Problem;

use crate::Options;
use crate::afterwards::Afterwards;
use access::{AccessClaims, AccessTokens};
use first_party::FirstPartyClaims;
use refresh_token::RefreshTokens;
use tokens::Tokens;

/// The access token's cookie.
pub const ACCESS_COOKIE: &str = "__Host-tenantry";
/// The refresh token's cookie.
pub const REFRESH_COOKIE: &str = "__Host-tenantry-refresh";
/// Sessions kept in memory: about 1 KB each.
const CACHED_MOST: usize = 50_000;

/// Everything about sessions of staff.
#[derive(Debug)]
pub struct Sessions {
    ground: Ground,
    options: Options,
    cache: Cache<Key, StaffSession>,
    access: AccessTokens,
    first_party: Tokens<FirstPartyClaims>,
    /// Whom first-party tokens are for: the app's API.
    audience: String,
    refreshes: RefreshTokens,
    afterwards: Afterwards,
}

/// What the cookies of a request are worth.
#[derive(Clone, Debug)]
pub enum Known {
    /// No cookie of ours.
    NotPresented,
    /// A living session.
    Verified(Arc<StaffSession>),
    /// Something that is not, or no longer, believed.
    Refused(Refusal),
    /// A good token of a session that nobody has looked up yet: ask [`Sessions::fill`].
    NeedsFill,
}

/// Why cookies are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The access token is over, or gone with its cookie; a refresh token is there.
    #[error("the access token is over; the refresh token may give another")]
    Stale,
    /// The access token is not one of ours for this host, or is over.
    #[error("{0}")]
    Token(TokenFault),
    /// The session was ended, or is too old.
    #[error("the session is over")]
    Ended,
}

impl Refusal {
    /// Whether [`Sessions::refresh`] may help.
    pub const fn may_refresh(self) -> bool {
        matches!(self, Self::Stale)
    }
}

impl Sessions {
    /// Nothing in memory yet.
    pub fn new(ground: &Ground, options: &Options, afterwards: Afterwards) -> Self {
        Self {
            ground: ground.clone(),
            options: options.clone(),
            cache: Cache::counted(&ground.feed, CACHED_MOST, &ground.metrics, "sessions"),
            access: AccessTokens::new(ground, options.central_origin()),
            first_party: Tokens::new(ground, options.central_origin()),
            audience: options.hosts.origin(&options.hosts.api()),
            refreshes: RefreshTokens::new(&ground.sealer),
            afterwards,
        }
    }

    /// What the cookies are worth on this host, from memory.
    pub fn known(&self, headers: &HeaderMap, host_origin: &str) -> Known {
        let claims = match self.presented(headers, host_origin) {
            Ok(Some(claims)) => claims,
            Ok(None) => return Known::NotPresented,
            Err(refusal) => return Known::Refused(refusal),
        };
        match self.cache.known(&claims.key()) {
            cache::Known::Yes(session) => self.judge(&claims, session, host_origin),
            cache::Known::No => Known::Refused(Refusal::Ended),
            cache::Known::Unknown => Known::NeedsFill,
        }
    }

    /// The same, with the session looked up where nobody knows it. Never [`Known::NeedsFill`].
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn fill(&self, headers: &HeaderMap, host_origin: &str) -> Result<Known, Problem> {
        let claims = match self.presented(headers, host_origin) {
            Ok(Some(claims)) => claims,
            Ok(None) => return Ok(Known::NotPresented),
            Err(refusal) => return Ok(Known::Refused(refusal)),
        };
        Ok(match self.find(claims.key()).await? {
            Some(session) => self.judge(&claims, session, host_origin),
            None => Known::Refused(Refusal::Ended),
        })
    }

    /// A session that was found before, as it is now. `None`: it is over.
    ///
    /// # Errors
    /// When the database does not answer and nothing is known.
    pub async fn again(&self, session: &StaffSession) -> Result<Option<Arc<StaffSession>>, Problem> {
        let key = Key { person: session.person().id, session: session.id };
        let found = self.find(key).await?;
        Ok(found.filter(|found| found.holds(&session.host, self.ground.now())))
    }

    /// A living session by its name, from memory or looked up.
    pub(crate) async fn find(&self, key: Key) -> Result<Option<Arc<StaffSession>>, Problem> {
        let load = || staff::load(self.ground.clone(), Arc::clone(&self.options.roles), key);
        self.cache.find(&key, load).await.map_err(Problem::unavailable)
    }

    /// The claims of the access cookie. None: nothing of ours was sent.
    fn presented(&self, headers: &HeaderMap, host_origin: &str) -> Result<Option<Arc<AccessClaims>>, Refusal> {
        let refreshable = cookie(headers, REFRESH_COOKIE).is_some();
        let Some(token) = cookie(headers, ACCESS_COOKIE) else {
            return if refreshable { Err(Refusal::Stale) } else { Ok(None) };
        };
        self.access.verify(token, host_origin).map(Some).map_err(|fault| match fault {
            // A key that is no longer known has only signed tokens that are over.
            TokenFault::Expired | TokenFault::UnknownKey if refreshable => Refusal::Stale,
            fault => Refusal::Token(fault),
        })
    }

    fn judge(&self, claims: &AccessClaims, session: Arc<StaffSession>, host_origin: &str) -> Known {
        if !session.holds(host_origin, self.ground.now()) {
            return Known::Refused(Refusal::Ended);
        }
        self.note_use(claims, &session);
        Known::Verified(session)
    }
}
