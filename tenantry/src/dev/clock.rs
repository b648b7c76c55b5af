//! `/-/dev/clock`: what time it is for Tenantry, and moving it forward, so that an app's tests need not wait until
//! a session or a key is over. It does not exist in `serve`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_platform::http::Json;
use tenantry_platform::problem::Problem;

use crate::app::App;

/// Ten years: beyond the life of anything that Tenantry keeps.
const ADVANCE_S_MAX: u64 = 10 * 366 * 24 * 3600;

/// How far.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    advance_s: u64,
}

/// Now.
#[derive(Debug, Serialize)]
pub(crate) struct Time {
    now: Timestamp,
}

/// What time it is.
pub(crate) async fn read(State(app): State<Arc<App>>) -> Json<Time> {
    Json(Time { now: app.ground.now() })
}

/// Moves it forward. It never goes back: what is over stays over.
pub(crate) async fn advance(State(app): State<Arc<App>>, Json(wanted): Json<Advance>) -> Result<Json<Time>, Problem> {
    if app.dev.is_none() {
        return Err(Problem::not_found());
    }
    if !(1..=ADVANCE_S_MAX).contains(&wanted.advance_s) {
        return Err(Problem::invalid("advance_s", format!("Give whole seconds from 1 to {ADVANCE_S_MAX}.")));
    }
    app.ground.clock.advance(Duration::from_secs(wanted.advance_s));
    tracing::info!(by_s = wanted.advance_s, now = %app.ground.now(), "the clock was moved");
    Ok(Json(Time { now: app.ground.now() }))
}
