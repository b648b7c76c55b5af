//! Opening a session: at sign-in the root, by hand-off a child.

use ::http::HeaderValue;
use serde_json::{Value, json};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_platform::db::{Context, Control, DbFault, TenantTx};
use tenantry_platform::events::EventKind;
use tenantry_platform::ground::Ground;
use tenantry_platform::http::{clear_cookie, set_cookie};
use tenantry_platform::permit::{Authenticate, Permit};
use tenantry_platform::problem::Problem;
use tenantry_platform::record::{self, Act, Note};

use super::access::AccessClaims;
use super::list::end_beyond_most;
use super::refresh_token::RefreshToken;
use super::staff::Key;
use super::store::{self, NewSession, Rotation};
use super::{ACCESS_COOKIE, REFRESH_COOKIE, Sessions};
use crate::events;

/// How somebody proved who they are (RFC 8176).
pub(crate) const BY_PASSWORD: &str = "pwd";

/// A session that was just opened or refreshed: what the browser gets once the transaction is committed.
#[derive(Debug)]
pub struct Opened {
    /// Which.
    pub key: Key,
    /// `Set-Cookie`, both.
    pub cookies: Vec<HeaderValue>,
}

impl Sessions {
    /// Opens a central session in the caller's transaction, which names the person. `None`: the person is not
    /// active. The person's row is held until the commit, so whoever deactivates them meanwhile ends this one too.
    /// Whoever is signed in too often is signed out where they were not for the longest time, so the caller fences.
    pub(crate) async fn open_root(
        &self,
        tx: &mut TenantTx<Control>,
        person: PersonId,
        amr: &str,
    ) -> Result<Option<Opened>, Problem> {
        if store::lock_person(tx, person).await?.is_none() {
            return Ok(None);
        }
        let (now, id) = (self.ground.now(), SessionId::new(&self.ground.clock, &self.ground.entropy));
        let expires_at = now.checked_add(self.options.sessions.absolute).unwrap_or(Timestamp::MAX);
        let proof = store::Parent { root: id, auth_time: now, amr: vec![amr.to_owned()], expires_at };
        let host = self.access.issuer().to_owned();
        self.insert(tx, id, None, &proof, &host, None).await?;
        end_beyond_most(tx, &self.ground).await?;
        let first = Rotation { root: id, tenant: None, expires_at, counter: 0 };
        Ok(Some(self.cookies(Key { person, session: id }, &first, &host)?))
    }

    /// Opens a child on a tenant's host, under the context of that tenant and person. `None`: the parent is over,
    /// or the person no longer active.
    pub(crate) async fn open_child(
        &self,
        tx: &mut TenantTx<Control>,
        parent: Key,
        host: &str,
        tenant: (TenantId, Mode),
    ) -> Result<Option<Opened>, Problem> {
        if store::lock_person(tx, parent.person).await?.is_none() {
            return Ok(None);
        }
        let Some(proof) = store::lock_parent(tx, parent.session, self.ground.now()).await? else { return Ok(None) };
        let id = SessionId::new(&self.ground.clock, &self.ground.entropy);
        self.insert(tx, id, Some(parent.session), &proof, host, Some(tenant)).await?;
        let first = Rotation { root: proof.root, tenant: Some(tenant), expires_at: proof.expires_at, counter: 0 };
        Ok(Some(self.cookies(Key { person: parent.person, session: id }, &first, host)?))
    }

    async fn insert(
        &self,
        tx: &mut TenantTx<Control>,
        id: SessionId,
        parent: Option<SessionId>,
        proof: &store::Parent,
        host: &str,
        tenant: Option<(TenantId, Mode)>,
    ) -> Result<(), DbFault> {
        let origin = tx.acting().origin.clone();
        let new = NewSession {
            id,
            root: proof.root,
            parent,
            host,
            tenant,
            auth_time: proof.auth_time,
            amr: proof.amr.clone(),
            ip: origin.ip,
            user_agent: origin.user_agent,
            now: self.ground.now(),
            expires_at: proof.expires_at,
        };
        store::insert(tx, &new).await
    }

    /// Both cookies of a session at a rotation.
    pub(super) fn cookies(&self, key: Key, at: &Rotation, host: &str) -> Result<Opened, Problem> {
        let now = self.ground.now();
        let left_s = u64::try_from(at.expires_at.duration_since(now).as_secs()).unwrap_or(0);
        let access_s = self.options.sessions.access.as_secs().min(left_s);
        let now_s = self.ground.clock.now_s();
        let claims = AccessClaims {
            iss: self.access.issuer().to_owned(),
            aud: host.to_owned(),
            sub: key.person,
            sid: key.session,
            root: at.root,
            rot: at.counter,
            tid: at.tenant.map(|(tenant, _)| tenant),
            mode: at.tenant.map(|(_, mode)| mode),
            iat: now_s,
            exp: now_s + access_s,
        };
        let access = self.access.sign(&claims, now).map_err(Problem::internal)?;
        let refresh = self.refreshes.write(&RefreshToken { key, counter: at.counter });
        let cookies = vec![set_cookie(ACCESS_COOKIE, &access, access_s), set_cookie(REFRESH_COOKIE, &refresh, left_s)];
        Ok(Opened { key, cookies })
    }
}

/// `Set-Cookie` that takes both cookies away from a host.
pub(crate) fn no_cookies() -> Vec<HeaderValue> {
    vec![clear_cookie(ACCESS_COOKIE), clear_cookie(REFRESH_COOKIE)]
}

/// What happened to a session, for the log and for the app.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) act: Act,
    pub(crate) kind: &'static EventKind,
    pub(crate) data: Value,
}

impl Told {
    /// In the tenant of the transaction alone.
    pub(crate) async fn note(self, tx: &mut TenantTx<Control>, ground: &Ground) -> Result<(), DbFault> {
        record::append(tx, ground, self.act).await?;
        record::emit(tx, ground, self.kind, self.data).await.map(drop)
    }
}

/// Writes an act into the log of each tenant that the person of the transaction is a member of, in that same
/// transaction. Answers which tenants these are.
pub(crate) async fn record_everywhere(
    ground: &Ground,
    tx: &mut TenantTx<Control>,
    act: &Act,
) -> Result<Vec<TenantId>, DbFault> {
    everywhere(ground, tx, |_| act.clone(), None).await
}

/// The same with the event that tells each of these tenants' apps.
pub(crate) async fn tell_everywhere(
    ground: &Ground,
    tx: &mut TenantTx<Control>,
    told: &Told,
) -> Result<Vec<TenantId>, DbFault> {
    everywhere(ground, tx, |_| told.act.clone(), Some((told.kind, &told.data))).await
}

/// The same where one tenant's log says what is none of the others' business.
pub(crate) async fn tell_each(
    ground: &Ground,
    tx: &mut TenantTx<Control>,
    act: impl Fn(TenantId) -> Act,
    event: (&'static EventKind, &Value),
) -> Result<Vec<TenantId>, DbFault> {
    everywhere(ground, tx, act, Some(event)).await
}

async fn everywhere(
    ground: &Ground,
    tx: &mut TenantTx<Control>,
    act: impl Fn(TenantId) -> Act,
    event: Option<(&'static EventKind, &Value)>,
) -> Result<Vec<TenantId>, DbFault> {
    let tenants: Vec<TenantId> = store::memberships(tx).await?.into_iter().map(|found| found.tenant.id).collect();
    let there = |tenant: &TenantId| system(Context { tenant: Some(*tenant), ..tx.context() }, tx);
    let there: Vec<_> = tenants.iter().map(there).collect();
    let event = event.map(|(kind, data)| (kind, data.clone()));
    let note = |tenant: &TenantId| vec![Note { act: act(*tenant), event: event.clone() }];
    let logs: Vec<_> = there.iter().zip(&tenants).map(|(permit, tenant)| (permit, note(tenant))).collect();
    record::append_each(tx, ground, &logs).await?;
    Ok(tenants)
}

/// `session.created`, for the log and for the app.
pub(crate) fn created(key: Key, host: &str) -> Told {
    let act = Act::new("session.created", "session", key.session).with(json!({ "host": host }));
    let data = json!({ "id": key.session, "person_id": key.person, "host": host });
    Told { act, kind: &events::SESSION_CREATED, data }
}

/// The same actor, in another context.
fn system(context: Context, tx: &TenantTx<Control>) -> Permit<Authenticate, Control> {
    let acting = tx.acting().clone();
    Permit::system(context, acting.actor, acting.origin)
}
