//! `docs/failure.md`: every line has a test. Here are those on a running `tenantry serve`: a database that is away or
//! stands still, descriptors that run out, connections by the thousand, a log that takes nothing.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tenantry_core::clock::Clock;
use tenantry_core::ids::{TenantId, uuid7};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_platform::db::PoolOptions;
use tokio::process::{Child, Command};

use crate::app::{TestApp, Wanted};
use crate::client::Answer;
use crate::dev::ask::Ask;
use crate::dev::process::{end, tenantry, until};
use crate::echo;
use crate::house::sources;
use crate::serve::{Site, connect};

const LIST: &str = include_str!("../../../docs/failure.md");

const KEYS: &str = "/-/api/v1/keys";
/// Answered without the app, to which no connection may be left.
const WHOAMI: &str = "/-/api/v1/whoami";
const PRODUCTS: &str = "/api/products";

/// A line says what fails, what happens, the direction, and where, with a test by its name, a file of tests or a command.
#[test]
fn every_line_of_the_list_has_a_test_that_there_is() {
    let texts: Vec<String> = sources().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let is_there = |name: &str| {
        let function = format!("fn {name}(");
        name.starts_with("make ") || root.join(name).is_file() || texts.iter().any(|text| text.contains(&function))
    };
    let (failures, _constants) = LIST.split_once("\n## Limits and constants").unwrap();
    let lines = failures.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what fails |"));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("| ---")).collect();
    assert!(lines.len() > 100, "{}", lines.len());
    for line in lines {
        let named = line.split_once("tested: ").map(|(_, names)| names.split('`').skip(1).step_by(2).collect());
        let names: Vec<&str> = named.unwrap_or_default();
        let unknown: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?} of this line are no tests: {line}");
        assert!(!names.is_empty() || line.contains("tested by the same"), "no test: {line}");
    }
}

/// A site that is migrated and has an app, which answers with what it saw.
async fn site() -> Site {
    let site = Site::planned().await;
    site.run(&["migrate"]).await.well();
    // These tests ask until something has happened.
    set(&site, "[limits.tiers]\napi_key = { limit = 1000000 }\napi_ip = { limit = 1000000 }");
    echo::serve(&site.dir.path().join("app.sock"));
    site
}

fn serve(site: &Site) -> Command {
    let mut serve = tenantry(&["serve", "--config", &site.file]);
    serve.stdout(Stdio::null());
    serve
}

/// More lines at the end of the file.
fn set(site: &Site, section: &str) {
    let text = std::fs::read_to_string(&site.file).unwrap();
    std::fs::write(&site.file, format!("{text}{section}\n")).unwrap();
}

/// A key as a program has it, written by the database's administrator.
async fn key(site: &Site) -> String {
    let entropy = Entropy::system();
    let tenant = TenantId::from_uuid(uuid7(&Clock::system(), &entropy));
    let made = ApiKey::generate(Mode::Live, tenant, &entropy);
    let (digest, start) = (made.parsed().digest().as_bytes().to_vec(), made.parsed().start().to_owned());
    let slug = format!("t-{}", tenant.uuid().simple());
    let administrator = connect(&site.cluster.administrator("served")).await;
    let workspace = "insert into control.tenants (tenant_id, slug, name, status_at, created_at) values ($1, $2, 'Acme', now(), now())";
    administrator.execute(workspace, &[&tenant.uuid(), &slug]).await.unwrap();
    let key = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at)
        values ($1, gen_random_uuid(), 'Sync', $2, $3, '{products:read}', now())";
    administrator.execute(key, &[&tenant.uuid(), &digest, &start]).await.unwrap();
    made.into_plaintext().expose_secret().to_owned()
}

async fn ask(site: &Site, key: &str) -> Answer {
    Ask::get(&site.at("api", PRODUCTS)).bearer(key).send().await
}

#[tokio::test]
async fn a_start_without_a_database_ends_with_a_sentence() {
    let site = Site::planned().await;
    site.cluster.stop().await;
    let said = site.run(&["serve", "--config", &site.file]).await.refused();
    assert!(said.starts_with("tenantry: ") && said.lines().count() == 1 && said.contains("database"), "{said}");
}

/// Down, and known to be: nobody can revoke anything, so what memory knows is served for as long as the file says.
#[tokio::test]
async fn while_the_database_is_down_memory_serves_and_what_it_does_not_know_is_503() {
    let site = site().await;
    set(&site, "[database]\noutage_grace_s = 600");
    let (known, unknown) = (key(&site).await, key(&site).await);
    let mut served = site.start(&mut serve(&site)).await;
    ask(&site, &known).await.expect(200);
    site.cluster.stop().await;
    ask(&site, &known).await.expect(200);
    let refused = ask(&site, &unknown).await.expect(503);
    assert_eq!(refused.header("retry-after"), "1");
    Ask::get(&site.at("nobody-knows-it", PRODUCTS)).send().await.expect(503);
    for health in ["/-/health/ready", "/-/health/live"] {
        Ask::get(&site.at("app", health)).send().await.expect(200);
    }
    assert_eq!(end(&mut served).await.code(), Some(0), "and it ends in order");
}

#[tokio::test]
async fn with_no_grace_a_database_that_is_down_is_an_end_to_everything_guarded() {
    let site = site().await;
    set(&site, "[database]\noutage_grace_s = 0");
    let known = key(&site).await;
    let _served = site.start(&mut serve(&site)).await;
    ask(&site, &known).await.expect(200);
    site.cluster.stop().await;
    let refused = async || Some(ask(&site, &known).await).filter(|answer| answer.status == 503);
    until("its lease is over", refused).await.problem(503, "node_behind");
    Ask::get(&site.at("app", "/-/health/ready")).send().await.expect(503);
}

/// It may be this node alone that hears nothing, and a revocation may be under way: a second later nothing is believed.
#[tokio::test]
async fn a_database_that_stands_still_is_believed_for_a_second_and_missed_until_it_goes_on() {
    let site = site().await;
    let (known, unknown) = (key(&site).await, key(&site).await);
    let _served = site.start(&mut serve(&site)).await;
    ask(&site, &known).await.expect(200);
    let processes = postgres(&site);
    signal(&processes, Signal::STOP);
    let refused = async || Some(ask(&site, &known).await).filter(|answer| answer.status == 503);
    let stopped = until("its lease is over", refused).await;
    ask(&site, &unknown).await.expect(503);
    signal(&processes, Signal::CONT);
    stopped.problem(503, "node_behind");
    until("it has caught up", async || (ask(&site, &known).await.status == 200).then_some(())).await;
    ask(&site, &unknown).await.expect(200);
}

/// The postmaster and its children.
fn postgres(site: &Site) -> Vec<Pid> {
    let record = std::fs::read_to_string(site.cluster.location().join("data/postmaster.pid")).unwrap();
    let postmaster = record.lines().next().unwrap().to_owned();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ours = all.filter(|pid| *pid == postmaster || parent(pid).is_some_and(|parent| parent == postmaster));
    ours.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn parent(pid: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything: state and parent.
    text.rsplit_once(") ")?.1.split(' ').nth(1).map(str::to_owned)
}

fn signal(processes: &[Pid], signal: Signal) {
    for pid in processes {
        kill_process(*pid, signal).unwrap();
    }
}

/// A table that somebody holds for longer than a statement waits: those who need it are told to come again.
#[tokio::test]
async fn a_lock_that_somebody_holds_is_503_and_takes_no_connection_with_it() {
    let pools = PoolOptions { most: 1, wait: Duration::from_millis(100), ..PoolOptions::default() };
    let app = TestApp::with(Wanted { pools, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (first, second) = (acme.key(["products:read"]).await, acme.key(["products:read"]).await);
    let administrator = app.db.administrator().await;
    administrator.batch_execute("begin; lock table live.api_keys in access exclusive mode").await.unwrap();
    let (locked, crowded) = tokio::join!(first.get(PRODUCTS), second.get(PRODUCTS));
    for refused in [locked, crowded] {
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.body);
    }
    administrator.batch_execute("rollback").await.unwrap();
    first.get(PRODUCTS).await.expect(200);
    second.get(PRODUCTS).await.expect(200);
}

/// PostgreSQL says 53100 where its disk takes no row.
#[tokio::test]
async fn a_full_disk_of_the_database_changes_nothing_and_is_told() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    let no_room = "create function public.no_room() returns trigger language plpgsql as
        $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
        create trigger no_room before insert on live.events for each row execute function public.no_room()";
    let administrator = app.db.administrator().await;
    administrator.batch_execute(no_room).await.unwrap();
    let (keys, rows) = (app.count("live.api_keys").await, app.count("live.audit").await);
    let draft = json!({ "name": "Next", "scopes": ["products:read"] });
    key.call("POST", "api", KEYS).json(&draft).send().await.expect(500);
    assert_eq!((app.count("live.api_keys").await, app.count("live.audit").await), (keys, rows));
    key.get(PRODUCTS).await.expect(200);
    administrator.batch_execute("drop trigger no_room on live.events").await.unwrap();
    key.call("POST", "api", KEYS).json(&draft).send().await.expect(201);
}

/// Whoever is connected is served on, whoever waits is served when somebody leaves, and the log says it once.
#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_those_who_are_connected_are_served_and_the_others_wait() {
    let site = site().await;
    set(&site, "[database]\nmax_connections = 2");
    let key = key(&site).await;
    let log = site.dir.path().join("log");
    let mut served = Command::new("sh");
    served.args(["-c", "ulimit -n 100; exec \"$0\" serve --config \"$1\"", env!("CARGO_BIN_EXE_tenantry"), &site.file]);
    served.stdin(Stdio::null()).stdout(File::create(&log).unwrap()).kill_on_drop(true);
    let _served = site.start(&mut served).await;
    let mut first = Idle::to(&site);
    first.asks(&key, 200);
    let others: Vec<_> = (0..150).map(|_| Idle::to(&site)).collect();
    let is_told = || std::fs::read_to_string(&log).unwrap().contains("cannot take connections");
    until("it is told", async || is_told().then_some(())).await;
    first.asks(&key, 200);
    drop(others);
    until("somebody new is served", async || (ask(&site, &key).await.status == 200).then_some(())).await;
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("raise the limit (LimitNOFILE=, ulimit -n) or lower the setting"), "at the start: {said}");
    let told = said.matches("cannot take connections").count();
    assert!(told <= 4, "once a thread and shortage, and not twenty times a second: {told}");
}

/// Ten thousand who say nothing, and a thousand who say it slowly, cost little memory and keep nobody waiting.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_and_a_thousand_slow_heads_keep_nobody_waiting() {
    let site = site().await;
    let text = std::fs::read_to_string(&site.file).unwrap();
    std::fs::write(&site.file, text.replace("[listen]\n", "[listen]\nhead_timeout_ms = 2000\n")).unwrap();
    let key = key(&site).await;
    let served = site.start(&mut serve(&site)).await;
    ask(&site, &key).await.expect(200);
    let (count, before) = (most_connections(), resident_kib(&served));
    let idle: Vec<_> = (0..count).map(|_| Idle::to(&site)).collect();
    let mut slow: Vec<_> = (0..1_000).map(|_| Idle::to(&site)).collect();
    slow.iter_mut().for_each(|line| line.says(b"GET /api/products HTTP/1.1\r\nhost: api.loc"));
    ask(&site, &key).await.expect(200);
    let each = resident_kib(&served).saturating_sub(before) / (count + slow.len());
    assert!(each < 24, "{each} KiB a connection of {count}");
    for line in &mut slow {
        assert!(line.hears().starts_with("HTTP/1.1 408 "));
    }
    ask(&site, &key).await.expect(200);
    drop(idle);
}

/// As many as this machine lets one process open, ten thousand at most.
fn most_connections() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let most = limit.maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
    most.saturating_sub(4_000).min(10_000)
}

fn resident_kib(child: &Child) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A disk without room under the log: lines are lost, requests are not.
#[tokio::test]
async fn a_log_that_takes_nothing_holds_no_request_back() {
    let site = site().await;
    let key = key(&site).await;
    let mut served = site.start(serve(&site).stdout(full()).stderr(full())).await;
    for _ in 0..200 {
        ask(&site, &key).await.expect(200);
    }
    assert_eq!(end(&mut served).await.code(), Some(0));
}

fn full() -> File {
    File::options().write(true).open(Path::new("/dev/full")).unwrap()
}

/// A connection of a client that reads and writes when the test says so.
struct Idle(TcpStream);

impl Idle {
    fn to(site: &Site) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(stream)
    }

    fn says(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// What comes until there is a head, or until the other side closes.
    fn hears(&mut self) -> String {
        let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
        while !heard.windows(4).any(|four| four == b"\r\n\r\n") {
            match self.0.read(&mut piece).unwrap() {
                0 => break,
                count => heard.extend_from_slice(&piece[..count]),
            }
        }
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// One request whose answer has this status, on a connection that is kept.
    #[track_caller]
    fn asks(&mut self, key: &str, status: u16) {
        let head = format!("HEAD {WHOAMI} HTTP/1.1\r\nhost: api.localhost\r\nauthorization: Bearer {key}\r\n\r\n");
        self.says(head.as_bytes());
        let heard = self.hears();
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
    }
}
