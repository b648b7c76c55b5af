//! The private cluster, by its promises: data outlives every kind of end, nothing outlives us, nobody shares a
//! data directory, nothing runs as root.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;
use tenantry_core::random::Entropy;
use tenantry_platform::postgres::{
    ClusterFault, Health, Options, Places, PrivateCluster, rls_advisory, shared_for_tests,
};
use tokio::sync::watch;
use tokio_postgres::{Client, Config, NoTls};

/// The promise: ready again after any kill -9.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// A killed process' server is given this long to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

const ROUNDS: usize = 20;

#[tokio::test]
async fn data_survives_a_stop_and_a_start() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    administrator(&cluster).await.batch_execute("create table kept as select 42 as answer").await.unwrap();
    cluster.stop().await;
    let cluster = start(dir.path()).await;
    let answer = administrator(&cluster).await.query_one("select answer from kept", &[]).await.unwrap();
    assert_eq!(answer.get::<_, i32>(0), 42);
}

#[tokio::test]
async fn stopping_leaves_no_process() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let postmaster = postmaster(cluster.location());
    cluster.stop().await;
    assert!(is_gone(postmaster));
}

#[tokio::test]
async fn a_directory_in_use_is_refused_and_its_holder_named() {
    let dir = data_dir();
    let _cluster = start(dir.path()).await;
    let fault = PrivateCluster::start(&options(dir.path())).await.unwrap_err();
    assert!(
        matches!(&fault, ClusterFault::InUse { holder, .. } if *holder == std::process::id().to_string()),
        "{fault}"
    );
    assert!(fault.to_string().contains("is in use by process"), "{fault}");
}

#[tokio::test]
async fn without_postgresql_the_fault_names_the_command_that_installs_it() {
    let dir = data_dir();
    let mut nowhere = options(dir.path());
    nowhere.places = Places::only([dir.path().join("nothing here")]);
    let fault = PrivateCluster::start(&nowhere).await.unwrap_err().to_string();
    assert!(fault.starts_with("PostgreSQL 15 or newer is not installed: run `"), "{fault}");
    assert!(fault.contains("install"), "{fault}");
}

#[tokio::test]
async fn a_cluster_of_another_major_is_left_alone() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    cluster.stop().await;
    fs::write(cluster.location().join("data/PG_VERSION"), "14\n").unwrap();
    let fault = PrivateCluster::start(&options(dir.path())).await.unwrap_err();
    assert!(matches!(fault, ClusterFault::OtherMajor { major: 14, .. }), "{fault}");
}

#[tokio::test]
async fn a_lost_password_is_told_and_not_waited_for() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    cluster.stop().await;
    fs::write(cluster.location().join("password"), "another").unwrap();
    let fault = PrivateCluster::start(&options(dir.path())).await.unwrap_err();
    assert!(matches!(fault, ClusterFault::Password { .. }), "{fault}");
}

#[tokio::test]
async fn the_server_never_runs_as_root() {
    let cluster = shared_for_tests().await;
    let written_by_the_server = cluster.location().join("data/postmaster.pid");
    assert_ne!(fs::metadata(written_by_the_server).unwrap().uid(), 0);
}

#[tokio::test]
async fn a_data_directory_that_the_server_cannot_enter_has_its_files_elsewhere() {
    let dir = dir_of_mode(0o700);
    let cluster = start(dir.path()).await;
    administrator(&cluster).await.batch_execute("create table kept ()").await.unwrap();
    cluster.stop().await;
    let again = start(dir.path()).await;
    administrator(&again).await.batch_execute("select from kept").await.unwrap();
    again.stop().await;
    let inside = cluster.location().starts_with(dir.path());
    assert_eq!(inside, !rustix::process::geteuid().is_root());
    if !inside {
        fs::remove_dir_all(cluster.location()).unwrap();
    }
}

#[tokio::test]
async fn a_long_path_gets_a_short_socket_that_is_ours_alone() {
    let dir = data_dir();
    let cluster = start(&dir.path().join("a-long-name-".repeat(10))).await;
    let socket = cluster.socket_dir().to_owned();
    assert!(socket.join(".s.PGSQL.5432").as_os_str().len() <= 100);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o700);
    administrator(&cluster).await.batch_execute("select 1").await.unwrap();
    cluster.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn only_the_password_opens_it_and_only_by_the_socket() {
    let cluster = shared_for_tests().await;
    let refused = cluster.config("tenantry_admin", "guessed", "postgres").connect(NoTls).await.err().unwrap();
    assert_eq!(refused.code().map(|code| code.code()), Some("28P01"));
    let by_url: Config = cluster.administrator_url("postgres").parse().unwrap();
    let (client, connection) = by_url.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let ask = "select current_setting('listen_addresses') || current_setting('password_encryption')";
    assert_eq!(client.query_one(ask, &[]).await.unwrap().get::<_, String>(0), "scram-sha-256");
}

#[test]
fn minors_with_a_known_hole_are_named_and_mended_ones_are_not() {
    let advisory = rls_advisory(150_018).unwrap();
    assert_eq!(advisory.fixed_in, "15.20");
    assert_eq!(advisory.cves, ["CVE-2026-120154", "CVE-2026-16237"]);
    assert!(rls_advisory(160_001).unwrap().cves.contains(&"CVE-2024-4317"));
    for mended in [150_020, 160_016, 170_012, 180_007, 190_000] {
        assert_eq!(rls_advisory(mended), None);
    }
}

/// The script that installs PostgreSQL upgrades exactly the minors that the server would warn of.
#[test]
fn the_install_script_knows_the_same_minors() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/install");
    let script = fs::read_to_string(script).unwrap();
    let fixed = script.lines().find_map(|line| line.strip_prefix("FIXED_MINORS=\"")?.strip_suffix('"')).unwrap();
    for version in fixed.split(' ') {
        let (major, minor) = version.split_once('.').unwrap();
        let version_num = major.parse::<u32>().unwrap() * 10_000 + minor.parse::<u32>().unwrap();
        assert_eq!(rls_advisory(version_num), None);
        assert_eq!(rls_advisory(version_num - 1).unwrap().fixed_in, version);
    }
}

/// Twenty times: kill -9 of the postmaster while rows are written; it comes back, and nothing acknowledged is lost.
#[tokio::test]
async fn a_killed_postmaster_comes_back_with_every_acknowledged_row() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    administrator(&cluster).await.batch_execute("create table row (id bigint primary key)").await.unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let client = administrator(&cluster).await;
        let (server, health) = (postmaster(cluster.location()), watched(&cluster));
        for id in (round * 1_000..).map(|id| i64::try_from(id).unwrap()) {
            match client.execute("insert into row values ($1)", &[&id]).await {
                Ok(_) => acknowledged.insert(id),
                Err(_) => break,
            };
            if acknowledged.len() % 25 == 0 {
                kill_process(server, Signal::KILL).unwrap_or_default(); // a second shot may come too late
            }
        }
        comes_back(health).await;
    }
    assert!(acknowledged.is_subset(&rows(&cluster).await));
    assert!(acknowledged.len() >= ROUNDS);
}

/// The guard of a server can be killed too: its server is then ended and replaced, never left beside a new one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_lost_its_guard_is_replaced() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    let (unguarded, health) = (postmaster(cluster.location()), watched(&cluster));
    kill_process(parent_of(unguarded), Signal::KILL).unwrap();
    comes_back(health).await;
    assert!(is_gone(unguarded));
    assert_ne!(postmaster(cluster.location()), unguarded);
}

/// Twenty times: kill -9 of the process that runs the cluster while it writes rows. No server is left behind,
/// the next start is ready in time, also one that does not wait for the old server's end, and every row that
/// was acknowledged is there.
#[tokio::test]
async fn a_killed_process_leaves_no_server_and_loses_no_acknowledged_row() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    administrator(&cluster).await.batch_execute("create table row (id bigint primary key)").await.unwrap();
    cluster.stop().await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut writer = Writer::start(dir.path(), round);
        let server = postmaster(&writer.location());
        acknowledged.extend(writer.write_until_killed());
        if round % 2 == 0 {
            gone(server).await;
        }
    }
    let cluster = start(dir.path()).await;
    assert!(acknowledged.is_subset(&rows(&cluster).await));
    assert!(acknowledged.len() >= ROUNDS);
}

/// The process that is killed: this test binary again, running only the test below.
struct Writer {
    process: Child,
    said: BufReader<ChildStdout>,
}

const WRITER_DIR: &str = "TENANTRY_TEST_WRITER_DIR";
const WRITER_ROUND: &str = "TENANTRY_TEST_WRITER_ROUND";

impl Writer {
    fn start(dir: &Path, round: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "postgres::writes_rows_until_it_is_killed", "--ignored", "--nocapture"]);
        command.env(WRITER_DIR, dir).env(WRITER_ROUND, round.to_string());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    /// Waits for the writer's cluster to be ready; says where it is.
    fn location(&mut self) -> PathBuf {
        let ready = self.lines().find_map(|line| Some(PathBuf::from(line.strip_prefix("ready ")?)));
        ready.expect("the writer's cluster is ready in time")
    }

    /// The rows that were acknowledged before the kill, also those that it managed to tell while being killed.
    fn write_until_killed(&mut self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.lines().filter_map(|line| line.parse().ok()).take(20).collect();
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        ids.extend(self.lines().filter_map(|line| line.parse::<i64>().ok()));
        ids
    }

    fn lines(&mut self) -> impl Iterator<Item = String> {
        (&mut self.said).lines().map_while(Result::ok)
    }
}

#[tokio::test]
#[ignore = "not a test of its own: the process that the test above kills"]
async fn writes_rows_until_it_is_killed() {
    let (Some(dir), Ok(round)) = (std::env::var_os(WRITER_DIR), std::env::var(WRITER_ROUND)) else { return };
    let start = start(Path::new(&dir));
    let cluster = tokio::time::timeout(READY_WITHIN, start).await.expect("ready in time");
    let client = administrator(&cluster).await;
    say(&format!("ready {}", cluster.location().display()));
    for id in round.parse::<i64>().unwrap() * 1_000_000.. {
        client.execute("insert into row values ($1)", &[&id]).await.unwrap();
        say(&id.to_string());
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// A directory that the server's account can pass through.
fn data_dir() -> TempDir {
    dir_of_mode(0o711)
}

fn dir_of_mode(mode: u32) -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(mode)).tempdir().unwrap()
}

fn options(dir: &Path) -> Options {
    Options::new(dir, Entropy::system())
}

async fn start(dir: &Path) -> PrivateCluster {
    PrivateCluster::start(&options(dir)).await.unwrap()
}

async fn administrator(cluster: &PrivateCluster) -> Client {
    let (client, connection) = cluster.administrator("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn rows(cluster: &PrivateCluster) -> BTreeSet<i64> {
    let rows = administrator(cluster).await.query("select id from row", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Watches from before the kill, so that a quick return is not missed.
fn watched(cluster: &PrivateCluster) -> watch::Receiver<Health> {
    let mut health = cluster.health();
    health.mark_unchanged();
    health
}

async fn comes_back(mut health: watch::Receiver<Health>) {
    let back = async {
        health.changed().await.unwrap();
        health.wait_for(|now| *now == Health::Ready).await.unwrap();
    };
    tokio::time::timeout(READY_WITHIN, back).await.expect("ready again in time");
}

fn postmaster(location: &Path) -> Pid {
    let record = fs::read_to_string(location.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(record.lines().next().unwrap().parse().unwrap()).unwrap()
}

/// A process that has ended but that its parent did not collect yet has no arguments.
fn is_gone(pid: Pid) -> bool {
    let arguments = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
    arguments.map_or_else(|_| test_kill_process(pid).is_err(), |arguments| arguments.is_empty())
}

async fn gone(pid: Pid) {
    let poll = async {
        while !is_gone(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(GONE_WITHIN, poll).await.expect("no server is left behind");
}

#[cfg(target_os = "linux")]
fn parent_of(pid: Pid) -> Pid {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    Pid::from_raw(parent.trim().parse().unwrap()).unwrap()
}
