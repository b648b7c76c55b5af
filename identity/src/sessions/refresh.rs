//! Refreshing: the next token for the newest one, the same next token for its predecessor, and the end of the
//! tree for anything older (ID-9).

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue};
use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{self, TenantId};
use tenantry_platform::db::{Context, Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::http::cookie;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::Act;

use super::access::AccessClaims;
use super::open::{no_cookies, tell_each};
use super::refresh_token::RefreshToken;
use super::staff::StaffSession;
use super::store::{self, Rotation, Standing};
use super::{REFRESH_COOKIE, Sessions};
use crate::events;

/// What a refresh gave.
#[derive(Debug)]
pub struct Refreshed {
    /// To be set in any case: new tokens, or their removal.
    pub cookies: Vec<HeaderValue>,
    /// The session, where it lives on.
    pub session: Option<Arc<StaffSession>>,
    /// Whether the refused token was an old one, so that its whole tree was ended.
    pub reuse: Reuse,
}

/// Whether somebody presented a token that another had already used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// No.
    None,
    /// Yes: every session of the tree is over.
    TreeEnded,
}

/// What to do with a genuine token that the compare-and-swap did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// The newest token is its successor: give that one again.
    Again,
    /// Two hold this session.
    Reused,
    /// The session is over, or the token is of another host.
    Over,
}

impl Sessions {
    /// New tokens for a refresh token. One transaction, whatever comes of it.
    ///
    /// # Errors
    /// 503 when the database does not answer; the cookies stay as they are then.
    pub async fn refresh(&self, headers: &HeaderMap, host_origin: &str, origin: Origin) -> Result<Refreshed, Problem> {
        let Some(token) = cookie(headers, REFRESH_COOKIE).and_then(|text| self.refreshes.read(text)) else {
            return Ok(Refreshed::refused(Reuse::None));
        };
        let context = Context { tenant: None, person: Some(token.key.person) };
        let actor = Actor::system("session", token.key.session.to_string());
        let mut tx = Permit::<Authenticate, Control>::system(context, actor, origin).begin(&self.ground);
        let now = self.ground.now();
        let seen_after = now.checked_sub(self.options.sessions.idle).unwrap_or(Timestamp::MIN);
        if let Some(rotation) =
            store::rotate(&mut tx, token.key.session, token.counter, host_origin, now, seen_after).await?
        {
            tx.commit().await?;
            return self.give(&token, &rotation, host_origin).await;
        }
        self.refuse_or_repeat(tx, &token, host_origin, seen_after).await
    }

    async fn refuse_or_repeat(
        &self,
        mut tx: TenantTx<Control>,
        token: &RefreshToken,
        host_origin: &str,
        seen_after: Timestamp,
    ) -> Result<Refreshed, Problem> {
        let Some(standing) = store::find_rotation(&mut tx, token.key.session).await? else {
            tx.commit().await?;
            return Ok(Refreshed::refused(Reuse::None));
        };
        match self.decide(token, &standing, host_origin, seen_after) {
            Decision::Again => {
                tx.commit().await?;
                self.give(token, &standing.rotation, host_origin).await
            }
            Decision::Over => {
                tx.commit().await?;
                Ok(Refreshed::refused(Reuse::None))
            }
            Decision::Reused => {
                self.end_reused(tx, token, &standing).await?;
                Ok(Refreshed::refused(Reuse::TreeEnded))
            }
        }
    }

    fn decide(&self, token: &RefreshToken, standing: &Standing, host_origin: &str, seen_after: Timestamp) -> Decision {
        let now = self.ground.now();
        let over = standing.ended || standing.rotation.expires_at <= now || standing.last_seen_at <= seen_after;
        let grace_over =
            |used: Timestamp| used.checked_add(self.options.sessions.refresh_grace).is_ok_and(|until| until < now);
        let behind = standing.rotation.counter.checked_sub(token.counter);
        if over || standing.host != host_origin {
            return Decision::Over;
        }
        match behind {
            // The newest was refused for another reason, or the row was restored from an older copy.
            Some(i64::MIN..=0) | None => Decision::Over,
            Some(1) if !standing.successor_used_at.is_some_and(grace_over) => Decision::Again,
            Some(_) => Decision::Reused,
        }
    }

    async fn end_reused(
        &self,
        mut tx: TenantTx<Control>,
        token: &RefreshToken,
        standing: &Standing,
    ) -> Result<(), DbFault> {
        let root = standing.rotation.root;
        // Posture steals tokens of its canaries: an alarm of that would hide a real one.
        if ids::is_canary(token.key.person.uuid()) {
            tracing::info!(session = %token.key.session, %root, "an old refresh token of a canary ended its tree");
        } else {
            tracing::warn!(session = %token.key.session, %root, "an old refresh token was presented; every session of its tree is ended");
        }
        if !store::end_tree(&mut tx, root, self.ground.now(), "reuse").await? {
            return tx.commit().await;
        }
        let data = json!({ "id": token.key.session, "person_id": token.key.person });
        let act = |tenant| reuse_in(tenant, token, standing);
        tell_each(&self.ground, &mut tx, act, (&events::SESSION_REUSE_DETECTED, &data)).await?;
        tx.announce(&self.ground, Change { kind: ChangeKind::Session, subject: root.uuid() }).await?;
        tx.commit_and_fence(&self.ground).await.map(drop)
    }

    async fn give(&self, token: &RefreshToken, rotation: &Rotation, host: &str) -> Result<Refreshed, Problem> {
        let Some(session) = self.find(token.key).await? else { return Ok(Refreshed::refused(Reuse::None)) };
        let opened = self.cookies(token.key, rotation, host)?;
        Ok(Refreshed { cookies: opened.cookies, session: Some(session), reuse: Reuse::None })
    }

    /// The first sight of an access token proves that its refresh token arrived. Written once a rotation, after
    /// the answer.
    pub(super) fn note_use(&self, claims: &AccessClaims, session: &Arc<StaffSession>) {
        if !session.is_first_use(claims.rot) {
            return;
        }
        let (ground, session, rotation, at) = (self.ground.clone(), Arc::clone(session), claims.rot, self.ground.now());
        let again = Arc::clone(&session);
        let taken = self.afterwards.push("the use of a session's token", async move {
            let written = mark_used(&ground, &session, rotation, at).await;
            written.inspect_err(|_| session.forget_use(rotation))
        });
        if !taken {
            again.forget_use(rotation);
        }
    }
}

async fn mark_used(
    ground: &tenantry_platform::ground::Ground,
    session: &StaffSession,
    rotation: i64,
    at: Timestamp,
) -> Result<(), DbFault> {
    let context = Context { tenant: None, person: Some(session.person().id) };
    let actor = Actor::system("session", session.id.to_string());
    let mut tx = Permit::<Authenticate, Control>::system(context, actor, Origin::default()).begin(ground);
    store::mark_used(&mut tx, session.id, rotation, at).await?;
    tx.commit().await
}

/// What a tenant's log says of it. Where else the person works is none of its business: a tenant's host is named to that
/// tenant alone, the central one to all.
fn reuse_in(tenant: TenantId, token: &RefreshToken, standing: &Standing) -> Act {
    let mut facts = json!({ "presented": token.counter, "newest": standing.rotation.counter });
    if standing.rotation.tenant.is_none_or(|(own, _)| own == tenant) {
        facts["host"] = json!(standing.host);
    }
    Act::new("session.reuse_detected", "session", token.key.session).with(facts)
}

impl Refreshed {
    fn refused(reuse: Reuse) -> Self {
        Self { cookies: no_cookies(), session: None, reuse }
    }
}
