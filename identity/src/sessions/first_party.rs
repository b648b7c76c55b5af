//! First-party tokens: a session in exchange for five minutes of the app's API in one workspace and mode, without a
//! cookie (KEY-6, ID-8).
//!
//! What must always hold:
//!
//! - A token opens what its session opens there now, and nothing else: it ends with the session, the membership, the role
//!   that it was given for, the workspace's service, and after five minutes, whichever comes first.
//! - It is of a kind of its own: key, `typ` and audience are shared with no other token.
//! - It opens routes of the app that take it, never Tenantry's own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_core::token::TokenFault;
use tenantry_platform::cache;
use tenantry_platform::permit::{Principal, TenantRef};
use tenantry_platform::problem::Problem;
use tenantry_platform::signing::{FIRST_PARTY, Purpose};

use super::Sessions;
use super::staff::{Key, StaffSession};
use super::tokens::Claims;

/// What a first-party token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstPartyClaims {
    iss: String,
    aud: String,
    sub: PersonId,
    sid: SessionId,
    tid: TenantId,
    mode: Mode,
    /// What the person was there when it was given.
    role: String,
    iat: u64,
    exp: u64,
}

impl FirstPartyClaims {
    const fn key(&self) -> Key {
        Key { person: self.sub, session: self.sid }
    }
}

impl Claims for FirstPartyClaims {
    const PURPOSE: Purpose = Purpose::FirstParty;

    fn aud(&self) -> &str {
        &self.aud
    }

    fn exp(&self) -> u64 {
        self.exp
    }
}

/// A token that was given (RFC 6749, section 5.1).
#[derive(Serialize)]
pub struct Issued {
    access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
}

/// A token that works, with whom it acts for.
#[derive(Clone, Debug)]
pub struct FirstParty {
    session: Arc<StaffSession>,
    principal: Arc<Principal>,
    expires_at: Timestamp,
}

impl FirstParty {
    /// The session behind it, which it ends with.
    pub const fn session(&self) -> &Arc<StaffSession> {
        &self.session
    }

    /// Whom the guard vouches for: the same for as long as the session is believed.
    pub const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// Nobody believes it from here on.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// What a shown token is worth.
#[derive(Clone, Debug)]
pub enum ShownToken {
    /// It works here and now.
    Verified(FirstParty),
    /// We signed it, and its session was not looked at yet: ask [`Sessions::fill_token`].
    NeedsFill,
    /// It is none of ours, for somebody else, or over.
    Refused(TokenFault),
    /// Its session is over, or opens no longer what it was given for.
    Ended,
    /// Its workspace is not served: that answer comes first (AC-12).
    TenantStopped(TenantRef),
}

impl Sessions {
    /// Exchanges a session for a token of the workspace and mode that `principal` was vouched for there.
    ///
    /// # Errors
    /// 404 where the session has no such workspace; 503 while no key signs.
    pub fn exchange(&self, session: &StaffSession, principal: &Principal) -> Result<Issued, Problem> {
        let (Some(tenant), Some(mode)) = (&principal.parts().tenant, principal.parts().mode) else {
            return Err(Problem::not_found());
        };
        let role = session.role_in(tenant.id, mode).ok_or_else(Problem::not_found)?.to_owned();
        let (now, now_s) = (self.ground.now(), self.ground.clock.now_s());
        let left_s = u64::try_from(session.expires_at.duration_since(now).as_secs()).unwrap_or(0);
        let expires_in = FIRST_PARTY.as_secs().min(left_s);
        let claims = FirstPartyClaims {
            iss: self.first_party.issuer().to_owned(),
            aud: self.audience.clone(),
            sub: session.person().id,
            sid: session.id,
            tid: tenant.id,
            mode,
            role,
            iat: now_s,
            exp: now_s + expires_in,
        };
        let access_token = self.first_party.sign(&claims, now).map_err(Problem::unavailable)?;
        Ok(Issued { access_token, token_type: "Bearer", expires_in })
    }

    /// What a bearer token is worth, by its signature and from memory alone.
    pub fn known_token(&self, token: &str) -> ShownToken {
        let claims = match self.first_party.verify(token, &self.audience) {
            Ok(claims) => claims,
            Err(fault) => return ShownToken::Refused(fault),
        };
        match self.cache.known(&claims.key()) {
            cache::Known::Yes(session) => self.judge_token(&claims, session),
            cache::Known::No => ShownToken::Ended,
            cache::Known::Unknown => ShownToken::NeedsFill,
        }
    }

    /// The same, with the session looked up where nobody knows it. Never [`ShownToken::NeedsFill`].
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn fill_token(&self, token: &str) -> Result<ShownToken, Problem> {
        let claims = match self.first_party.verify(token, &self.audience) {
            Ok(claims) => claims,
            Err(fault) => return Ok(ShownToken::Refused(fault)),
        };
        let session = self.find(claims.key()).await?;
        Ok(session.map_or(ShownToken::Ended, |session| self.judge_token(&claims, session)))
    }

    fn judge_token(&self, claims: &FirstPartyClaims, session: Arc<StaffSession>) -> ShownToken {
        let is_as_given = session.role_in(claims.tid, claims.mode) == Some(claims.role.as_str());
        if self.ground.now() >= session.expires_at || !is_as_given {
            return ShownToken::Ended;
        }
        let Some(principal) = session.bearer_in(claims.tid, claims.mode) else { return ShownToken::Ended };
        if let Some(tenant) = principal.parts().tenant.as_ref().filter(|tenant| !tenant.status.is_served()) {
            return ShownToken::TenantStopped(tenant.clone());
        }
        let ends = i64::try_from(claims.exp).ok().and_then(|second| Timestamp::from_second(second).ok());
        let expires_at = ends.unwrap_or(session.expires_at).min(session.expires_at);
        ShownToken::Verified(FirstParty { session, principal, expires_at })
    }
}
