//! Our own database, judged as anybody's: what is above `info` is accepted with a reason, or mended.

use std::path::Path;

use tenantry_platform::db::logins::DOORS;
use tenantry_platform::kit::TestDb;
use tenantry_rls::catalog;
use tenantry_rls::config::{Accepted, Settings};
use tenantry_rls::finding::Severity;
use tenantry_rls::verify::{World, verify};

#[tokio::test]
async fn our_own_schema_has_no_finding_that_nobody_has_accepted() {
    let db = TestDb::new().await;
    let mut client = tenantry_rls::connect::connect(&db.administrator_url()).await.unwrap();
    let catalog = catalog::read(&mut client).await.unwrap();
    let settings = settings();
    let findings = verify(&World::new(&catalog, &settings).unwrap());
    let is_accepted = |id: &str| settings.accepted.iter().any(|taken| taken.covers(id));
    let holes = findings.iter().filter(|finding| finding.severity > Severity::Info);
    let open = holes.filter(|finding| !is_accepted(&finding.id()));
    let open: Vec<String> = open.map(|finding| format!("{} [{}]", finding.id(), finding.explanation)).collect();
    assert!(open.is_empty(), "{} findings:\n{}", open.len(), open.join("\n"));
}

/// `rls/own.toml`, and the doors: functions that look across tenants are what they are for, and each is listed.
fn settings() -> Settings {
    let mut settings = Settings::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("own.toml")).unwrap();
    let doors = DOORS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(" | ").next());
    settings.accepted.extend(doors.map(|door| Accepted {
        id: format!("function-definer:doors.{}", door.trim()),
        reason: "A door: platform/src/db/doors.txt lists who may call it, and a test compares that.".to_owned(),
    }));
    settings
}
