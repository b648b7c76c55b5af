//! The commands that people type, against a running `tenantry dev` or against nothing.

use super::ask::Ask;
use super::key_that_manages_keys;
use super::process::{Dev, FIRST_START, data_dir, run, until};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/tenantry.toml");

/// What production has to say and the demo's file leaves out.
const COMPLETE: &str = r#"
[upstream]
url = "unix:/run/app.sock"
[hosts]
base = "example.com"
[mail]
from = "Acme <no-reply@example.com>"
[security_txt]
contact = "mailto:security@example.com"
expires = "2999-01-01T00:00:00Z"
"#;

#[tokio::test]
async fn a_suspended_tenant_is_refused_by_the_running_process() {
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    let manager = key_that_manages_keys(&dev.ready).await;
    let listed = dev.command(&["tenants", "list"]).await.well();
    assert!(listed.contains("acme") && listed.contains("owner@globex.example"), "{listed}");

    let said = dev.command(&["tenants", "suspend", "acme", "--reason", "Unpaid"]).await.well();
    assert!(said.starts_with("acme is suspended."), "{said}");
    let products = format!("{}/api/products", dev.ready.api);
    let refused = until("the running process refuses the tenant", async || {
        let answer = Ask::get(&products).bearer(&manager).send().await;
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.await.expect(403).json()["code"], "tenant_suspended");

    dev.command(&["tenants", "reactivate", "acme"]).await.well();
    until("the tenant is served again", async || {
        (Ask::get(&products).bearer(&manager).send().await.status == 200).then_some(())
    })
    .await;

    let unknown = dev.command(&["tenants", "suspend", "nobody", "--reason", "Unpaid"]).await.refused();
    assert!(unknown.contains("no workspace nobody"), "{unknown}");
    workspaces_are_made(&dev).await;
    staff_comes_and_goes(&dev).await;
    signing_keys_rotate(&dev).await;
    people_are_brought_in(&dev).await;
    addresses_are_blocked_and_lifted(&dev).await;
}

/// [RL-4] Loopback itself is never blocked: what is blocked here is somebody else.
async fn addresses_are_blocked_and_lifted(dev: &Dev) {
    let reason = ["--reason", "it attacks us"];
    let own = dev.command(&[&["offenders", "block", "127.0.0.1"], &reason[..]].concat()).await.refused();
    assert!(own.contains("127.0.0.0/8 is never blocked"), "{own}");
    let said = dev.command(&[&["offenders", "block", "203.0.113.0/24"], &reason[..]].concat()).await.well();
    let id = said.split("offenders lift ").nth(1).and_then(|rest| rest.split('`').next()).expect("how to lift it");
    let listed = dev.command(&["offenders", "list", "203.0.113.9"]).await.well();
    assert!(listed.contains(id) && listed.contains("it attacks us") && listed.contains("1 shown"), "{listed}");
    let said = dev.command(&[&["offenders", "lift", id], &reason[..]].concat()).await.well();
    assert!(said.starts_with("203.0.113.0/24 is not blocked any more."), "{said}");
    assert!(dev.command(&["offenders", "list"]).await.well().starts_with("0 shown"));
    assert!(dev.command(&["offenders", "list", "--all"]).await.well().contains("lifted"));
    assert!(dev.command(&["offenders", "list", "--tenant", "acme"]).await.well().starts_with("0 shown"));
    let log = dev.command(&["operators", "log"]).await.well();
    assert!(log.contains("address.blocked") && log.contains("address.unblocked"), "{log}");
}

/// A line that cannot be taken stops no other one, and fails the command; run again, it brings in nobody twice.
async fn people_are_brought_in(dev: &Dev) {
    let (place, line) = (tempfile::tempdir().unwrap(), |name: &str| {
        format!("{{\"email\":\"{name}@elsewhere.example\",\"name\":\"{name}\"}}")
    });
    let file = place.path().join("people.jsonl");
    std::fs::write(&file, [line("ada"), "no person".to_owned(), line("bob")].join("\n")).unwrap();
    for (new, known) in [(2, 0), (0, 2)] {
        let said = dev.command(&["people", "import", file.to_str().unwrap()]).await;
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(
            said.out.contains(&format!(
                "{new} people were imported, {known} have an account already, 1 lines were refused"
            ))
        );
        assert!(said.err.contains("line 2:"), "{}", said.err);
    }
}

/// The running process sends the mail, and serves the host that it had refused before.
async fn workspaces_are_made(dev: &Dev) {
    let front = dev.ready.tenant.replace("acme", "initech");
    let seen = async || Ask::get(&front).header("accept", "text/html").send().await.status;
    assert_eq!(seen().await, 404);
    let create = ["tenants", "create", "--slug", "initech", "--name", "Initech", "--owner", "peter@initech.example"];
    let said = dev.command(&create).await.well();
    assert!(said.starts_with(&format!("initech is served at {front}.")) && said.contains("is mailed a link"), "{said}");
    until("the host is served", async || (seen().await == 303).then_some(())).await;
    until("the owner has the mail", async || {
        let mails = Ask::get(&dev.ready.mailbox).send().await.expect(200).json();
        let mut to = mails.as_array().unwrap().iter().map(|mail| mail["to"].to_string());
        to.any(|to| to.contains("peter@initech.example")).then_some(())
    })
    .await;
    let again = dev.command(&create).await.refused();
    assert!(again.contains("initech is another workspace's") && again.contains("Choose another"), "{again}");
    let ours = dev.command(&["tenants", "create", "--slug", "app", "--name", "Us", "--owner", "us@us.example"]).await;
    assert!(ours.refused().starts_with("tenantry: --slug: "));
}

async fn staff_comes_and_goes(dev: &Dev) {
    let (owner, cookie) = (dev.ready.owner.email.as_str(), super::sign_in(&dev.ready).await);
    let page = format!("{}/-/operator/tenants", dev.ready.console);
    let seen = async || Ask::get(&page).header("cookie", &cookie).send().await.status;
    assert_eq!(seen().await, 404);
    dev.command(&["operators", "grant", owner]).await.well();
    until("they see the page of staff", async || (seen().await == 200).then_some(())).await;
    dev.command(&["operators", "revoke", owner]).await.well();
    until("they no longer see it", async || (seen().await == 404).then_some(())).await;
    let nobody = dev.command(&["operators", "grant", "nobody@nowhere.example"]).await.refused();
    assert!(nobody.contains("nobody has the address"), "{nobody}");
}

/// The new key is published before it signs, so the published set grows by it.
async fn signing_keys_rotate(dev: &Dev) {
    let jwks = format!("{}/-/jwks.json", dev.ready.console);
    let published = async || Ask::get(&jwks).send().await.expect(200).json()["keys"].as_array().unwrap().len();
    let before = published().await;
    let said = dev.command(&["keys", "rotate-signing"]).await.well();
    assert!(said.contains("staff-access") && said.contains("identity"), "{said}");
    until("the running process publishes the new key", async || (published().await == before + 1).then_some(())).await;
}

#[tokio::test]
async fn commands_say_what_is_missing() {
    let dir = data_dir();
    let nowhere = dir.path().join("nowhere");
    let said = run(&["posture", "--data-dir", nowhere.to_str().unwrap()]).await.refused();
    assert!(said.contains("no `tenantry dev` runs in"), "{said}");
    assert!(!nowhere.exists(), "asking makes nothing");
    let said = run(&["migrate"]).await.refused();
    assert!(said.contains("TENANTRY_MIGRATE_URL is not set") && said.contains("tenantry database plan"), "{said}");
    let (one, other) = (run(&["keys", "new-root"]).await.well(), run(&["keys", "new-root"]).await.well());
    assert!(one.trim().len() == 44 && one != other);
}

#[tokio::test]
async fn check_prints_the_guard_table_or_every_fault() {
    let dir = data_dir();
    let path = dir.path().join("tenantry.toml");
    let file = path.to_str().unwrap();
    let text = format!("{}{COMPLETE}", std::fs::read_to_string(DEMO).unwrap());
    std::fs::write(&path, &text).unwrap();
    let table = run(&["check", "--config", file]).await.well();
    assert!(table.lines().any(|line| line.contains("/api/orders") && line.contains("orders:write")), "{table}");

    let faulty =
        text.replacen("guard = \"session\"\n", "", 1).replacen("products:write\"\n\n", "prodacts:write\"\n\n", 1);
    std::fs::write(&path, faulty).unwrap();
    let faults = run(&["check", "--config", file]).await.refused();
    assert!(faults.contains("guard") && faults.contains("prodacts:write"), "{faults}");
    let are_placed = faults.trim_start_matches("tenantry: ").lines().all(|line| line.starts_with(&format!("{file}:")));
    assert!(are_placed, "{faults}");
}
