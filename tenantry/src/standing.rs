//! `GET /-/api/v1/limits`: where a key stands, without spending anything of what it asks about [RL-1 RL-4].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use tenantry_core::clock::Timestamp;
use tenantry_edge::limits::{Asked, Line, Whom};
use tenantry_platform::config::Per;
use tenantry_platform::http::{Caller, Json};
use tenantry_platform::problem::Problem;
use utoipa::ToSchema;

use crate::app::App;

/// The limits that count this key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    limits: Vec<LimitDocument>,
}

/// One limit, and where the key stands in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitDocument {
    /// Its name, as `RateLimit-Policy` has it.
    tier: String,
    /// Whose requests are counted together: `key`, `ip`, `tenant` or `route`.
    per: &'static str,
    /// The route of the app that counts for itself; absent where all are counted together.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    /// How many in any window.
    limit: u32,
    window_s: u32,
    /// What may still be spent now.
    remaining: u32,
    /// When the present period ends.
    #[schema(value_type = String, format = DateTime)]
    reset_at: Timestamp,
    /// Whether it only says what it would refuse.
    shadow: bool,
}

/// Every limit that counts the key of this request, its address and its workspace, and what is left of it.
/// Asking costs nothing of them.
#[utoipa::path(
    get, path = "/-/api/v1/limits", tag = "tenant", operation_id = "read_limits",
    responses((status = 200, body = Limits), (status = 401))
)]
pub(crate) async fn read(caller: Caller, State(app): State<Arc<App>>) -> Result<Json<Limits>, Problem> {
    let whom = Whom { client: caller.ip, principal: Some(caller.principal()?), host: caller.tenant.as_deref() };
    let now = app.ground.now();
    let mut asked = app.limiter.every_charge(&app.config.routes, whom);
    // What a route has left says how busy everybody else is.
    asked.retain(|asked| app.limiter.limits().tier(asked.charge.tier).per != Per::Route);
    let charges: Vec<_> = asked.iter().map(|asked| asked.charge).collect();
    let verdict = app.limiter.stand(app.ground.clock.now_ms(), &charges).await;
    let stands = asked.iter().zip(verdict.lines());
    Ok(Json(Limits { limits: stands.map(|(asked, line)| document(&app, asked, line, now)).collect() }))
}

fn document(app: &App, asked: &Asked<'_>, line: &Line, now: Timestamp) -> LimitDocument {
    let tier = app.limiter.limits().tier(line.tier);
    LimitDocument {
        tier: tier.name.to_string(),
        per: tier.per.as_str(),
        route: asked.route.map(|route| route.pattern.as_str().to_owned()),
        limit: line.limit.max,
        window_s: line.limit.window_ms / 1_000,
        remaining: line.standing.remaining,
        reset_at: now.checked_add(Duration::from_millis(line.standing.reset_ms)).unwrap_or(now),
        shadow: tier.is_shadow,
    }
}
