//! Bad input, made by somebody else: schemathesis reads the served description of the API and tries what breaks it
//! (WEB-7). No 500, no answer that the description does not name, no accepted body that it refuses.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::app::{TestApp, Wanted};

/// Hundreds of calls a second, from one address and one key.
const GENEROUS: &str = "
[limits.tiers.api_ip]\nlimit = 1000000\n[limits.tiers.api_key]\nlimit = 1000000\n[limits.tiers.page_ip]\nlimit = 1000000
[limits.tiers.credential_failure_ip]\nlimit = 1000000\n";

/// Methods that HTTP does not know are the byte check's matter, and answered 501.
const METHODS: &str =
    "[phases.coverage]\nunexpected-methods = [\"TRACE\", \"PUT\", \"PATCH\", \"DELETE\", \"POST\", \"GET\"]\n";

/// `TENANTRY_SCHEMATHESIS_EXAMPLES`: cases of each operation; more find more, and take longer.
const EXAMPLES: &str = "25";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_description_refuses_is_refused_and_what_is_answered_is_described() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    let said = schemathesis(&app, &key.plaintext).await;
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

async fn schemathesis(app: &TestApp, key: &str) -> std::process::Output {
    let examples = std::env::var("TENANTRY_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let (address, place) = (app.server.address(), tempfile::tempdir().expect("a directory"));
    std::fs::write(place.path().join("schemathesis.toml"), METHODS).expect("written");
    Command::new(program())
        .current_dir(place.path())
        .args(["run", "--seed", "1", "--workers", "1", "--no-color", "--checks", "all", "--exclude-checks"])
        // No schema says that a time has to lie ahead or a key has to exist: what fits one may still be refused.
        .args(["positive_data_acceptance", "--phases", "examples,coverage,fuzzing", "--max-examples", &examples])
        .args(["--continue-on-failure", "--generation-database", "none"])
        .arg("-H")
        .arg(format!("Authorization: Bearer {key}"))
        .arg("-H")
        .arg(format!("Host: {}", app.authority("api")))
        .arg(format!("http://{address}/-/api/openapi.json"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("schemathesis runs; `scripts/install test` installs it")
}

/// Where `scripts/install test` puts it.
fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from);
    target.join("schemathesis/bin/schemathesis")
}
