//! `POST /-/dev/session {email, role}`: a signed-in person for the app's own tests. It does not exist in `serve`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;
use tenantry_identity::sessions::http::with_cookies;
use tenantry_platform::http::{Caller, Json};
use tenantry_platform::problem::Problem;

use super::seed::FIRST;
use crate::app::App;

/// Who is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The person's address; made when nobody has it.
    email: String,
    /// One of the configured roles, or of the workspace's own.
    role: String,
    /// The workspace; the demo's first one unless said.
    #[serde(default)]
    workspace: Option<String>,
    /// Live unless said.
    #[serde(default)]
    mode: Option<Mode>,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made<'a> {
    email: &'a str,
    role: &'a str,
    workspace: &'a str,
    /// As a `Cookie` header carries them, for `host`.
    cookie: String,
    host: String,
}

/// Makes the person a member with the role, and signs them in on the tenant's host.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    if app.dev.is_none() {
        return Err(Problem::not_found());
    }
    let email = EmailAddress::parse(&wanted.email).map_err(|fault| Problem::invalid("email", fault.to_string()))?;
    let workspace = wanted.workspace.as_deref().unwrap_or(FIRST.slug);
    let slug = Slug::from_stored(workspace).map_err(|fault| Problem::invalid("workspace", fault.to_string()))?;
    let tenant = app.identity.tenants.find(&slug).await.map_err(Problem::unavailable)?;
    let tenant = tenant.ok_or_else(|| Problem::invalid("workspace", no_workspace(&slug)))?;
    let mode = wanted.mode.unwrap_or(Mode::Live);
    let role = wanted.role.as_str();
    let cookies = app.identity.stand_in((&tenant, mode), &email, role, caller.origin()).await?;
    let pairs: Vec<&str> = cookies.iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
    let host = app.config.hosts.origin(&app.config.hosts.tenant(&slug, mode));
    let made = Made { email: email.as_str(), role, workspace, cookie: pairs.join("; "), host };
    Ok(with_cookies(Json(made).into_response(), cookies))
}

fn no_workspace(slug: &Slug) -> String {
    format!("There is no workspace {slug}. Leave this out for {}, or make one: `tenantry tenants create`.", FIRST.slug)
}
