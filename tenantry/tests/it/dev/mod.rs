//! `tenantry dev` as a process: what it promises a newcomer, and the test programs that start it.

pub(crate) mod ask;
mod commands;
mod posture;
pub(crate) mod process;
mod team;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use serde_json::{Value, json};
use tenantry::dev::Ready;

use crate::client::Answer;
use ask::{Ask, cookies};
use process::{Dev, FIRST_START, data_dir, gone, is_gone, run};

/// The promise: ready again after any kill -9.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// Kills of the ordinary run; `TENANTRY_TEST_KILLS=20` for more.
const KILLS: usize = 3;
/// Keys that are made before each kill: fewer than the limit of 60 a minute lets through.
const KEYS_A_KILL: usize = 15;

#[tokio::test]
async fn dev_begins_ends_and_begins_again() {
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    says_all_that_a_test_needs(&dev);
    answers_on_loopback_alone(&dev.ready).await;
    refuses_a_second_one(&dev).await;
    opens_sessions_for_test_programs(&dev.ready).await;
    let (postmaster, ready) = (dev.postmaster(), dev.ready.clone());
    assert_eq!(dev.stop().await.code(), Some(0));
    leaves_nothing(dir.path(), postmaster, &ready).await;

    let again = Dev::start(dir.path(), FIRST_START).await;
    assert_eq!(again.ready.api_key, ready.api_key);
    assert_eq!(again.ready.owner.password, ready.owner.password);
    Ask::get(&format!("{}/api/products", again.ready.api)).bearer(&ready.api_key).send().await.expect(200);
    assert_eq!(again.stop().await.code(), Some(0));
}

fn says_all_that_a_test_needs(dev: &Dev) {
    let file = dev.dir.join("dev.json");
    let said: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for text in ["console", "tenant", "other_tenant", "api", "api_key", "mailbox", "database_url"] {
        assert!(said[text].is_string(), "{text}");
    }
    for person in ["owner", "other_owner", "operator"] {
        assert!(said[person]["email"].is_string() && said[person]["password"].is_string(), "{person}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "it holds passwords");
}

/// 127.0.0.2 is this machine too, and would answer if we listened on more than loopback's one address.
async fn answers_on_loopback_alone(ready: &Ready) {
    let port = tenantry::dev::port_of(ready).unwrap();
    Ask::get(&format!("{}/-/health/ready", ready.console)).send().await.expect(200);
    assert!(tokio::net::TcpStream::connect(("127.0.0.2", port)).await.is_err());
}

async fn refuses_a_second_one(dev: &Dev) {
    let said = dev.command(&["dev", "--port", "0"]).await.refused();
    assert!(said.contains(&format!("is in use by process {}: stop that one first", dev.ready.pid)), "{said}");
    assert!(dev.dir.join("dev.json").exists(), "the refused one takes nothing back");

    let port = tenantry::dev::port_of(&dev.ready).unwrap().to_string();
    let elsewhere = data_dir();
    let elsewhere = elsewhere.path().join("not-made");
    let said = run(&["dev", "--port", &port, "--data-dir", elsewhere.to_str().unwrap()]).await.refused();
    assert!(said.contains("cannot be used") && said.contains("--port"), "{said}");
    assert!(!elsewhere.exists(), "nothing half done");
}

async fn opens_sessions_for_test_programs(ready: &Ready) {
    let wanted = json!({ "email": "member@acme.example", "role": "MEMBER" });
    let opened = dev_session(ready, &wanted).send().await.expect(200).json();
    let cookie = opened["cookie"].as_str().unwrap();
    let whoami = format!("{}/api/whoami", opened["host"].as_str().unwrap());
    let claims = Ask::get(&whoami).header("cookie", cookie).send().await.expect(200).json();
    assert_eq!((&claims["email"], &claims["roles"]), (&json!("member@acme.example"), &json!(["MEMBER"])));
    for (field, value, cure) in
        [("role", "KING", "a role of your configuration"), ("workspace", "nowhere", "tenants create")]
    {
        let mut wrong = wanted.clone();
        wrong[field] = json!(value);
        let refused = dev_session(ready, &wrong).send().await.expect(422);
        assert!(refused.body.contains(cure), "{}", refused.body);
    }
    // A browser says where it comes from, and only our own page may.
    dev_session(ready, &wanted).header("origin", "http://elsewhere.example").send().await.expect(403);
    dev_session(ready, &wanted).header("sec-fetch-site", "cross-site").send().await.expect(403);
    let mails = Ask::get(&ready.mailbox).send().await.expect(200).json();
    assert!(mails.is_array());
}

fn dev_session(ready: &Ready, wanted: &Value) -> Ask {
    Ask::post(&format!("{}/-/dev/session", ready.console)).json(wanted)
}

async fn leaves_nothing(dir: &Path, postmaster: Pid, ready: &Ready) {
    assert!(is_gone(postmaster));
    assert!(!dir.join("dev.json").exists());
    let run = dir.join("postgres/run");
    let sockets: Vec<_> =
        std::fs::read_dir(&run).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    assert!(sockets.is_empty(), "{sockets:?}");
    assert!(Ask::get(&ready.console).try_send().await.is_err());
}

/// Again and again: kill -9 while keys are made over the API. The next start is ready in time, leaves no old
/// server beside the new one, and has every key that was acknowledged.
#[tokio::test]
async fn a_killed_dev_loses_no_acknowledged_key() {
    let dir = data_dir();
    let dev = Dev::start(dir.path(), FIRST_START).await;
    let manager = key_that_manages_keys(&dev.ready).await;
    assert_eq!(dev.stop().await.code(), Some(0));
    let kills = std::env::var("TENANTRY_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut acknowledged = BTreeSet::new();
    for round in 0..kills {
        let dev = Dev::start(dir.path(), READY_WITHIN).await;
        let (server, url) = (dev.postmaster(), format!("{}/-/api/v1/keys", dev.ready.api));
        let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let writer = tokio::spawn(make_keys_until_refused(url, manager.clone(), round, told));
        for _ in 0..KEYS_A_KILL {
            acknowledged.insert(hears.recv().await.expect("the writer is not refused before the kill"));
        }
        dev.kill().await;
        writer.await.unwrap();
        while let Some(name) = hears.recv().await {
            acknowledged.insert(name);
        }
        // Every other start comes before the old server is done.
        if round % 2 == 0 {
            gone(server).await;
        }
    }
    let dev = Dev::start(dir.path(), READY_WITHIN).await;
    let there = names_of_keys(&dev.ready.api, &manager).await;
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

async fn make_keys_until_refused(
    url: String,
    manager: String,
    round: usize,
    told: tokio::sync::mpsc::UnboundedSender<String>,
) {
    for number in 0.. {
        let name = format!("{round}-{number}");
        let draft = json!({ "name": name, "scopes": ["products:read"] });
        match Ask::post(&url).bearer(&manager).json(&draft).try_send().await {
            Ok(Answer { status: 201, .. }) => told.send(name).unwrap(),
            _ => return,
        }
    }
}

async fn names_of_keys(api: &str, manager: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut url = format!("{api}/-/api/v1/keys?limit=200");
    loop {
        let page = Ask::get(&url).bearer(manager).send().await.expect(200).json();
        let keys = page["data"].as_array().unwrap().iter();
        names.extend(keys.map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(after) = page["next_after"].as_str() else { return names };
        url = format!("{api}/-/api/v1/keys?limit=200&after={after}");
    }
}

/// Signs in as the owner of the first workspace; the cookie is the console's.
pub(crate) async fn sign_in(ready: &Ready) -> String {
    let fields = [("email", ready.owner.email.as_str()), ("password", ready.owner.password.as_str())];
    cookies(&Ask::post(&format!("{}/-/sign-in", ready.console)).form(&fields).send().await.expect(303))
}

/// A key, made as its owner makes it: on the page, which shows it once.
pub(crate) async fn key_that_manages_keys(ready: &Ready) -> String {
    let fields = [("name", "Manager"), ("scopes", "keys:manage"), ("scopes", "keys:read"), ("scopes", "products:read")];
    let form = Ask::post(&format!("{}/-/console/acme/test/keys/new", ready.console))
        .header("cookie", &sign_in(ready).await)
        .form(&fields);
    let page = form.send().await.expect(200).body;
    let at = page.find("sk_test_").expect("the page shows the key");
    page[at..].chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect()
}
