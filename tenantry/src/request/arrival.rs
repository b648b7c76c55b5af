//! The body of a request of our own, taken in before its handler runs.
//!
//! A guard judges a head. The body may follow for as long as the client likes to trickle it, and whoever was let in may
//! be shut out meanwhile: so the life of a request waits for it here, and judges again [KEY-3 ID-11].

use axum::body::Body;
use bytes::BytesMut;
use futures_util::stream;
use http_body_util::BodyExt as _;
use tenantry_edge::gateway::Coming;
use tenantry_platform::http::BODY_MOST;

/// The body, with nothing of it still to come. One beyond what any handler takes is cut behind that, and refused there;
/// one that broke off breaks off there too.
pub(super) async fn arrived(mut body: Coming) -> Body {
    let mut held = BytesMut::new();
    while held.len() <= BODY_MOST {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => held.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Some(Err(broken)) => return Body::from_stream(stream::iter([Ok(held.freeze()), Err(broken)])),
        }
    }
    Body::from(held.freeze())
}
