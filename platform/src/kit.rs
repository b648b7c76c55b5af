//! The kit of the tests: a database of one's own in milliseconds, a clock that stands, chance that repeats.

pub mod collector;
pub mod redis;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use crate::db::{Database, PoolOptions, Urls, provision, provision_clone};
use crate::feed::Feed;
use crate::ground::Ground;
use crate::postgres::{PrivateCluster, shared_for_tests};

/// Where a test's clock stands at first: 2026-06-15 12:00:00 UTC.
pub const START: i64 = 1_781_524_800;

/// The template that every test database is a copy of.
const TEMPLATE: &str = "tenantry_template";
static MADE: OnceCell<()> = OnceCell::const_new();
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A database of one test, migrated, with a [`Ground`] on it.
#[derive(Debug)]
pub struct TestDb {
    /// What rooms stand on.
    pub ground: Ground,
    /// Its name in the cluster.
    pub name: String,
    cluster: &'static PrivateCluster,
}

impl TestDb {
    /// A fresh copy of the template.
    pub async fn new() -> Self {
        Self::with(PoolOptions::default()).await
    }

    /// A fresh copy with pools of another size.
    pub async fn with(options: PoolOptions) -> Self {
        let cluster = shared_for_tests().await;
        MADE.get_or_init(|| make_template(cluster)).await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        provision_clone(&cluster.administrator("postgres"), TEMPLATE, &name).await.expect("the template can be copied");
        let entropy = Entropy::seeded(number + 1);
        let sealer = Arc::new(Sealer::new(&RootKey::generate(&entropy)));
        let db = Database::open(urls(cluster, &name), options).expect("pools can be made");
        let mut ground = Ground::new(db, Clock::fixed(start()), entropy, sealer);
        ground.feed = Feed::boundless();
        Self { ground, name, cluster }
    }

    /// The URLs of the serving logins.
    pub fn urls(&self) -> Urls {
        urls(self.cluster, &self.name)
    }

    /// A connection of the administrator, who sees everything: for what a test breaks or checks from outside.
    pub async fn administrator(&self) -> Client {
        connect(&self.cluster.administrator(&self.name)).await
    }

    /// A connection of one login, outside every pool.
    pub async fn login(&self, login: &str) -> Client {
        connect(&self.cluster.config(login, &password(login), &self.name)).await
    }

    /// A URL of one login.
    pub fn url(&self, login: &str) -> String {
        self.cluster.url(login, &password(login), &self.name)
    }

    /// The administrator's URL.
    pub fn administrator_url(&self) -> String {
        self.cluster.administrator_url(&self.name)
    }
}

/// The instant at which test clocks stand first.
pub fn start() -> Timestamp {
    Timestamp::from_second(START).expect("a constant of this file")
}

/// Each login's password in test clusters, which live as long as the test.
pub fn password(login: &str) -> String {
    format!("{login}-of-a-test")
}

async fn make_template(cluster: &PrivateCluster) {
    provision(&cluster.administrator("postgres"), TEMPLATE, password, start())
        .await
        .expect("the template can be migrated");
}

fn urls(cluster: &PrivateCluster, database: &str) -> Urls {
    Urls::of(|login| cluster.config(login, &password(login), database))
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the private cluster answers");
    tokio::spawn(connection);
    client
}
