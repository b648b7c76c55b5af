//! What every host answers itself: health, the key set, reports of violated policies, security.txt.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler as _;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderMap};
use serde::Serialize;
use tenantry_core::token::PublicJwk;
use tenantry_custody::vault::{self, VaultFault};
use tenantry_edge::csp;
use tenantry_identity::{authn, sessions};
use tenantry_platform::db::MigrateFault;
use tenantry_platform::ground::Ground;
use tenantry_platform::http::{Caller, Json, Surface, see_other};
use tenantry_platform::metrics;
use tenantry_platform::page::{Disclosure, SecurityTxt, render};
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::signing::Purpose;

use crate::app::App;
use crate::routes::Mounted;

/// A database that takes longer for one row serves nobody; load balancers wait a few seconds for the answer.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How long verifiers may keep the key set: shorter than a new key is published ahead.
const JWKS_MAX_AGE: &str = "public, max-age=60";

#[derive(Serialize)]
struct Jwks {
    keys: Vec<PublicJwk>,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// The console, or the page to sign in.
pub(crate) async fn front(caller: Caller) -> Response {
    see_other(if caller.principal.is_some() { "/-/console" } else { "/-/sign-in" })
}

/// Signing in: by password on the central host, by hand-off on a tenant's.
pub(crate) async fn sign_in(State(mounted): State<Mounted>, caller: Caller, request: Request) -> Response {
    match caller.surface {
        Surface::Tenant(_) => sessions::http::start.call(request, mounted).await,
        Surface::Central | Surface::Api => authn::http::form.call(request, mounted).await,
    }
}

/// Handing a person over: the central host gives a code, a tenant's takes it.
pub(crate) async fn handoff(State(mounted): State<Mounted>, caller: Caller, request: Request) -> Response {
    match caller.surface {
        Surface::Tenant(_) => sessions::http::arrive.call(request, mounted).await,
        Surface::Central | Surface::Api => sessions::http::offer.call(request, mounted).await,
    }
}

/// The first workspace of whoever is signed in.
pub(crate) async fn console(caller: Caller) -> Result<Response, Problem> {
    let first = caller.workspaces.first().ok_or_else(no_workspace)?;
    Ok(see_other(&format!("/-/console/{}/live", first.slug)))
}

/// A workspace without a mode: live.
pub(crate) async fn workspace(caller: Caller) -> Result<Response, Problem> {
    let tenant = caller.principal()?.parts().tenant.as_ref().ok_or_else(Problem::not_found)?;
    Ok(see_other(&format!("/-/console/{}/live", tenant.slug)))
}

fn no_workspace() -> Problem {
    Problem::new(
        Kind::NotFound,
        "You belong to no workspace. Ask an owner to invite you, or sign up for one of your own.",
    )
    .code("no_workspace")
}

/// The public keys of `Tenantry-Identity` (RFC 7517).
pub(crate) async fn jwks(State(app): State<Arc<App>>) -> Response {
    let keys = app.ground.signing.jwks(Purpose::Identity, app.ground.now());
    match serde_json::to_vec(&Jwks { keys }) {
        Ok(bytes) => {
            let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, JWKS_MAX_AGE)];
            (headers, bytes).into_response()
        }
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Whether the process runs. It never asks the database: restarting cures nothing there.
pub(crate) async fn live() -> Response {
    Json(Health { status: "ok" }).into_response()
}

/// Whether requests can be served: signing keys are there, the database answers, and its schema is this binary's. While
/// the database is known to be down, a node that may serve from memory is ready as long as it may: nobody is helped if
/// all of them are taken out at once.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    if app.is_ending.load(Ordering::Relaxed) {
        return Err(Problem::unavailable("this node ends: it answers what it has, and takes no more"));
    }
    let has_keys = !app.ground.signing.jwks(Purpose::Identity, app.ground.now()).is_empty();
    if !has_keys {
        return Err(Problem::unavailable("no signing key is loaded"));
    }
    let late = |_| NotReady::Away(Problem::unavailable("the database did not answer a health check in time"));
    let found = tokio::time::timeout(READY_WITHIN, own_database(&app.ground)).await.map_err(late).flatten();
    match found {
        Err(NotReady::Away(problem)) if !app.ground.feed.trusts(&app.ground.clock) => Err(problem),
        Err(NotReady::Other(problem)) => Err(problem),
        Ok(()) | Err(NotReady::Away(_)) => Ok(Json(Health { status: "ok" }).into_response()),
    }
}

/// Why a node is not ready.
enum NotReady {
    /// The database says nothing.
    Away(Problem),
    /// It is another one than this binary's.
    Other(Problem),
}

/// The database has this binary's schema, and this root key sealed it.
async fn own_database(ground: &Ground) -> Result<(), NotReady> {
    ground.db.refuse_other_schema().await.map_err(|fault| match fault {
        MigrateFault::Untold(_) => NotReady::Away(Problem::unavailable(fault)),
        fault => NotReady::Other(Problem::unavailable(fault)),
    })?;
    vault::ensure_canary(ground).await.map_err(|fault| match fault {
        VaultFault::Database(_) => NotReady::Away(Problem::unavailable(fault)),
        fault => NotReady::Other(Problem::unavailable(fault)),
    })
}

/// A browser's report of a violated policy (WEB-1).
pub(crate) async fn report(State(app): State<Arc<App>>, caller: Caller, headers: HeaderMap, body: Body) -> Response {
    let mode = match caller.surface {
        Surface::Tenant(mode) => Some(mode),
        Surface::Central | Surface::Api => None,
    };
    let place = caller.tenant.as_ref().map(|tenant| tenant.id).zip(mode);
    let answer = csp::receive(&app.reports, place, &headers, body, app.ground.now()).await;
    let outcome = if answer.status().is_success() { metrics::Report::Kept } else { metrics::Report::Refused };
    app.ground.metrics.csp_reports.of(outcome).add_one();
    answer
}

/// `/.well-known/security.txt` (RFC 9116, EV-4).
pub(crate) async fn security_txt(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    use askama::Template as _;
    let settings = &app.config.security_txt;
    let origin = app.config.hosts.origin(&app.config.hosts.central());
    let page = SecurityTxt {
        contact: contact_href(&settings.contact),
        expires: settings.expires,
        languages: "en".to_owned(),
        policy: settings.policy.clone().unwrap_or_else(|| format!("{origin}/security/disclosure")),
        origin,
    };
    let text = page.render().map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// How a stranger reports a weakness (EV-4).
pub(crate) async fn disclosure(State(app): State<Arc<App>>, caller: Caller) -> Response {
    let hosts = &app.config.hosts;
    let contact = app.config.security_txt.contact.trim_start_matches("mailto:").to_owned();
    render(&Disclosure {
        chrome: app.identity.visit(&caller).page(Disclosure::TITLE),
        contact_href: contact_href(&contact),
        contact,
        answer_days: app.config.security_txt.answer_days,
        in_scope: vec![hosts.central(), hosts.api(), format!("*.{}", hosts.base)],
        out_of_scope: Vec::new(),
    })
}

fn contact_href(contact: &str) -> String {
    if contact.contains(':') { contact.to_owned() } else { format!("mailto:{contact}") }
}
