//! The promise while something is broken: a node that stands still, a connection that is cut, a pooler between, the
//! database that restarts or is an older copy, a clock that jumps.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use tenantry_platform::kit::password;
use tenantry_platform::postgres::PrivateCluster;
use tokio::process::{Child, Command};
use tokio_postgres::NoTls;

use super::{DATABASE, Extra, Fleet, Key, Line, PATH, Revoked, cluster_options};
use crate::dev::process::{data_dir, until};

/// Nobody serves without a database: what a revocation answers holds then without an exception.
const STRICT: Extra<'static> = Extra { settings: "[database]\noutage_grace_s = 0\n", environment: &[] };
/// A node that stands still for so long has no lease.
const BEYOND_A_LEASE: Duration = Duration::from_millis(1_200);

/// Revokes keys one after another, each at another node, and looks that no node accepts one after the answer.
async fn holds(fleet: &Fleet, count: usize) -> Vec<Revoked> {
    let (manager, mut lines) = (fleet.key(&["keys:manage"]).await, lines(fleet));
    let mut all = Vec::new();
    for number in 0..count {
        let key = fleet.key(&["products:read"]).await;
        join_all(fleet.nodes.iter().map(|node| node.accepts(&key))).await;
        let at = number % lines.len();
        let revoked = revoke(&mut lines[at], &key, &manager).await;
        refused(&mut lines, &key).await;
        all.push(revoked);
    }
    all
}

fn lines(fleet: &Fleet) -> Vec<Line> {
    fleet.nodes.iter().map(super::Node::line).collect()
}

/// Asking again is safe: whoever gets no answer does.
async fn revoke(line: &mut Line, key: &Key, manager: &Key) -> Revoked {
    until("it is revoked", async || line.revoke(key, manager).await).await
}

/// Waits until no node lives on the grace of an outage any more: a revocation's answer says whether one does.
async fn back(fleet: &Fleet) {
    let (manager, mut lines) = (fleet.key(&["keys:manage"]).await, lines(fleet));
    until("every node has a lease again", async || {
        let key = fleet.key(&["products:read"]).await;
        let revoked = revoke(&mut lines[0], &key, &manager).await;
        revoked.reach["may_accept_until"].is_null().then_some(())
    })
    .await;
}

/// By all, as of now.
async fn refused(lines: &mut [Line], key: &Key) {
    let statuses = join_all(lines.iter_mut().map(|line| line.use_key(key))).await;
    assert!(statuses.iter().all(|status| matches!(status, 0 | 401 | 503)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stood_still_refuses_until_it_has_caught_up() {
    let fleet = Fleet::start(2, STRICT).await;
    let (manager, key, kept) =
        (fleet.key(&["keys:manage"]).await, fleet.key(&["products:read"]).await, fleet.key(&["products:read"]).await);
    let [going, still] = fleet.nodes.as_slice() else { panic!("two nodes") };
    still.accepts(&key).await;
    still.accepts(&kept).await;

    still.signal(Signal::STOP);
    let revoked = revoke(&mut going.line(), &key, &manager).await;
    assert_eq!((&revoked.reach["applied"], &revoked.reach["lapsed"]), (&1.into(), &1.into()));
    assert!(revoked.reach["may_accept_until"].is_null(), "{}", revoked.reach);
    assert!(revoked.took() >= Duration::from_millis(900), "nobody knows what it does before its lease is over");
    // Sent while it stands still: it reads them before it has read anything of the database.
    let asking = join_all((0..20).map(|_| async {
        let mut line = still.line();
        line.use_key(&key).await
    }));
    let waking = async {
        tokio::time::sleep(BEYOND_A_LEASE).await;
        still.signal(Signal::CONT);
    };
    let (statuses, ()) = tokio::join!(asking, waking);
    assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
    still.accepts(&kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_again_and_again_opens_nothing() {
    let fleet = Fleet::start(3, STRICT).await;
    let administrator = fleet.administrator().await;
    let cutting = async {
        loop {
            let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                       where usename = 'tenantry_control' and (query like '%doors.changes_seen%' or query like 'listen %')";
            administrator.query(sql, &[]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        () = cutting => {}
        all = holds(&fleet, 12) => assert!(all.iter().all(|revoked| revoked.reach["may_accept_until"].is_null())),
    }
}

/// Through a pooler of transactions LISTEN hears nothing: changes are polled, and the promise is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_of_transactions_on_the_way_of_the_feed_changes_nothing() {
    let mut fleet = Fleet::prepare(STRICT.settings).await;
    let pooler = Pooler::start(fleet.cluster()).await;
    let listen = pooler.url("tenantry_control");
    for _ in 0..3 {
        fleet.add(Extra { environment: &[("TENANTRY_LISTEN_URL", listen.clone())], ..STRICT }).await;
    }
    let all = holds(&fleet, 12).await;
    assert!(all.iter().all(|revoked| revoked.reach["applied"] == 3 || revoked.took() >= Duration::from_millis(900)));
    assert!(fleet.nodes.iter().all(|node| node.said().contains("LISTEN does not work")), "it is told");
}

/// Known keys are served while it is away, nothing is revoked meanwhile, and then the promise holds again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_takes_no_revocation_with_it() {
    let mut fleet = Fleet::start(3, Extra::default()).await;
    holds(&fleet, 3).await;
    let (manager, kept) = (fleet.key(&["keys:manage"]).await, fleet.key(&["products:read"]).await);
    join_all(fleet.nodes.iter().map(|node| node.accepts(&kept))).await;
    let (mut lines, data) = (lines(&fleet), fleet.dir.path().to_owned());
    fleet.cluster.take().unwrap().stop().await;
    for line in &mut lines {
        assert_eq!(line.use_key(&kept).await, 200, "from memory");
        assert!(line.revoke(&kept, &manager).await.is_none(), "and nothing can be taken away");
    }
    fleet.cluster = Some(again(&data).await);
    let revoked = revoke(&mut lines[0], &kept, &manager).await;
    assert!(!revoked.reach.is_null());
    if revoked.reach["may_accept_until"].is_null() {
        refused(&mut lines, &kept).await;
    }
    back(&fleet).await;
    holds(&fleet, 3).await;
}

/// A revocation that the copy does not have is lost with it. Nobody believes anything of before, and it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_database_is_noticed_by_every_node() {
    let mut fleet = Fleet::start(2, Extra::default()).await;
    let (dir, copy) = (fleet.dir.path().to_owned(), fleet.dir.path().join("copy"));
    let files = fleet.cluster().location().join("data");
    fleet.cluster.take().unwrap().stop().await;
    copied(&files, &copy);
    fleet.cluster = Some(again(&dir).await);
    // Made after the copy: the older database has never heard of it.
    let key = fleet.key(&["products:read"]).await;
    join_all(fleet.nodes.iter().map(|node| node.accepts(&key))).await;
    // Each has read the feed again: whoever had not could not tell the copy from what it knew.
    back(&fleet).await;
    holds(&fleet, 2).await;

    fleet.cluster.take().unwrap().stop().await;
    std::fs::remove_dir_all(&files).unwrap();
    copied(&copy, &files);
    fleet.cluster = Some(again(&dir).await);
    for node in &fleet.nodes {
        let mut line = node.line();
        until("what was cached is forgotten", async || (line.use_key(&key).await == 401).then_some(())).await;
        assert!(node.said().contains("older copy"), "{}", node.said());
    }
    // The copy knows the nodes by their former names, too, and answers for a while that those may accept.
    holds(&fleet, 2).await;
}

/// The wall clock of one node jumps by an hour, forward and back again: a lease is counted by a clock that nobody sets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wall_clock_that_jumps_lengthens_no_lease() {
    let Some(library) = faketime() else { panic!("libfaketime is not installed: scripts/install test does it") };
    let mut fleet = Fleet::prepare(STRICT.settings).await;
    let jump = fleet.dir.path().join("jump");
    std::fs::write(&jump, "+0").unwrap();
    let environment = [
        ("LD_PRELOAD", library.to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", jump.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    fleet.add(Extra { environment: &environment, ..STRICT }).await;
    fleet.add(STRICT).await;
    for (offset, hour) in [("+3600", 1), ("+0", 0)] {
        std::fs::write(&jump, offset).unwrap();
        is_at(&fleet, hour).await;
        holds(&fleet, 2).await;
        stood_still(&fleet).await;
    }
}

/// The node whose clock jumps logs so many hours ahead: it has taken the jump.
async fn is_at(fleet: &Fleet, hours: i64) {
    let (node, ahead) = (&fleet.nodes[0], jiff::SignedDuration::from_hours(hours));
    until("the clock has jumped", async || {
        node.line().ask("GET", PATH, "").await;
        let now = (fleet.ground.now() + ahead).strftime("%Y-%m-%dT%H").to_string();
        node.said().lines().last().is_some_and(|line| line.contains(&now)).then_some(())
    })
    .await;
}

/// The node whose clock jumps stands still beyond its lease.
async fn stood_still(fleet: &Fleet) {
    let (manager, key) = (fleet.key(&["keys:manage"]).await, fleet.key(&["products:read"]).await);
    let [jumping, going] = fleet.nodes.as_slice() else { panic!("two nodes") };
    jumping.accepts(&key).await;
    jumping.signal(Signal::STOP);
    revoke(&mut going.line(), &key, &manager).await;
    jumping.signal(Signal::CONT);
    refused(&mut [jumping.line()], &key).await;
}

fn faketime() -> Option<&'static str> {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ];
    places.into_iter().find(|place| Path::new(place).exists())
}

async fn again(dir: &Path) -> PrivateCluster {
    PrivateCluster::start(&cluster_options(dir)).await.unwrap()
}

/// With owners and modes, which the server looks at.
fn copied(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// Debian's PgBouncer, which lends a connection for a transaction.
struct Pooler {
    _child: Child,
    dir: tempfile::TempDir,
}

impl Pooler {
    async fn start(cluster: &PrivateCluster) -> Self {
        let dir = data_dir();
        let file = dir.path().join("pgbouncer.ini");
        let users = dir.path().join("users.txt");
        std::fs::write(&users, format!("\"tenantry_control\" \"{}\"\n", password("tenantry_control"))).unwrap();
        let lines = format!(
            "[databases]\n{DATABASE} = host={} dbname={DATABASE}\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {}\n\
             unix_socket_mode = 0777\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 2\n\
             logfile =\npidfile =\n",
            cluster.socket_dir().display(),
            dir.path().display(),
            users.display(),
        );
        std::fs::write(&file, lines).unwrap();
        let child =
            Self::command(dir.path(), &file).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let pooler = Self { _child: child.unwrap(), dir };
        let config: tokio_postgres::Config = pooler.url("tenantry_control").parse().unwrap();
        until("the pooler answers", async || config.connect(NoTls).await.ok().map(drop)).await;
        pooler
    }

    /// It refuses to be root, as the server does.
    fn command(dir: &Path, file: &Path) -> Command {
        if !rustix::process::geteuid().is_root() {
            let mut command = Command::new("/usr/sbin/pgbouncer");
            command.arg(file);
            return command;
        }
        let owned = std::process::Command::new("chown").arg("-R").arg("postgres").arg(dir).status();
        assert!(owned.unwrap().success());
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "/usr/sbin/pgbouncer"]).arg(file);
        command
    }

    fn url(&self, login: &str) -> String {
        let host: String =
            url::form_urlencoded::byte_serialize(self.dir.path().as_os_str().as_encoded_bytes()).collect();
        format!("postgresql://{login}:{}@/{DATABASE}?host={host}&port=6432", password(login))
    }
}
