//! What a request says, as 32 bytes: method, path, query and body.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tenantry_core::canonical::{self, Fields};
use tenantry_core::strict_json;

use super::HEADER;
use crate::http::read_body;

/// The digest of the body, put beside the request before its handler takes the body away.
#[derive(Clone, Copy, Debug)]
struct BodyDigest([u8; 32]);

/// The layer of every route that takes a key. Without the header it does nothing.
pub async fn read(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match read_body(Request::from_parts(parts.clone(), body)).await {
        Ok(bytes) => {
            parts.extensions.insert(BodyDigest(digest(&bytes)));
            next.run(Request::from_parts(parts, bytes.into())).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Of the whole request; `None` where the layer was not there.
pub(super) fn fingerprint(parts: &Parts) -> Option<[u8; 32]> {
    let BodyDigest(body) = parts.extensions.get::<BodyDigest>()?;
    let said = Fields::new("tenantry/idempotency/v1")
        .text(parts.method.as_str())
        .text(parts.uri.path())
        .optional(parts.uri.query().map(str::as_bytes))
        .bytes(body);
    Some(Sha256::digest(said.as_bytes()).into())
}

/// Of one JSON value, however it is spelled: a client that writes its members in another order repeats itself. What
/// is not JSON, or names a member twice, counts as it stands.
fn digest(body: &[u8]) -> [u8; 32] {
    let said = match strict_json::from_slice::<Value>(body) {
        Ok(value) => Fields::new("json").text(&canonical::json(&value)),
        Err(_) => Fields::new("bytes").bytes(body),
    };
    Sha256::digest(said.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_same_in_any_spelling_and_another_with_any_other_value() {
        let first = digest(br#"{"name":"CI","scopes":["a","b"]}"#);
        assert_eq!(first, digest(b"{ \"scopes\": [\"a\", \"b\"],\n \"name\": \"\\u0043I\" }"));
        for other in [&br#"{"name":"CI","scopes":["b","a"]}"#[..], br#"{"name":"CI"}"#, b"", b"{}", b"CI"] {
            assert_ne!(first, digest(other));
        }
        assert_ne!(digest(br#"{"a":1,"a":2}"#), digest(br#"{"a":2}"#), "nobody can say which one is meant");
    }
}
