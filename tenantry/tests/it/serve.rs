//! `tenantry serve` as a process: planned, migrated and served by somebody who is no superuser.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tenantry_core::random::Entropy;
use tenantry_platform::postgres::{Options, PrivateCluster};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio_postgres::NoTls;

use crate::client::Answer;
use crate::dev::ask::Ask;
use crate::dev::process::{Said, data_dir, end, run, tenantry, until};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/tenantry.toml");
const CRON_SECRET: &str = "only-the-scheduler-knows-this-one";

#[tokio::test]
async fn an_empty_database_is_planned_migrated_and_served() {
    let site = Site::planned().await;
    nothing_is_served_before_the_migration(&site).await;
    three_nodes_migrate_at_once(&site).await;
    powerful_logins_are_refused(&site).await;
    let mut served = site.serve().await;
    nothing_of_dev_exists(&site).await;
    assert_eq!(end(&mut served).await.code(), Some(0));
    numbers_of_another_cluster_are_renumbered(&site).await;

    let app = UnixListener::bind(site.dir.path().join("app.sock")).unwrap();
    let served = site.serve().await;
    answers_in_flight_are_finished(&site, served, &app).await;
    another_root_key_is_refused(&site).await;
}

async fn nothing_is_served_before_the_migration(site: &Site) {
    let said = site.run(&["serve", "--config", &site.file]).await.refused();
    assert!(said.contains("it lacks migration 0001_ground. Run `tenantry migrate`."), "{said}");
}

async fn three_nodes_migrate_at_once(site: &Site) {
    let (one, two, three) = tokio::join!(site.run(&["migrate"]), site.run(&["migrate"]), site.run(&["migrate"]));
    let said = [one.well(), two.well(), three.well()];
    let applied = said.iter().filter(|said| said.contains("applied 0001_ground")).count();
    let found_it_done = said.iter().filter(|said| said.contains("up to date")).count();
    assert_eq!((applied, found_it_done), (1, 2), "{said:?}");
}

/// A request must never be answered with a login that could see past the walls [AC-8].
async fn powerful_logins_are_refused(site: &Site) {
    let said = site.refused_with("TENANTRY_LIVE_URL", &site.cluster.administrator_url("served")).await;
    assert!(said.contains("signs in as tenantry_admin"), "{said}");
    let administrator = connect(&site.cluster.administrator("served")).await;
    administrator.batch_execute("alter role tenantry_live bypassrls").await.unwrap();
    let said = site.run(&["serve", "--config", &site.file]).await.refused();
    assert!(said.contains("tenantry_live") && said.contains("tenantry database plan"), "{said}");
    administrator.batch_execute("alter role tenantry_live nobypassrls").await.unwrap();
}

async fn nothing_of_dev_exists(site: &Site) {
    for path in ["/-/dev/mail", "/-/dev/mail/1"] {
        Ask::get(&site.at("app", path)).send().await.expect(404);
    }
    let wanted = json!({ "email": "anybody@acme.example", "role": "OWNER" });
    Ask::post(&site.at("app", "/-/dev/session")).json(&wanted).send().await.expect(404);
}

/// The app has begun its answer when SIGTERM comes: no new caller is let in, and the answer is finished.
async fn answers_in_flight_are_finished(site: &Site, mut served: Child, app: &UnixListener) {
    let nightly = site.at("api", "/api/cron/nightly");
    let caller = tokio::spawn(Ask::post(&nightly).bearer(CRON_SECRET).send());
    let (mut stream, _) = app.accept().await.unwrap();
    read_head(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    kill_process(Pid::from_raw(served.id().unwrap().cast_signed()).unwrap(), Signal::TERM).unwrap();
    until("nobody new is let in", async || Ask::get(&nightly).try_send().await.is_err().then_some(())).await;
    stream.write_all(b" done").await.unwrap();
    let answer: Answer = caller.await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "half done"));
    assert_eq!(served.wait().await.unwrap().code(), Some(0));
}

async fn read_head(stream: &mut UnixStream) {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.unwrap() > 0);
    }
}

/// What a dump brings that was loaded here from a cluster which is far ahead.
async fn numbers_of_another_cluster_are_renumbered(site: &Site) {
    let foreign = "insert into control.change (xid, id, at, kind, subject)
        values ('40000000000', gen_random_uuid(), now(), 'key', gen_random_uuid())";
    connect(&site.cluster.administrator("served")).await.batch_execute(foreign).await.unwrap();
    let said = site.run(&["serve", "--config", &site.file]).await.refused();
    assert!(said.contains("`tenantry database renumber`"), "{said}");
    let said = site.run(&["database", "renumber"]).await.well();
    assert!(said.contains("1 rows have numbers of this cluster now."), "{said}");
    let said = site.run(&["database", "renumber"]).await.well();
    assert!(said.contains("All numbers are this cluster's."), "{said}");
}

/// A wrong key is told before the first request: nothing sealed under the right one could be opened [EN-2].
async fn another_root_key_is_refused(site: &Site) {
    let other = run(&["keys", "new-root"]).await.well();
    let said = site.refused_with("TENANTRY_ROOT_KEY", other.trim()).await;
    assert!(said.contains("root key"), "{said}");
}

/// A migration takes locks, and whoever serves would wait for them, by a binary that does not know what comes.
#[tokio::test]
async fn nothing_is_migrated_under_whoever_serves_unless_somebody_says_so() {
    let site = Site::planned().await;
    let url = site.environment.iter().find(|(name, _)| name == "TENANTRY_CONTROL_URL").unwrap();
    let serving = connect(&url.1.parse().unwrap()).await;
    let said = site.run(&["migrate"]).await.refused();
    assert!(said.contains("1 sessions of `tenantry serve` are on this database"), "{said}");
    assert!(said.contains("it lacks migration 0001_ground") && said.contains("--while-serving"), "{said}");

    let said = site.run(&["migrate", "--while-serving"]).await.well();
    let (waits, applied) = said.split_once("applied 0001_ground").unwrap();
    assert!(waits.contains("requests wait for it") && applied.contains("applied 0013_directory"), "{said}");
    let said = site.run(&["migrate"]).await.well();
    assert!(said.contains("up to date"), "nobody has to go where there is nothing to do: {said}");

    let administrator = connect(&site.cluster.administrator("served")).await;
    administrator.batch_execute("delete from migrations.applied where name = '0013_directory'").await.unwrap();
    let said = site.run(&["migrate"]).await.refused();
    assert!(said.contains("it lacks migration 0013_directory"), "{said}");
    drop(serving);
}

/// Restarting a node cures no database, and taking all of them out helps nobody whom they know (OBS-1).
#[tokio::test]
async fn a_node_that_serves_from_memory_is_alive_and_ready() {
    let site = Site::planned().await;
    site.run(&["migrate"]).await.well();
    let mut served = site.serve().await;
    let health = ["live", "ready"].map(|what| site.at("app", &format!("/-/health/{what}")));
    let Site { cluster, dir: _dir, .. } = site;
    cluster.stop().await;
    for address in &health {
        Ask::get(address).send().await.expect(200);
    }
    assert_eq!(end(&mut served).await.code(), Some(0));
}

#[tokio::test]
async fn everything_that_is_missing_is_told_at_once() {
    let dir = data_dir();
    let file = configuration(dir.path(), 8080);
    let said = run(&["serve", "--config", &file]).await.refused();
    for name in [
        "CONTROL_URL",
        "LIVE_URL",
        "TEST_URL",
        "JOBS_URL",
        "OPERATOR_URL",
        "LISTEN_URL",
        "ROOT_KEY",
        "SMTP_URL",
        "CRON_SECRET",
    ] {
        assert!(said.contains(&format!("TENANTRY_{name}: ")), "{name}: {said}");
    }
    assert!(said.contains("`tenantry keys new-root` makes one"), "{said}");

    let unguarded = format!("{}\n[[routes]]\npath = \"/reports\"\n", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, &unguarded).unwrap();
    let said = run(&["serve", "--config", &file]).await.refused();
    let line = unguarded.lines().count();
    assert!(said.contains(&format!("{file}:{line}:")) && said.contains("guard"), "{said}");
}

/// A database of somebody else's cluster, planned by its owner, who may make roles and nothing more.
pub(crate) struct Site {
    pub(crate) cluster: PrivateCluster,
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
    pub(crate) file: String,
    pub(crate) environment: Vec<(String, String)>,
}

impl Site {
    pub(crate) async fn planned() -> Self {
        let dir = data_dir();
        let cluster = PrivateCluster::start(&Options::new(dir.path(), Entropy::system())).await.unwrap();
        let administrator = connect(&cluster.administrator("postgres")).await;
        administrator.batch_execute("create role dba login createrole password 'dba'").await.unwrap();
        administrator.batch_execute("create database served owner dba").await.unwrap();
        let host: String =
            url::form_urlencoded::byte_serialize(cluster.socket_dir().as_os_str().as_encoded_bytes()).collect();
        let plan = run(&["database", "plan", "--database", "served", "--host", &host]).await.well();
        connect(&cluster.config("dba", "dba", "served")).await.batch_execute(&plan).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = configuration(dir.path(), port);
        let environment = environment(&plan, run(&["keys", "new-root"]).await.well());
        Self { cluster, dir, port, file, environment }
    }

    /// Starts `serve`, and waits until it can.
    async fn serve(&self) -> Child {
        self.start(tenantry(&["serve", "--config", &self.file]).stdout(Stdio::null())).await
    }

    /// The same by a command of the test's own.
    pub(crate) async fn start(&self, serve: &mut Command) -> Child {
        let child = serve.envs(self.environment.clone()).spawn().unwrap();
        let ready = self.at("app", "/-/health/ready");
        until("it is ready", async || (Ask::get(&ready).try_send().await.ok()?.status == 200).then_some(())).await;
        child
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Said {
        Said::from(tenantry(args).envs(self.environment.clone()).output().await.unwrap())
    }

    /// What `serve` says to one variable that is another.
    async fn refused_with(&self, name: &str, value: &str) -> String {
        let mut serve = tenantry(&["serve", "--config", &self.file]);
        Said::from(serve.envs(self.environment.clone()).env(name, value).output().await.unwrap()).refused()
    }

    pub(crate) fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}.localhost:{}{path}", self.port)
    }
}

/// The URLs that the plan prints in its comments, and what people add.
fn environment(plan: &str, root_key: String) -> Vec<(String, String)> {
    let lines = plan.lines().filter_map(|line| line.strip_prefix("-- TENANTRY_")?.split_once('='));
    let mut environment: Vec<_> = lines.map(|(name, url)| (format!("TENANTRY_{name}"), url.to_owned())).collect();
    assert_eq!(environment.len(), 7, "five logins, LISTEN and the migration");
    environment.push(("TENANTRY_ROOT_KEY".to_owned(), root_key.trim().to_owned()));
    environment.push(("TENANTRY_SMTP_URL".to_owned(), "smtp://127.0.0.1:9?tls=required".to_owned()));
    environment.push(("TENANTRY_CRON_SECRET".to_owned(), CRON_SECRET.to_owned()));
    environment
}

/// The demo's routes, with what production has to say.
fn configuration(dir: &Path, port: u16) -> String {
    let demo = std::fs::read_to_string(DEMO).unwrap();
    let more = format!(
        "\n[listen]\naddress = \"127.0.0.1:{port}\"\n[hosts]\nbase = \"localhost\"\nscheme = \"http\"\nport = {port}\n\
         [upstream]\nurl = \"unix:{}\"\n[mail]\nfrom = \"Acme <no-reply@example.com>\"\n\
         [security_txt]\ncontact = \"mailto:security@example.com\"\nexpires = \"2999-01-01T00:00:00Z\"\n",
        dir.join("app.sock").display(),
    );
    let file = dir.join("tenantry.toml");
    std::fs::write(&file, demo + &more).unwrap();
    file.to_str().unwrap().to_owned()
}

pub(crate) async fn connect(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
