//! All that is known about one cluster before its server runs.

use std::fs;
use std::os::unix::fs::fchown;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tenantry_core::random::Entropy;
use tenantry_core::secret::{ExposeSecret, SecretString};
use tokio_postgres::NoTls;

use super::account::Account;
use super::binaries::{Binaries, Places};
use super::fault::ClusterFault;
use super::home::{Held, write_new};
use super::settings::Durability;
use super::socket::SocketDir;
use super::{ADMINISTRATOR, Options, initdb};

/// One cluster: where it is, who runs it, with which programs.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) binaries: Binaries,
    pub(super) account: Account,
    pub(super) home: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) password: SecretString,
    pub(super) durability: Durability,
    /// Removed when the server has ended because we did.
    pub(super) discard: Option<PathBuf>,
}

/// A cluster ready to be started, and the lock on its data directory.
pub(super) struct Prepared {
    pub(super) site: Site,
    /// None for a test's cluster: nobody else knows its directory.
    pub(super) held: Option<Held>,
}

impl Site {
    /// Finds or makes all that a start needs. Blocks, for a second when the cluster has to be made.
    pub(super) fn prepare(options: &Options) -> Result<Prepared, ClusterFault> {
        let account = Account::for_server()?;
        let held = Held::take(&options.data_dir, account)?;
        let home = held.home(account, &options.entropy)?;
        let site = Self::in_home(home, account, &options.places, &options.entropy, options.durability)?;
        Ok(Prepared { site, held: Some(held) })
    }

    pub(super) fn in_home(
        home: PathBuf,
        account: Account,
        places: &Places,
        entropy: &Entropy,
        durability: Durability,
    ) -> Result<Self, ClusterFault> {
        let major = cluster_major(&home);
        let binaries = Binaries::find(places, major.map(|major| (home.as_path(), major)))?;
        let password = match major {
            Some(_) => read_password(&home)?,
            None => make_password(&home, account, entropy)?,
        };
        let socket = SocketDir::make(&home, account, entropy)?;
        let discard = socket.passing.then(|| socket.path.clone());
        let site = Self { binaries, account, home, socket: socket.path, password, durability, discard };
        if major.is_none() {
            initdb::initialise(&site)?;
        }
        Ok(site)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.home.join("password")
    }

    /// The name that the server's processes carry in their titles: the same at each start, unlike any other cluster's.
    pub(super) fn cluster_name(&self) -> String {
        let digest = Sha256::digest(self.home.as_os_str().as_encoded_bytes());
        digest[..8].iter().fold("tenantry-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
    }

    pub(super) fn config(&self, user: &str, password: &str, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.socket).user(user).password(password).dbname(database);
        config
    }

    /// Connects as the administrator and asks the server for its version.
    pub(super) async fn ask_version(&self) -> Result<u32, tokio_postgres::Error> {
        let (client, connection) =
            self.config(ADMINISTRATOR, self.password.expose_secret(), "postgres").connect(NoTls).await?;
        let driven = tokio::spawn(connection);
        let row = client.query_one("select current_setting('server_version_num')::int4", &[]).await?;
        drop(client);
        let _ = driven.await; // the answer is here; how the connection ended does not matter
        Ok(u32::try_from(row.get::<_, i32>(0)).unwrap_or_default())
    }
}

/// The major version of the cluster in `home`; none when there is no finished cluster.
fn cluster_major(home: &Path) -> Option<u32> {
    fs::read_to_string(home.join("data/PG_VERSION")).ok()?.trim().parse().ok()
}

fn read_password(home: &Path) -> Result<SecretString, ClusterFault> {
    let path = home.join("password");
    let text = fs::read_to_string(&path).map_err(ClusterFault::at("cannot read the password", &path))?;
    Ok(text.trim_end().into())
}

/// 256 random bits, in letters that no URL or shell changes. initdb reads them from the file.
fn make_password(home: &Path, account: Account, entropy: &Entropy) -> Result<SecretString, ClusterFault> {
    let path = home.join("password");
    let _ = fs::remove_file(&path); // of a cluster that was never finished
    let password = URL_SAFE_NO_PAD.encode(entropy.bytes::<32>());
    let file = write_new(&path, &password).map_err(ClusterFault::at("cannot write the password", &path))?;
    if let Account::Other { uid, gid } = account {
        fchown(&file, Some(uid), Some(gid)).map_err(ClusterFault::at("cannot hand over the password", &path))?;
    }
    Ok(password.into())
}
