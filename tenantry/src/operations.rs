//! The listener of those who run Tenantry: metrics, health, and the pages of platform staff (OBS-1, AC-4).
//!
//! What must always hold:
//!
//! - It never forwards: no route of the app is there.
//! - Where the configuration opens it, the public listener has neither metrics nor pages of staff.
//! - A scrape asks memory alone: a database that is away is seen in the numbers, and stops none of them.

use std::net::{SocketAddr, TcpListener};

use http::header::{self, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use tenantry_edge::gateway::Body;
use tenantry_platform::config::Listen;
use tenantry_platform::metrics;
use tenantry_platform::problem::Problem;

use crate::Fault;
use crate::app::App;

/// Where Prometheus asks.
const METRICS: &str = "/metrics";
/// A scraper, a prober and a few people: more is no use of it.
const CONNECTIONS_MOST: u32 = 256;

/// The listener's settings: those of the public one, on one thread, for few. `given` is what a predecessor listens on.
///
/// # Errors
/// Something listens there already, or the address is not this machine's.
pub(crate) fn listen(like: &Listen, address: SocketAddr, given: &[TcpListener]) -> Result<Listen, Fault> {
    // The gateway shares its ports with other processes of the same user, which must not happen here unseen.
    if given.is_empty() {
        drop(TcpListener::bind(address).map_err(|fault| {
            format!("[operations] listen = \"{address}\" cannot be listened on: {fault}. Write another address, or end what listens there.")
        })?);
    }
    // Whoever scrapes comes without a load balancer.
    let proxy_protocol = false;
    Ok(Listen { address, threads: Some(1), max_connections: CONNECTIONS_MOST, proxy_protocol, ..like.clone() })
}

/// The metrics, if that is what was asked for.
///
/// # Errors
/// Never in practice: they are text.
pub(crate) fn metrics(app: &App, request: &Request<Incoming>) -> Result<Option<Response<Body>>, Problem> {
    let is_asked = request.uri().path() == METRICS && matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_asked {
        return Ok(None);
    }
    measure(app);
    let mut answer = Response::new(Body::from(app.ground.metrics.text().map_err(Problem::internal)?));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(answer))
}

/// Looks up what nobody counts as it happens.
fn measure(app: &App) {
    let metrics = &app.ground.metrics;
    let (lag, lease) = app.ground.feed.standing(&app.ground.clock);
    metrics.feed_lag.set(lag);
    metrics.lease.set(lease);
    metrics.tunnels.set(app.upgrades.len());
    app.telemetry.measure(metrics);
    app.ground.db.measure(metrics);
    app.identity.hasher.measure(metrics);
    app.offenders.measure(metrics);
}
