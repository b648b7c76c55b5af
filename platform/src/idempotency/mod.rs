//! `Idempotency-Key`: a request that is sent again has its effect once (WEB-8).
//!
//! What must always hold:
//!
//! - A key belongs to one tenant and mode. Two that are alike in two tenants know nothing of each other.
//! - The record, the change, its audit row and its event commit together or not at all: a request that is refused,
//!   fails or is cut off leaves no record, and the key is free again.
//! - Of two at once the second waits for the first one's end, within a bound, and then gets the same answer; beyond
//!   the bound it gets 409 and changes nothing.
//! - Another principal, route or payload with a known key gets 422, and nothing of the first answer.
//! - What is kept is sealed for its row, and never holds a secret that is shown once.
//!
//! A handler takes [`Idempotency`], asks [`Idempotency::claim`] before its verb and ends in
//! [`Idempotency::commit`]. Without the header both do nothing more than a commit does.

mod key;
mod payload;
mod store;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use serde::Serialize;
use tenantry_core::mode::Mode as ModeWord;
use utoipa::IntoParams;

use crate::db::{Everywhere, In, Plane, Served, TenantTx};
use crate::feed::Reach;
use crate::ground::Ground;
use crate::http::Caller;
use crate::problem::{Kind, Problem};

use key::Key;
pub use payload::read;
pub use store::sweep;
use store::{Claim, Kept};

/// The request's header (draft-ietf-httpapi-idempotency-key-header-07).
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept: published, so that clients know until when they may send a request again. A day
/// outlives a night's outage of theirs.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// What a client waits after 409. The first request has ended by then, or will not be waited for.
const RETRY_AFTER_S: u64 = 1;

/// The header, as the description of the API tells of it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyHeader {
    /// 1 to 255 visible ASCII characters that the client makes up for this request, such as a UUID. Sent again with
    /// the same key within 24 hours, the request has no second effect: it gets the first answer, with
    /// `Idempotency-Replayed: true` and without secrets that are shown once. A request that failed may be sent again
    /// with its key. 409 `idempotency_in_progress`: the first one is under way. 422 `idempotency_key_reused`: the key
    /// stands for another request or credential.
    #[param(rename = "Idempotency-Key", value_type = Option<String>, min_length = 1, max_length = 255)]
    #[expect(dead_code, reason = "only its description is used")]
    idempotency_key: Option<String>,
}

/// What the client said of sending this request more than once.
#[derive(Debug)]
#[must_use = "a key that nobody claims lets the request have its effect twice"]
pub struct Idempotency(Option<Asked>);

/// A key, and what it was sent with.
#[derive(Debug)]
struct Asked {
    key: Key,
    mode: ModeWord,
    route: String,
    fingerprint: [u8; 32],
}

impl<S: Send + Sync> FromRequestParts<S> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(key) = key::read(&parts.headers)? else { return Ok(Self(None)) };
        let caller = Caller::from_request_parts(parts, state).await?;
        let mode = caller.principal()?.parts().mode;
        let mode = mode.ok_or_else(|| Problem::internal("an idempotency key needs a credential of a mode"))?;
        let fingerprint = payload::fingerprint(parts)
            .ok_or_else(|| Problem::internal("a route that takes Idempotency-Key was mounted without its layer"))?;
        let route = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self(Some(Asked { key, mode, route, fingerprint })))
    }
}

impl Idempotency {
    /// Claims the key for this transaction, as its first statement; or answers what was answered before. The
    /// transaction is over then.
    ///
    /// # Errors
    /// 409 when the first request is still under way, 422 when the key stands for another request.
    pub async fn claim<M: Plane + In<Served>>(
        &self,
        tx: &mut TenantTx<M>,
        ground: &Ground,
    ) -> Result<Option<Response>, Problem> {
        let Some(asked) = &self.0 else { return Ok(None) };
        let kept = match store::claim(tx, ground, asked).await? {
            Claim::Fresh => return Ok(None),
            Claim::Busy => return Err(in_progress()),
            Claim::Kept(kept) => kept,
        };
        tx.abandon().await?;
        asked.replay(ground, &kept).map(Some)
    }

    /// Keeps `body` as the answer, commits, and answers it when no cache of this process believes what was taken
    /// away.
    ///
    /// # Errors
    /// What the database says; nothing was changed then, unless the problem says otherwise.
    pub async fn commit<M: Plane + In<Served> + In<Everywhere>, T: Serialize>(
        self,
        tx: TenantTx<M>,
        ground: &Ground,
        status: StatusCode,
        body: &T,
    ) -> Result<Response, Problem> {
        let body = to_json(body)?;
        self.keep_and_fence(tx, ground, status, &body).await?;
        Ok(answer(status, body))
    }

    /// The same where the first answer says more than a repeated one may: a secret that is shown once, or how far
    /// a revocation has come.
    ///
    /// # Errors
    /// As [`Idempotency::commit`].
    pub async fn commit_showing<M: Plane + In<Served> + In<Everywhere>, T: Serialize, U: Serialize>(
        self,
        tx: TenantTx<M>,
        ground: &Ground,
        status: StatusCode,
        kept: &T,
        shown: impl FnOnce(Reach) -> U,
    ) -> Result<Response, Problem> {
        let reach = self.keep_and_fence(tx, ground, status, &to_json(kept)?).await?;
        Ok(answer(status, to_json(&shown(reach))?))
    }

    async fn keep_and_fence<M: Plane + In<Served> + In<Everywhere>>(
        self,
        mut tx: TenantTx<M>,
        ground: &Ground,
        status: StatusCode,
        body: &[u8],
    ) -> Result<Reach, Problem> {
        if let Some(asked) = &self.0 {
            store::keep(&mut tx, ground, asked, status, body).await?;
        }
        Ok(tx.commit_and_fence(ground).await?)
    }
}

impl Asked {
    fn replay(&self, ground: &Ground, kept: &Kept) -> Result<Response, Problem> {
        if !kept.is_of_this_request {
            return Err(reused());
        }
        let body = store::open(ground, self, kept)?;
        let mut response = answer(kept.status, body);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(Problem::internal)
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}

fn in_progress() -> Problem {
    let sentence = "A request with this `Idempotency-Key` is under way. Nothing was changed by this one. Send it again in a moment, with the same key: it then gets the first one's answer.";
    Problem::new(Kind::Conflict, sentence).code("idempotency_in_progress").retry_after(RETRY_AFTER_S)
}

fn reused() -> Problem {
    let sentence = "This `Idempotency-Key` was used for another request within the last 24 hours. Nothing was changed. Send a repeated request exactly as it was, with the same credential; give a new request a new key.";
    Problem::new(Kind::Invalid, sentence).code("idempotency_key_reused")
}
