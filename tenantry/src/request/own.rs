//! Tenantry's own routes, under the same guard as the app's: one table, decided before any handler runs.

use std::sync::Arc;

use http::request::Parts as Head;
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use tenantry_core::mode::Mode;
use tenantry_core::route::{Found, Method as RouteMethod};
use tenantry_edge::gateway::{Body, Coming, origin};
use tenantry_edge::offenders::Offence;
use tenantry_identity::authn::SignInFailed;
use tenantry_identity::sessions::StaffSession;
use tenantry_identity::tenants;
use tenantry_platform::feed::Belief;
use tenantry_platform::http::Surface;
use tenantry_platform::metrics;
use tenantry_platform::permit::{Credential, Principal, TenantRef};
use tenantry_platform::problem::Problem;
use tower::ServiceExt as _;

use super::Door;
use super::answer::Visit;
use super::arrival::arrived;
use super::guard::{bearer, key, management_key, management_key_needed};
use super::host;
use super::stay::Holder;
use crate::app::App;
use crate::routes::{Access, OwnRoute, Routers};

/// Answers a request to a path of our own. In a box, as whatever is rare: the future of each request has room for all that
/// it might become.
pub(super) async fn answer(
    app: &App,
    routers: &Routers,
    visit: &mut Visit,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    Box::pin(respond(app, routers, visit, request)).await
}

async fn respond(
    app: &App,
    routers: &Routers,
    visit: &mut Visit,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let Some(site) = visit.site.clone() else { return Err(Problem::not_found()) };
    let (head, body) = request.into_parts();
    let body = Coming::new(body, &head.extensions);
    let (route, counted) = find(app, visit, site.surface, &head.method, head.uri.path())?;
    visit.take_own_route(route, counted);
    let generation = app.ground.feed.generation();
    let holder = match admit(app, visit, route, &head).await {
        Err(problem) if let Some(known) = visit.principal.clone() => {
            return visit.spend_refused(app, Some(&known)).await.and(Err(problem));
        }
        admitted => admitted?,
    };
    if !visit.is_spared {
        let known = visit.principal.clone();
        visit.receive(app, known.as_deref()).await?;
    }
    visit.spend(app, visit.charges(app, visit.principal.as_deref())).await?;
    let (generation, holder, body) = match visit.principal.is_some() && changes_something(&head.method) {
        true => judge_again(app, visit, route, &head, body).await?,
        false => (generation, holder, axum::body::Body::new(body)),
    };
    if visit.principal.is_some() {
        visit.trust(app)?;
    }
    let mode = visit.principal.as_ref().and_then(|principal| principal.parts().mode).or_else(|| visit.mode());
    let mut request = Request::from_parts(head, body);
    let belief = belief(generation, holder.as_ref(), visit.principal.as_deref());
    let session = holder.and_then(Holder::into_session);
    let workspaces = session.as_deref().map(workspaces).unwrap_or_default();
    request.extensions_mut().insert(visit.caller(app, &site, workspaces, belief));
    if let Some(session) = session {
        request.extensions_mut().insert(session);
    }
    let router = routers.of(mode.unwrap_or(Mode::Live));
    let answer = app.cross(async move { router.oneshot(request).await }).await?;
    let Ok(answer) = answer;
    if answer.extensions().get::<SignInFailed>().is_some() {
        visit.charge_failure(app).await;
        visit.offend_unknown(app, Offence::SignIn);
    }
    Ok(answer.map(Body::from))
}

/// Waits for the body of whoever was let in, and judges again by what is true then: no handler acts for a credential
/// that was taken away while its request was held open.
async fn judge_again(
    app: &App,
    visit: &mut Visit,
    route: &OwnRoute,
    head: &Head,
    body: Coming,
) -> Result<(u64, Option<Holder>, axum::body::Body), Problem> {
    let body = arrived(body).await;
    visit.catch_up(app).await?;
    let generation = app.ground.feed.generation();
    visit.site = Some(host::site(app, &head.headers, &head.uri).await?);
    Ok((generation, admit(app, visit, route, head).await?, body))
}

/// What the verdict depends on: a management key is of nobody's session and no tenant's.
fn belief(generation: u64, holder: Option<&Holder>, principal: Option<&Principal>) -> Belief {
    let subjects = match (holder, principal.map(|principal| &principal.parts().credential)) {
        (Some(holder), _) => holder.subjects(),
        (None, Some(Credential::Management(key))) => vec![key.uuid()],
        (None, _) => Vec::new(),
    };
    Belief::new(generation, subjects, holder.and_then(Holder::expires_at))
}

/// What only reads never waits for a body.
fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

fn find<'a>(
    app: &'a App,
    visit: &mut Visit,
    surface: Surface,
    method: &Method,
    path: &str,
) -> Result<(&'a OwnRoute, &'a Arc<metrics::Route>), Problem> {
    let Some(method) = RouteMethod::named(method.as_str()) else { return Err(Problem::not_found()) };
    match app.own.table.find(path, method) {
        Found::Route(at) if app.own.routes[at].is_on(surface) && is_at(app, visit.door, &app.own.routes[at]) => {
            Ok((&app.own.routes[at], app.counts.own_route(at)))
        }
        Found::OtherMethods(methods) => Err(visit.other_methods(methods)),
        Found::Route(_) | Found::Nothing => Err(Problem::not_found()),
    }
}

/// Pages of staff are on the listener of operations where there is one, with what signing in to them takes.
fn is_at(app: &App, door: Door, route: &OwnRoute) -> bool {
    match door {
        Door::Public => route.access != Access::Operator || !app.operations_apart,
        Door::Operations => route.is_for_operations(),
    }
}

/// Who may: by the route's own word. Answers the key, or the session of whoever is signed in.
async fn admit(
    app: &App,
    visit: &mut Visit,
    route: &OwnRoute,
    Head { method, headers, uri, .. }: &Head,
) -> Result<Option<Holder>, Problem> {
    if let Access::Key(permission) = route.access {
        let token = bearer(headers)?.ok_or_else(Problem::unauthorized)?;
        let key = key(app, visit, token).await?;
        admit_key(visit, Arc::clone(key.principal()), permission)?;
        return Ok(Some(Holder::Key(key)));
    }
    if let Access::Management(scope) = route.access {
        let token = bearer(headers)?.ok_or_else(management_key_needed)?;
        let principal = management_key(app, visit, token).await?;
        visit.principal = Some(Arc::clone(&principal));
        return holds(&principal, Some(scope)).map(|()| None);
    }
    let is_exempt = route.is_told_by_strangers() || (route.is_for_programs() && origin::is_unsaid(headers));
    if !is_exempt && origin::is_needed(method, headers) {
        origin::judge(headers, visit.own(), &[])?;
    }
    let session = match session(app, visit, method, headers).await {
        // A stale cookie is no reason to refuse a page that needs none.
        Err(_) if matches!(route.access, Access::Public(_)) => None,
        found => found?,
    };
    visit.principal = session.as_ref().map(|session| Arc::clone(session.principal()));
    match (route.access, session) {
        (Access::Public(_), session) => Ok(session.map(Holder::Session)),
        (_, None) => Err(Problem::unauthorized()),
        (Access::SignedIn, Some(session)) => Ok(Some(Holder::Session(session))),
        (Access::Operator, Some(session)) if session.person().operator => Ok(Some(Holder::Session(session))),
        (Access::Workspace(permission), Some(session)) => {
            admit_workspace(visit, &session, uri.path(), permission)?;
            Ok(Some(Holder::Session(session)))
        }
        (Access::Operator | Access::Key(_) | Access::Management(_), Some(_)) => Err(Problem::not_found()),
    }
}

async fn session(
    app: &App,
    visit: &mut Visit,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Arc<StaffSession>>, Problem> {
    match visit.site.as_ref().map(|site| site.surface) {
        Some(Surface::Central | Surface::Tenant(_)) => visit.session(app, method, headers).await,
        _ => Ok(None),
    }
}

/// A key of the host's own tenant and mode, with the scope.
fn admit_key(visit: &mut Visit, principal: Arc<Principal>, permission: Option<&str>) -> Result<(), Problem> {
    let place = visit.place(Some(&principal));
    let parts = principal.parts();
    let is_elsewhere = place.tenant.is_some_and(|tenant| parts.tenant.as_ref().map(|tenant| tenant.id) != Some(tenant));
    let is_otherwise = place.mode.is_some() && place.mode != parts.mode;
    visit.principal = Some(Arc::clone(&principal));
    if is_elsewhere || is_otherwise {
        return Err(Problem::not_found());
    }
    holds(&principal, permission)
}

/// `/-/console/{slug}/{mode}/…`: the workspace of the path, as the session's person belongs to it.
fn admit_workspace(
    visit: &mut Visit,
    session: &StaffSession,
    path: &str,
    permission: Option<&str>,
) -> Result<(), Problem> {
    let mut words = path.split('/').skip(3);
    let slug = words.next().unwrap_or_default();
    // A word that is no mode is no way to live data: only the path that ends before it means live.
    let mode = words.next().map_or(Ok(Mode::Live), str::parse).map_err(|_| Problem::not_found())?;
    let principal = session.principal_in(slug, mode).ok_or_else(Problem::not_found)?;
    let stopped = principal.parts().tenant.as_ref().and_then(tenants::stopped);
    visit.principal = Some(Arc::clone(&principal));
    stopped.map_or(Ok(()), Err)?;
    holds(&principal, permission)
}

fn holds(principal: &Principal, permission: Option<&str>) -> Result<(), Problem> {
    match permission {
        Some(word) if !principal.parts().permissions.contains(word) => Err(Problem::missing_permission(word)),
        _ => Ok(()),
    }
}

fn workspaces(session: &StaffSession) -> Arc<[TenantRef]> {
    session.memberships().iter().map(|membership| membership.tenant.clone()).collect()
}
