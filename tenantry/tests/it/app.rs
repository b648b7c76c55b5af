//! A whole Tenantry for one test: a database of its own, a clock that stands, the true gateway on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tenantry::app::DevTools;
use tenantry::demo;
use tenantry::serve::{self, Parts, Server};
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{KeyId, TenantId, uuid7};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::permission::PermissionSet;
use tenantry_core::slug::Slug;
use tenantry_identity::apikeys::{self, Ceiling, Draft as KeyDraft, NewKey};
use tenantry_identity::directory::{self, cli::Scope};
use tenantry_identity::tenants::{self, Reason};
use tenantry_identity::users::{Draft, Enrolled};
use tenantry_platform::config::{Config, Dev, Upstream};
use tenantry_platform::db::{Context, Database, HasStore, Live, Mode, PoolOptions, Test};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::kit::TestDb;
use tenantry_platform::mail::sink::Sink;
use tenantry_platform::permit::{Actor, ManageKeys, Origin, Permit, PersonRef};
use tenantry_platform::telemetry::Telemetry;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::client::{self, Answer, Browser, Call};
use crate::echo;

pub(crate) const PASSWORD: &str = "plum orbit kettle seven";
pub(crate) const CRON_SECRET: &str = "the-secret-of-a-scheduler-in-a-test";

/// Where a configuration would be: files that it names are looked for from there.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../test.toml");
/// Hashes as small as the configuration allows, and one thread: a test has few clients.
const SMALL: &str = "\n[listen]\nthreads = 1\n[passwords]\nmemory_kib = 7168\niterations = 5\nworkers = 2\n";

pub(crate) struct TestApp {
    pub(crate) db: TestDb,
    pub(crate) server: Server,
    pub(crate) mail: Sink,
    /// Where the test's clients come from.
    pub(crate) client: IpAddr,
    /// The listener that they knock at.
    pub(crate) door: SocketAddr,
    port: u16,
    _port: Socket,
    _place: TempDir,
}

/// What a test wants otherwise than usual.
#[derive(Default)]
pub(crate) struct Wanted {
    /// The demo shop, which refuses what has no valid identity; otherwise an app that answers with what it saw.
    pub(crate) shop: bool,
    /// As `tenantry dev`, with the mailbox's pages.
    pub(crate) dev: bool,
    /// Loopback is a proxy whose `X-Forwarded-For` is believed.
    pub(crate) proxied: bool,
    /// Permissions, roles and members in the place of the demo's.
    pub(crate) roles: Option<&'static str>,
    /// More lines for the file.
    pub(crate) settings: &'static str,
    /// Where limits are shared with other nodes.
    pub(crate) redis_url: Option<String>,
    /// Who watches from outside.
    pub(crate) telemetry: Telemetry,
    /// Other pools than the usual ones.
    pub(crate) pools: PoolOptions,
}

impl TestApp {
    /// In front of an app that answers with what it saw.
    pub(crate) async fn new() -> Self {
        Self::with(Wanted::default()).await
    }

    pub(crate) async fn with(wanted: Wanted) -> Self {
        Self::on(TestDb::with(wanted.pools).await, wanted).await.unwrap()
    }

    /// On a database that may be unlike what a start expects.
    pub(crate) async fn on(db: TestDb, wanted: Wanted) -> Result<Self, tenantry::Fault> {
        let (place, (port, held)) = (TempDir::new().unwrap(), free_port());
        let socket = place.path().join("app.sock");
        let config = Arc::new(config(&wanted, port, Upstream::Unix(socket.clone())));
        let mail = Sink::start(db.ground.clock.clone()).await.unwrap();
        let parts = Parts {
            urls: db.urls(),
            listen: db.urls().control,
            smtp_url: mail.url().into(),
            cron: vec![SecretString::from(CRON_SECRET.to_owned())],
            redis_url: wanted.redis_url.clone().map(SecretString::from),
            // This program runs tests: nothing starts it once more.
            program: None,
            telemetry: wanted.telemetry.clone(),
            dev: wanted.dev.then(|| DevTools { mailbox: mail.mailbox(), team: None }),
        };
        let server = serve::start(Arc::clone(&config), db.ground.clone(), parts).await?;
        match wanted.shop {
            true => open_shop(socket, &config, &server, &db).await,
            false => echo::serve(&socket),
        }
        let door = server.address();
        Ok(Self { db, server, mail, client: client::address(), door, port, _port: held, _place: place })
    }

    /// The same, whose clients knock at the listener of operations from here on.
    pub(crate) fn at_operations(mut self) -> Self {
        self.door = self.server.operations_address().expect("a listener of operations");
        self
    }

    /// What the start on this database says, which does not come to pass.
    pub(crate) async fn refused(db: TestDb) -> String {
        let refused = Self::on(db, Wanted::default()).await.err().expect("the start is refused");
        refused.to_string()
    }

    /// The host of a label, as a `Host` header names it.
    pub(crate) fn authority(&self, label: &str) -> String {
        format!("{label}.localhost:{}", self.port)
    }

    /// `http://acme.localhost:port`
    pub(crate) fn origin(&self, label: &str) -> String {
        format!("http://{}", self.authority(label))
    }

    /// Label and path of an address; a path alone is on the host that said it.
    pub(crate) fn place(&self, from: &str, address: &str) -> (String, String) {
        let Some(rest) = address.strip_prefix("http://") else { return (from.to_owned(), address.to_owned()) };
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        let label = host.strip_suffix(&format!(".localhost:{}", self.port)).expect("one of our hosts");
        (label.to_owned(), path.to_owned())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.db.ground.clock.advance(Duration::from_secs(seconds));
    }

    /// A workspace with its owner, without the mail.
    pub(crate) async fn tenant(&self, slug: &str) -> Tenant<'_> {
        let identity = &self.server.app.identity;
        let draft = Draft {
            name: "Ada Example".to_owned(),
            email: format!("owner@{slug}.example"),
            password: SecretString::from(PASSWORD.to_owned()),
            workspace: format!("{slug} Works"),
            slug: slug.to_owned(),
        };
        let account = draft.check(&identity.options).expect("a good draft");
        Tenant { app: self, of: identity.create_account(account, Origin::default()).await.unwrap() }
    }

    /// Platform staff, signed in.
    pub(crate) async fn operator(&self) -> Browser<'_> {
        let staff = self.tenant("staffroom").await;
        let email = EmailAddress::parse(&staff.of.person.email).unwrap();
        let mut administrator = self.db.administrator().await;
        tenants::cli::set_operator(&mut administrator, &self.db.ground, &email, true).await.unwrap();
        staff.owner().await
    }

    /// A key of the platform, for its lists.
    pub(crate) async fn management_key(&self, scopes: &[Scope]) -> Key<'_> {
        let (mut administrator, ground) = (self.db.administrator().await, &self.db.ground);
        let made = directory::cli::create(&mut administrator, ground, "Sync", scopes).await.unwrap();
        Key { app: self, id: made.id, plaintext: made.plaintext.expose_secret().to_owned() }
    }

    /// Whatever is shown in the place of a key.
    pub(crate) fn shown(&self, plaintext: &str) -> Key<'_> {
        Key { app: self, id: KeyId::from_uuid(Uuid::nil()), plaintext: plaintext.to_owned() }
    }

    /// Everything that the gateway saw is in the log when this returns.
    pub(crate) async fn flush(&self) {
        self.server.app.custody.observer.flush(&self.db.ground).await;
    }

    /// The id of whoever has this address.
    pub(crate) async fn person(&self, email: &str) -> String {
        let sql = "select person_id::text from control.emails where email_lower = $1";
        self.db.administrator().await.query_one(sql, &[&email]).await.unwrap().get(0)
    }

    /// The feed has read every change that was committed before, when this returns.
    pub(crate) async fn feed_is_read(&self) {
        let (ground, heard) = (&self.db.ground, Arc::new(Notify::new()));
        let mark = Change { kind: ChangeKind::Key, subject: uuid7(&ground.clock, &ground.entropy) };
        let ring = Arc::clone(&heard);
        ground.feed.listen(move |change| {
            if *change == mark {
                ring.notify_one()
            }
        });
        let (sql, at) = ("select doors.announce($1, 'key', $1, $2)", ground.now());
        self.db.administrator().await.execute(sql, &[&mark.subject, &at]).await.unwrap();
        heard.notified().await;
    }

    /// Rows of a table, seen from outside every wall.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let row = self.db.administrator().await.query_one(&format!("select count(*) from {table}"), &[]).await;
        row.unwrap().get(0)
    }
}

fn config(wanted: &Wanted, port: u16, upstream: Upstream) -> Config {
    let text = format!("{}{SMALL}{}", with_roles(wanted.roles), wanted.settings);
    let config = Config::for_dev(FILE, &text, &Dev { port, upstream: Some(upstream) });
    let mut config = config.unwrap_or_else(|faults| panic!("{faults}"));
    if wanted.proxied {
        config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    }
    config
}

/// The demo's configuration, with other roles perhaps.
fn with_roles(roles: Option<&str>) -> String {
    let Some(roles) = roles else { return demo::CONFIG.to_owned() };
    let (before, rest) = demo::CONFIG.split_once("[permissions]").unwrap();
    let (_, routes) = rest.split_once("[[routes]]").unwrap();
    format!("{before}{roles}\n[[routes]]{routes}")
}

/// A port that nobody else gets while the socket is held: cookies and links name it before anything listens.
pub(crate) fn free_port() -> (u16, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap().port(), socket)
}

async fn open_shop(socket: std::path::PathBuf, config: &Config, server: &Server, db: &TestDb) {
    let issuer = config.hosts.origin(&config.hosts.central());
    let host = issuer.trim_start_matches("http://").to_owned();
    let audience = config.identity.audience.clone();
    let (source, clock) =
        (demo::JwksSource { address: server.address(), host, issuer, audience }, db.ground.clock.clone());
    tokio::spawn(async move { demo::serve(&socket, source, clock).await });
    // Its first turn binds the socket.
    tokio::task::yield_now().await;
}

/// A workspace and its owner.
pub(crate) struct Tenant<'a> {
    app: &'a TestApp,
    pub(crate) of: Enrolled,
}

/// An API key.
pub(crate) struct Key<'a> {
    app: &'a TestApp,
    pub(crate) id: KeyId,
    pub(crate) plaintext: String,
}

impl<'a> Tenant<'a> {
    pub(crate) fn id(&self) -> TenantId {
        self.of.tenant.id
    }

    pub(crate) fn slug(&self) -> &str {
        &self.of.tenant.slug
    }

    /// A path of its console, in live mode.
    pub(crate) fn console(&self, page: &str) -> String {
        format!("/-/console/{}/live/{page}", self.slug())
    }

    /// The owner, signed in on the central host.
    pub(crate) async fn owner(&self) -> Browser<'a> {
        let mut browser = self.app.browser();
        browser.sign_in(&self.of.person.email, PASSWORD).await.expect(303);
        browser
    }

    /// Somebody else with a role here, signed in on the central host and on this tenant's.
    pub(crate) async fn member(&self, role: &str) -> Browser<'a> {
        let other = self.app.tenant(&format!("{}-{}", self.slug(), role.to_lowercase())).await;
        let mut browser = self.stand_in(&other.of.person.email, role).await;
        browser.sign_in(&other.of.person.email, PASSWORD).await.expect(303);
        browser
    }

    /// Whoever has this address, signed in on this tenant's host alone.
    pub(crate) async fn stand_in(&self, email: &str, role: &str) -> Browser<'a> {
        let (identity, email) = (&self.app.server.app.identity, EmailAddress::parse(email).unwrap());
        let place = (&self.of.tenant, ModeWord::Live);
        let cookies = identity.stand_in(place, &email, role, Origin::default()).await.unwrap();
        let mut browser = self.app.browser();
        for cookie in &cookies {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            browser.set(self.slug(), name, rest.split(';').next().unwrap());
        }
        browser
    }

    pub(crate) async fn key<const N: usize>(&self, scopes: [&str; N]) -> Key<'a> {
        self.key_of::<Live>(&scopes).await
    }

    pub(crate) async fn test_key<const N: usize>(&self, scopes: [&str; N]) -> Key<'a> {
        self.key_of::<Test>(&scopes).await
    }

    /// A key with every word that there is.
    pub(crate) async fn full_key(&self) -> Key<'a> {
        self.key_of::<Live>(&self.words()).await
    }

    /// The same in test mode.
    pub(crate) async fn full_test_key(&self) -> Key<'a> {
        self.key_of::<Test>(&self.words()).await
    }

    fn words(&self) -> Vec<&'a str> {
        self.app.server.app.config.permissions.iter().map(|(word, _)| word.as_str()).collect()
    }

    async fn key_of<M: Mode>(&self, scopes: &[&str]) -> Key<'a>
    where
        Database: HasStore<M>,
    {
        let (app, ground) = (&self.app.server.app, &self.app.db.ground);
        let draft = KeyDraft {
            name: "Sync".to_owned(),
            scopes: scopes.iter().map(|word| (*word).to_owned()).collect(),
            ..KeyDraft::default()
        };
        let permissions: PermissionSet = app.config.permissions.iter().map(|(word, _)| word.clone()).collect();
        let role = app.config.roles.iter().next().map(|owner| &owner.role.name);
        let ceiling = Ceiling { permissions: &permissions, role };
        let new = NewKey::check(&draft, ceiling, &app.identity.options, ground.now()).unwrap();
        let context = Context { tenant: Some(self.id()), person: Some(self.of.person.id) };
        let permit: Permit<ManageKeys, M> = Permit::minted(context, Actor::person(&self.of.person));
        let mut tx = permit.begin(ground);
        let made = apikeys::create(&mut tx, ground, &new).await.unwrap();
        tx.commit().await.unwrap();
        Key { app: self.app, id: made.key.id, plaintext: made.plaintext.expose_secret().to_owned() }
    }

    pub(crate) async fn suspend(&self) {
        let (slug, reason) = (Slug::from_stored(self.slug()).unwrap(), Reason::parse("unpaid").unwrap());
        tenants::cli::suspend(&self.app.db.ground, &slug, &reason).await.unwrap();
    }

    pub(crate) async fn reactivate(&self) {
        let slug = Slug::from_stored(self.slug()).unwrap();
        tenants::cli::reactivate(&self.app.db.ground, &slug).await.unwrap();
    }

    pub(crate) fn person(&self) -> &PersonRef {
        &self.of.person
    }
}

impl<'a> Key<'a> {
    /// A request with the key.
    pub(crate) fn call(&self, method: &str, host: &str, path: &str) -> Call<'a> {
        self.app.call(method, host, path).bearer(&self.plaintext)
    }

    /// Asks the API's host.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", "api", path).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", "api", path).send().await
    }
}
