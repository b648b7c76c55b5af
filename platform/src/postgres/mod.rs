//! The private PostgreSQL that `tenantry dev` and the tests run for themselves.
//!
//! A real server from the installed binaries, in its own data directory, reachable by a unix socket only,
//! by SCRAM only, and never run as root. What must always hold:
//!
//! - an acknowledged commit survives kill -9 of the server, of us, or of both (fsync is off for tests alone);
//! - no server outlives us: a guard holds the read end of a pipe, and ends the server when the pipe closes;
//! - one process a data directory: the second one is refused and told who holds it;
//! - as root we only create directories; whatever the server can write, root never opens for writing;
//! - a server that dies comes back by itself.
//!
//! The files, in the order of a start: `binaries` (which server), `account` (who runs it), `home` (where its
//! files are), `socket` (where it listens), `initdb` (the first start), `orphan` (what an earlier start left),
//! `server` (one postmaster and its guard), `supervisor` (keeps one running).

mod account;
mod binaries;
mod fault;
mod home;
mod initdb;
#[cfg(target_os = "linux")]
mod linux;
mod orphan;
mod server;
mod settings;
#[cfg(feature = "kit")]
mod shared;
mod site;
mod socket;
mod supervisor;

use std::path::{Path, PathBuf};

use tenantry_core::random::Entropy;
pub use tenantry_core::rls_advisory::{Advisory, rls_advisory};
use tenantry_core::secret::ExposeSecret;
use tokio::sync::watch;

pub use binaries::Places;
pub use fault::ClusterFault;
#[cfg(feature = "kit")]
pub use shared::shared_for_tests;
pub use supervisor::Health;

use settings::Durability;
use site::Site;
use supervisor::Supervisor;

/// The name of the cluster's superuser.
pub const ADMINISTRATOR: &str = "tenantry_admin";

/// What a start needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Made when it does not exist. The server's files go to `postgres` in it, or, when we are root and the
    /// server's account cannot reach that, to a directory that `postgres.location` in it names.
    pub data_dir: PathBuf,
    /// Makes the administrator's password and unguessable directory names.
    pub entropy: Entropy,
    /// Where PostgreSQL's programs are looked for.
    pub places: Places,
    durability: Durability,
}

impl Options {
    /// A cluster in `data_dir`, run by whatever PostgreSQL this machine has.
    pub fn new(data_dir: impl Into<PathBuf>, entropy: Entropy) -> Self {
        Self { data_dir: data_dir.into(), entropy, places: Places::of_this_machine(), durability: Durability::Kept }
    }

    /// The same without waiting for the disk: for a data directory that is thrown away.
    #[must_use]
    pub fn disposable(mut self) -> Self {
        self.durability = Durability::Disposable;
        self
    }
}

/// A running cluster. Dropping it asks the server to stop; [`PrivateCluster::stop`] waits until it has.
#[derive(Debug)]
pub struct PrivateCluster {
    site: Site,
    supervisor: Supervisor,
    version_num: u32,
}

impl PrivateCluster {
    /// Starts the cluster in `options.data_dir`, making it first when there is none, and returns when it
    /// answers. A server that an earlier, killed process left there is stopped first.
    ///
    /// # Errors
    /// When the server cannot be found, made or started, or the directory is in use; the message says what to do.
    pub async fn start(options: &Options) -> Result<Self, ClusterFault> {
        let options = options.clone();
        Self::launch(move || Site::prepare(&options)).await
    }

    async fn launch(
        prepare: impl FnOnce() -> Result<site::Prepared, ClusterFault> + Send + 'static,
    ) -> Result<Self, ClusterFault> {
        let started = supervisor::start(prepare).await?;
        Ok(Self { site: started.site, supervisor: started.supervisor, version_num: started.version_num })
    }

    /// Stops the server cleanly (a fast shutdown) and returns when it is gone.
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }

    /// Says whether the server answers, and each time that this changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.supervisor.health()
    }

    /// The server's version as `server_version_num` gives it: 150020 is 15.20.
    pub const fn version_num(&self) -> u32 {
        self.version_num
    }

    /// Where the server's files are: in the data directory, unless its account cannot reach that.
    pub fn location(&self) -> &Path {
        &self.site.home
    }

    /// The directory of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.site.socket
    }

    /// A URL for the administrator, understood by psql, psycopg and tokio-postgres alike. It holds the password.
    pub fn administrator_url(&self, database: &str) -> String {
        self.url(ADMINISTRATOR, self.site.password.expose_secret(), database)
    }

    /// The same form of URL for any login of the cluster.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        socket::url(&self.site.socket, user, password, database)
    }

    /// How any login of the cluster connects.
    pub fn config(&self, user: &str, password: &str, database: &str) -> tokio_postgres::Config {
        self.site.config(user, password, database)
    }

    /// How the administrator connects.
    pub fn administrator(&self, database: &str) -> tokio_postgres::Config {
        self.config(ADMINISTRATOR, self.site.password.expose_secret(), database)
    }
}
