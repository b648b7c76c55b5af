//! How a command reaches the installation: a running `tenantry dev`, or the environment of `serve`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use secrecy::ExposeSecret as _;
use tenantry_core::clock::Clock;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_platform::config::{Config, Environment};
use tenantry_platform::db::{Database, PoolOptions, Urls};
use tenantry_platform::ground::Ground;

use tokio_postgres::{Client, NoTls};

use crate::Fault;
use crate::dev::{self, Place, Ready};

/// Which installation a command is about.
#[derive(Clone, Debug, Args)]
pub struct Where {
    /// The data directory of a running `tenantry dev`.
    #[arg(long, conflicts_with = "config")]
    pub data_dir: Option<PathBuf>,
    /// The configuration of `tenantry serve`; its URLs and root key come from the environment.
    #[arg(long, default_value = "tenantry.toml", env = "TENANTRY_CONFIG")]
    pub config: PathBuf,
}

/// An installation, reached.
#[derive(Debug)]
pub(super) struct Installation {
    /// Its configuration.
    pub config: Arc<Config>,
    /// Its ground.
    pub ground: Ground,
    /// Its serving logins.
    pub urls: Urls,
    /// What `tenantry dev` announced, where that is what runs.
    pub ready: Option<Ready>,
}

impl Installation {
    /// Reaches the installation without changing anything in it.
    pub(super) async fn open(place: &Where) -> Result<Self, Fault> {
        match &place.data_dir {
            Some(dir) => Self::of_dev(dir),
            None => Self::of_serve(&place.config).await,
        }
    }

    /// A connection that may become the owner of the tables: what no serving login can (TENANTRY_MIGRATE_URL).
    pub(super) async fn owner(&self) -> Result<Client, Fault> {
        let config = match &self.ready {
            Some(ready) => ready.database_url.parse()?,
            None => migrate_login(&Environment::of_process())?,
        };
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    fn of_dev(dir: &std::path::Path) -> Result<Self, Fault> {
        let place = Place::at(dir);
        let ready = place.ready().map_err(|_| {
            format!("no `tenantry dev` runs in {}. Start it with `tenantry dev --data-dir {0}`.", dir.display())
        })?;
        let secrets = place.secrets(&Entropy::system())?;
        let administrator: tokio_postgres::Config = ready.database_url.parse()?;
        let urls = Urls::of(|login| {
            let mut config = administrator.clone();
            config.user(login).password(secrets.logins.get(login).map(String::as_str).unwrap_or_default());
            config
        });
        let port = dev::port_of(&ready)?;
        let config = Arc::new(dev::configuration(place.config_in_use().as_deref(), port, None)?);
        let sealer = Sealer::new(&RootKey::parse(&secrets.root_key)?);
        Ok(Self { ground: ground(urls.clone(), &config, sealer)?, config, urls, ready: Some(ready) })
    }

    async fn of_serve(path: &std::path::Path) -> Result<Self, Fault> {
        let (config, secrets) = Config::load_to_serve(path, &Environment::of_process())?;
        let sealer = tenantry_custody::vault::root::sealer(&secrets).await?;
        let (config, urls) = (Arc::new(config), secrets.logins.serving);
        Ok(Self { ground: ground(urls.clone(), &config, sealer)?, config, urls, ready: None })
    }
}

/// A ground of the machine's clock and this process's own chance.
pub fn ground(urls: Urls, config: &Config, sealer: Sealer) -> Result<Ground, Fault> {
    ground_at(Clock::system(), urls, config, sealer)
}

/// A ground of another clock.
pub fn ground_at(clock: Clock, urls: Urls, config: &Config, sealer: Sealer) -> Result<Ground, Fault> {
    let options = PoolOptions {
        most: config.database.max_connections.into(),
        wait: config.database.wait,
        ..PoolOptions::default()
    };
    Ok(Ground::new(Database::open(urls, options)?, clock, Entropy::system(), Arc::new(sealer)))
}

/// The login that migrates, from `TENANTRY_MIGRATE_URL`.
pub(super) fn migrate_login(environment: &Environment) -> Result<tokio_postgres::Config, Fault> {
    let url = environment
        .secret("TENANTRY_MIGRATE_URL")
        .map_err(|fault| format!("TENANTRY_MIGRATE_URL: {}. {}", fault.what, fault.fix))?;
    let url = url.ok_or(
        "TENANTRY_MIGRATE_URL is not set. Set it to the URL of tenantry_migrate that `tenantry database plan` printed.",
    )?;
    url.expose_secret().parse().map_err(|_| "TENANTRY_MIGRATE_URL is not a PostgreSQL URL.".into())
}
