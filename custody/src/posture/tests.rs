//! Posture, from outside: each control is seen to pass, broken as an attacker or a careless operator would,
//! seen to fail, mended, and seen to pass again.

#[path = "tests/broken_database.rs"]
mod broken_database;
#[path = "tests/broken_people.rs"]
mod broken_people;
#[path = "tests/broken_process.rs"]
mod broken_process;
#[path = "tests/broken_site.rs"]
mod broken_site;
#[path = "tests/engine.rs"]
mod engine;
#[path = "tests/matrix.rs"]
mod matrix;
#[path = "tests/secured.rs"]
mod secured;
#[path = "tests/site.rs"]
mod site;
#[path = "tests/site_people.rs"]
mod site_people;
#[path = "tests/site_team.rs"]
mod site_team;
#[path = "tests/upkeep.rs"]
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use tenantry_core::token::Algorithm;
use tenantry_custody::posture::{CONTROLS, Control, Finding, Outcome, Probe, Sites, run_one};
use tenantry_custody::vault::Schedule;
use tenantry_platform::config::{Config, Dev};
use tenantry_platform::kit::TestDb;

/// What a demo app's file says, as short as it can be.
const FILE: &str = r#"
    [app]
    name = "Posture"
    [permissions]
    "orders:read" = "See orders"
    "orders:write" = "Change orders"
    [roles.OWNER]
    owner = true
    permissions = ["keys:read", "keys:manage", "audit:read", "orders:read", "orders:write"]
    [[routes]]
    path = "/"
    methods = ["GET"]
    guard = "public"
    public_because = "the shop's window"
    [[routes]]
    path = "/orders/{id}"
    methods = ["GET"]
    guard = "session"
    permission = "orders:read"
    [[routes]]
    path = "/api/orders"
    methods = ["GET", "POST"]
    guard = "key"
    permission = "orders:write"
    [[routes]]
    path = "/partner/orders"
    methods = ["GET", "POST"]
    guard = ["key", "jwt"]
    cors = "*"
    body_schema = "examples/order.schema.json"
"#;

/// Where it would be: files that it names are looked for from there.
const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../posture.toml");

fn config() -> Arc<Config> {
    configured("")
}

/// With more lines.
fn configured(more: &str) -> Arc<Config> {
    Arc::new(
        Config::for_dev(PLACE, &format!("{FILE}{more}"), &Dev { port: 4_000, upstream: None })
            .unwrap_or_else(|faults| panic!("{faults}")),
    )
}

fn probe(db: &TestDb, sites: Option<Sites>) -> Arc<Probe> {
    Arc::new(Probe::new(db.ground.clone(), config(), db.urls(), sites))
}

/// How signing keys come and go in these tests.
fn schedule() -> Schedule {
    Schedule {
        rotate_every: Duration::from_secs(86_400),
        publish_ahead: Duration::from_secs(900),
        staff_access: Duration::from_secs(900),
        identity: Duration::from_secs(90),
        identity_algorithm: Algorithm::EdDsa,
    }
}

fn control(id: &str) -> Control {
    *CONTROLS.iter().find(|control| control.id == id).expect("a control of that name")
}

/// Runs one control.
async fn run(probe: &Arc<Probe>, id: &str) -> Finding {
    run_one(control(id), Arc::clone(probe)).await
}

async fn expect(probe: &Arc<Probe>, id: &str, outcome: Outcome) -> String {
    let verdict = run(probe, id).await.verdict;
    assert_eq!(verdict.outcome, outcome, "{id}: {}", verdict.evidence);
    verdict.evidence
}
