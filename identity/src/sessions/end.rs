//! Ending sessions: by signing out, for a person altogether, and sweeping up what ended long ago.

use ::http::{HeaderMap, HeaderValue};
use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, SessionId};
use tenantry_platform::db::{Context, Control, DbFault, TenantTx};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::http::cookie;
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::Act;

use super::open::{Told, no_cookies, tell_everywhere};
use super::staff::Key;
use super::store;
use super::{Known, REFRESH_COOKIE, Sessions};
use crate::events;

/// How long an ended session is kept: as long as one may live, so that the reuse of its tokens can be told.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);

impl Sessions {
    /// Signs out on all hosts: ends the tree of whatever session the cookies name. Answers the cookies to take
    /// away, also when there was no session.
    ///
    /// # Errors
    /// When the database does not answer; the person is still signed in then.
    pub async fn sign_out(
        &self,
        headers: &HeaderMap,
        host_origin: &str,
        origin: Origin,
    ) -> Result<Vec<HeaderValue>, Problem> {
        if let Some((key, actor)) = self.who_leaves(headers, host_origin).await? {
            let context = Context { tenant: None, person: Some(key.person) };
            let tx = Permit::<Authenticate, Control>::system(context, actor, origin).begin(&self.ground);
            self.end(tx, key).await?;
        }
        Ok(no_cookies())
    }

    /// Ends the session that this browser had, after somebody signed in anew (ASVS 7.2.4). They are signed in
    /// either way: what fails here is logged, and ends by the clock.
    pub(crate) async fn leave_previous(&self, headers: &HeaderMap, host_origin: &str, origin: Origin) {
        if let Err(problem) = self.sign_out(headers, host_origin, origin).await {
            tracing::warn!(%problem, "the previous session of a browser could not be ended");
        }
    }

    /// The session that the access token names, or, when that is over, the refresh token.
    async fn who_leaves(&self, headers: &HeaderMap, host_origin: &str) -> Result<Option<(Key, Actor)>, Problem> {
        if let Known::Verified(session) = self.fill(headers, host_origin).await? {
            let key = Key { person: session.person().id, session: session.id };
            return Ok(Some((key, Actor::person(session.person()))));
        }
        let token = cookie(headers, REFRESH_COOKIE).and_then(|text| self.refreshes.read(text));
        Ok(token.map(|token| (token.key, Actor::system("session", token.key.session.to_string()))))
    }

    async fn end(&self, mut tx: TenantTx<Control>, key: Key) -> Result<(), DbFault> {
        let Some(standing) = store::find_rotation(&mut tx, key.session).await? else { return tx.commit().await };
        let root = standing.rotation.root;
        if !store::end_tree(&mut tx, root, self.ground.now(), "sign_out").await? {
            return tx.commit().await;
        }
        let act = Act::new("session.ended", "session", key.session);
        let data = json!({ "id": key.session, "person_id": key.person });
        tell_everywhere(&self.ground, &mut tx, &Told { act, kind: &events::SESSION_ENDED, data }).await?;
        tx.announce(&self.ground, Change { kind: ChangeKind::Session, subject: root.uuid() }).await?;
        tx.commit_and_fence(&self.ground).await.map(drop)
    }
}

/// Ends a person's sessions at the hosts of the transaction's tenant, and comes back to its context: who is let in
/// again signs in again. The caller announces the person.
pub(crate) async fn end_in_tenant(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    reason: &str,
) -> Result<(), DbFault> {
    let (home, acting) = (tx.context(), tx.acting().clone());
    let at = |context| Permit::<Authenticate, Control>::system(context, acting.actor.clone(), acting.origin.clone());
    let Some(tenant) = home.tenant else { return Ok(()) };
    tx.turn_to(&at(Context { tenant: None, person: Some(person) })).await?;
    store::end_of_tenant(tx, tenant, ground.now(), reason).await?;
    tx.turn_to(&at(home)).await
}

/// Ends every session of the transaction's person. The caller commits and fences.
///
/// # Errors
/// When the database says no; nothing has ended then.
pub async fn end_everything(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    person: PersonId,
    reason: &str,
) -> Result<(), DbFault> {
    store::lock_all(tx).await?;
    store::end_all(tx, ground.now(), reason).await?;
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: person.uuid() }).await
}

/// Ends every session of the transaction's person but one tree, and answers which trees ended. The caller commits
/// and fences.
pub(crate) async fn end_others(
    tx: &mut TenantTx<Control>,
    ground: &Ground,
    keep: Key,
    reason: &str,
) -> Result<Vec<SessionId>, DbFault> {
    store::lock_all(tx).await?;
    let ended = store::end_others(tx, keep.session, ground.now(), reason).await?;
    // The person's and not each tree's: what the cache knows of the session that goes on is read anew as well.
    tx.announce(ground, Change { kind: ChangeKind::Person, subject: keep.person.uuid() }).await?;
    Ok(ended)
}

/// Deletes links, hand-off codes and reservations that are over, and sessions and changes of long ago. Run hourly.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    let now = ground.now();
    store::sweep(ground, now, now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)).await
}
