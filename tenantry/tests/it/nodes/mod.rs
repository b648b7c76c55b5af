//! Processes of `tenantry serve` on one PostgreSQL, each with a port of its own: what is revoked at one is refused by
//! all, whatever happens to them, to their connections and to the database (KEY-3, ID-11, AC-12).

mod drawing;
mod outages;
mod revocations;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use socket2::Socket;
use tempfile::TempDir;
use tenantry_core::clock::Clock;
use tenantry_core::permission::PermissionSet;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_identity::apikeys::{self, Ceiling, Draft as KeyDraft, NewKey};
use tenantry_identity::users::{Draft, Enrolled};
use tenantry_identity::{Identity, Options};
use tenantry_platform::config::Config;
use tenantry_platform::db::{Context, Database, Live, PoolOptions, Urls, provision};
use tenantry_platform::ground::Ground;
use tenantry_platform::kit::password;
use tenantry_platform::permit::{Actor, ManageKeys, Origin, Permit};
use tenantry_platform::postgres::{Options as ClusterOptions, PrivateCluster};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::app::free_port;
use crate::dev::process::{FIRST_START, data_dir, until};
use crate::echo;

/// The demo's routes.
const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/tenantry.toml");
const DATABASE: &str = "served";
/// For a key with its one scope.
const PATH: &str = "/api/products";
/// Nobody is limited, and a start hashes little.
const ROOM: &str = "\n[limits.tiers.api_key]\nlimit = 1000000000\n[limits.tiers.api_ip]\nlimit = 1000000000\n\
    [limits.tiers.credential_failure_ip]\nlimit = 1000000000\n\
    [passwords]\nmemory_kib = 7168\niterations = 5\nworkers = 1\n";

/// The processes, their database, and whoever calls them.
pub(super) struct Fleet {
    cluster: Option<PrivateCluster>,
    nodes: Vec<Node>,
    ground: Ground,
    config: Config,
    owner: Enrolled,
    options: Options,
    root_key: String,
    dir: TempDir,
}

struct Node {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    _port: Socket,
}

/// What a node is started with besides what all have.
#[derive(Clone, Copy, Default)]
struct Extra<'a> {
    /// Lines for the configuration.
    settings: &'a str,
    /// Other variables than the usual ones.
    environment: &'a [(&'a str, String)],
}

/// A key of the API.
struct Key {
    id: String,
    secret: String,
}

impl Fleet {
    async fn start(count: usize, extra: Extra<'_>) -> Self {
        let mut fleet = Self::prepare(extra.settings).await;
        for _ in 0..count {
            fleet.add(extra).await;
        }
        fleet
    }

    /// The database and the app, and no node yet.
    async fn prepare(settings: &str) -> Self {
        let dir = data_dir();
        let cluster = PrivateCluster::start(&cluster_options(dir.path())).await.unwrap();
        let clock = Clock::system();
        provision(&cluster.administrator("postgres"), DATABASE, password, clock.now()).await.unwrap();
        echo::serve(&dir.path().join("app.sock"));
        let root_key = RootKey::generate(&Entropy::system()).to_text().expose_secret().to_owned();
        let config = Config::parse("nodes.toml", &configuration(dir.path(), 80, settings)).unwrap();
        let ground = ground(&cluster, clock, &root_key);
        let options = Options::from_config(&config).unwrap();
        let owner = owner(&ground, &config).await;
        Self { cluster: Some(cluster), nodes: Vec::new(), ground, config, owner, options, root_key, dir }
    }

    /// One more node, when it is ready.
    async fn add(&mut self, Extra { settings, environment }: Extra<'_>) {
        let (port, held) = free_port();
        let file = self.dir.path().join(format!("node-{port}.toml"));
        std::fs::write(&file, configuration(self.dir.path(), port, settings)).unwrap();
        let log = self.dir.path().join(format!("node-{port}.log"));
        let mut command = Command::new(program());
        command.arg("serve").arg("--config").arg(&file).env_clear().kill_on_drop(true);
        command.envs(self.environment()).envs(environment.iter().map(|(name, value)| (*name, value)));
        let child = command.stdout(File::create(&log).unwrap()).spawn().unwrap();
        let node = Node { child, address: (Ipv4Addr::LOCALHOST, port).into(), log, _port: held };
        let ready = async {
            while node.line().ask("GET", "/-/health/ready", "").await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(FIRST_START, ready).await.unwrap_or_else(|_| panic!("{}", node.said()));
        self.nodes.push(node);
    }

    fn cluster(&self) -> &PrivateCluster {
        self.cluster.as_ref().unwrap()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let url = |login| self.cluster().url(login, &password(login), DATABASE);
        vec![
            ("TENANTRY_CONTROL_URL", url("tenantry_control")),
            ("TENANTRY_LIVE_URL", url("tenantry_live")),
            ("TENANTRY_TEST_URL", url("tenantry_test")),
            ("TENANTRY_JOBS_URL", url("tenantry_jobs")),
            ("TENANTRY_OPERATOR_URL", url("tenantry_operator")),
            ("TENANTRY_LISTEN_URL", url("tenantry_control")),
            ("TENANTRY_ROOT_KEY", self.root_key.clone()),
            ("TENANTRY_SMTP_URL", "smtp://127.0.0.1:9?tls=required".to_owned()),
            ("TENANTRY_CRON_SECRET", "only-the-scheduler-knows-this-one".to_owned()),
        ]
    }

    /// Makes a key without asking a node.
    async fn key(&self, scopes: &[&str]) -> Key {
        let draft = KeyDraft {
            name: "Sync".to_owned(),
            scopes: scopes.iter().map(|word| (*word).to_owned()).collect(),
            ..KeyDraft::default()
        };
        let permissions: PermissionSet = self.config.permissions.iter().map(|(word, _)| word.clone()).collect();
        let role = self.config.roles.iter().next().map(|owner| &owner.role.name);
        let ceiling = Ceiling { permissions: &permissions, role };
        let new = NewKey::check(&draft, ceiling, &self.options, self.ground.now()).unwrap();
        let context = Context { tenant: Some(self.owner.tenant.id), person: Some(self.owner.person.id) };
        let mut tx = Permit::<ManageKeys, Live>::minted(context, Actor::person(&self.owner.person)).begin(&self.ground);
        let made = apikeys::create(&mut tx, &self.ground, &new).await.unwrap();
        tx.commit().await.unwrap();
        Key { id: made.key.id.to_string(), secret: made.plaintext.expose_secret().to_owned() }
    }

    /// The administrator of the cluster, who can break everything.
    async fn administrator(&self) -> tokio_postgres::Client {
        let (client, connection) = self.cluster().administrator(DATABASE).connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

impl Node {
    fn line(&self) -> Line {
        Line { address: self.address, sender: None }
    }

    /// What it logged.
    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits until a key is let in here.
    async fn accepts(&self, key: &Key) {
        let mut line = self.line();
        until("the key is accepted", async || (line.use_key(key).await == 200).then_some(())).await;
    }
}

/// A client's connection to a node, made anew when it broke.
struct Line {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    /// Status and body; 0 where there is no answer.
    async fn ask(&mut self, method: &str, path: &str, secret: &str) -> (u16, String) {
        let asked = self.try_ask(method, path, secret).await;
        if asked.is_none() {
            self.sender = None;
        }
        asked.unwrap_or_default()
    }

    async fn use_key(&mut self, key: &Key) -> u16 {
        self.ask("GET", PATH, &key.secret).await.0
    }

    /// Revokes a key: whether it is done, and how far that is known.
    async fn revoke(&mut self, key: &Key, manager: &Key) -> Option<Revoked> {
        let sent = Instant::now();
        let (status, body) = self.ask("DELETE", &format!("/-/api/v1/keys/{}", key.id), &manager.secret).await;
        let answered = Instant::now();
        let reach = serde_json::from_str::<Value>(&body).ok()?["reach"].clone();
        (status == 200).then_some(Revoked { sent, answered, reach })
    }

    async fn try_ask(&mut self, method: &str, path: &str, secret: &str) -> Option<(u16, String)> {
        if self.sender.is_none() {
            let stream = TcpStream::connect(self.address).await.ok()?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let sender = self.sender.as_mut()?;
        sender.ready().await.ok()?;
        let host = format!("api.localhost:{}", self.address.port());
        let request = Request::builder().method(method).uri(path).header("host", host);
        let request = request.header("authorization", format!("Bearer {secret}")).body(Full::default()).ok()?;
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// What a revocation answered, and when.
struct Revoked {
    sent: Instant,
    answered: Instant,
    reach: Value,
}

impl Revoked {
    fn took(&self) -> Duration {
        self.answered - self.sent
    }
}

/// The program that serves: another build of it, where somebody measures.
fn program() -> PathBuf {
    std::env::var_os("TENANTRY_NODE").map_or_else(|| env!("CARGO_BIN_EXE_tenantry").into(), PathBuf::from)
}

fn cluster_options(dir: &Path) -> ClusterOptions {
    ClusterOptions::new(dir, Entropy::system())
}

fn ground(cluster: &PrivateCluster, clock: Clock, root_key: &str) -> Ground {
    let urls = Urls::of(|login| cluster.config(login, &password(login), DATABASE));
    let sealer = Arc::new(Sealer::new(&RootKey::parse(root_key).unwrap()));
    Ground::new(Database::open(urls, PoolOptions::default()).unwrap(), clock, Entropy::system(), sealer)
}

/// A workspace and its owner.
async fn owner(ground: &Ground, config: &Config) -> Enrolled {
    let identity = Identity::start(ground.clone(), Options::from_config(config).unwrap());
    let draft = Draft {
        name: "Ada Example".to_owned(),
        email: "owner@acme.example".to_owned(),
        password: SecretString::from("plum orbit kettle seven"),
        workspace: "Acme Works".to_owned(),
        slug: "acme".to_owned(),
    };
    identity.create_account(draft.check(&identity.options).unwrap(), Origin::default()).await.unwrap()
}

fn configuration(dir: &Path, port: u16, settings: &str) -> String {
    let demo = std::fs::read_to_string(DEMO).unwrap();
    format!(
        "{demo}\n[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n\
         [hosts]\nbase = \"localhost\"\nscheme = \"http\"\nport = {port}\n\
         [upstream]\nurl = \"unix:{}\"\n[mail]\nfrom = \"Acme <no-reply@example.com>\"\n\
         [security_txt]\ncontact = \"mailto:security@example.com\"\nexpires = \"2999-01-01T00:00:00Z\"\n{ROOM}{settings}",
        dir.join("app.sock").display(),
    )
}
