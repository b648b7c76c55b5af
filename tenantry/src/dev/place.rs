//! The data directory of `tenantry dev`: what it must remember, and what others may read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tenantry_core::random::Entropy;
use tenantry_core::seal::RootKey;
use tenantry_platform::db::logins;

use super::plan::Seeded;

const SECRETS: &str = "secrets.json";
const READY: &str = "dev.json";
const CONFIG: &str = "config-in-use";
const STARTER: &str = "starter.toml";

/// What makes this data directory's database readable: made once, kept for its owner alone.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// The root key, as text.
    pub root_key: String,
    /// Each login's password.
    pub logins: BTreeMap<String, String>,
    /// The demo people's password.
    pub password: String,
    /// The demo key, once it was made.
    #[serde(default)]
    pub api_key: Option<String>,
    /// The cron secret.
    pub cron: String,
}

/// What a test or a person needs to begin: written when everything answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// The console's base URL.
    pub console: String,
    /// The first demo tenant's base URL.
    pub tenant: String,
    /// The second's.
    pub other_tenant: String,
    /// The API's base URL.
    pub api: String,
    /// OWNER of the first.
    pub owner: Account,
    /// OWNER of the second.
    pub other_owner: Account,
    /// Platform staff.
    pub operator: Account,
    /// Test mode, `products:read`, of the first tenant.
    pub api_key: String,
    /// The page that catches all mail.
    pub mailbox: String,
    /// Where metrics are.
    #[serde(default)]
    pub metrics: String,
    /// The administrator of the private cluster.
    pub database_url: String,
    /// The cron secret of the demo's nightly route.
    pub cron_secret: String,
    /// The process.
    pub pid: u32,
    /// What `--seed` made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workspaces: Vec<Seeded>,
}

/// A demo person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
}

/// The directory.
#[derive(Clone, Debug)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// The directory, made for its owner alone if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        // The server's own account must be able to pass through to its files, and to nothing else.
        fs::DirBuilder::new().recursive(true).mode(0o711).create(path)?;
        Ok(Self { path: fs::canonicalize(path)? })
    }

    /// The directory of another process, as it is.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Its path; of one's own, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was remembered; made when there is nothing yet.
    pub fn secrets(&self, entropy: &Entropy) -> io::Result<Secrets> {
        match fs::read(self.path.join(SECRETS)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = fresh(entropy);
                self.keep(&secrets)?;
                Ok(secrets)
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers.
    pub fn keep(&self, secrets: &Secrets) -> io::Result<()> {
        self.write(SECRETS, &serde_json::to_vec_pretty(secrets)?)
    }

    /// Says that everything answers.
    pub fn announce(&self, ready: &Ready) -> io::Result<()> {
        self.write(READY, &serde_json::to_vec_pretty(ready)?)
    }

    /// Takes it back: whoever finds the file may rely on it.
    pub fn withdraw(&self) {
        // It may not be there, and then there is nothing to withdraw.
        let _ = fs::remove_file(self.path.join(READY));
    }

    /// Takes back what a killed process could not: whoever waits for the file must not find that one.
    pub fn withdraw_of_the_dead(&self) {
        let holder = self.ready().ok().and_then(|ready| Pid::from_raw(i32::try_from(ready.pid).ok()?));
        if holder.is_some_and(|pid| test_kill_process(pid).is_err()) {
            self.withdraw();
        }
    }

    /// What a running `tenantry dev` announced.
    pub fn ready(&self) -> io::Result<Ready> {
        serde_json::from_slice(&fs::read(self.path.join(READY))?).map_err(io::Error::other)
    }

    /// Keeps what a team without a configuration begins with; one that was changed stays.
    pub fn keep_starter(&self, text: &str) -> io::Result<PathBuf> {
        let path = self.path.join(STARTER);
        if !path.is_file() {
            self.write(STARTER, text.as_bytes())?;
        }
        Ok(path)
    }

    /// Remembers which configuration was started, for the commands that come later.
    pub fn keep_config(&self, path: Option<&Path>) -> io::Result<()> {
        let text = path.map(fs::canonicalize).transpose()?.map(|path| path.display().to_string()).unwrap_or_default();
        self.write(CONFIG, text.as_bytes())
    }

    /// The configuration that was started; none: the demo's.
    pub fn config_in_use(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.path.join(CONFIG)).ok()?;
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write(&self.path.join(name), bytes)
    }
}

/// Written beside and renamed: a reader sees the old file or the new one, whole. For its owner alone.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.new"));
    // A half-written one of a killed process is in the way of `create_new`.
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn fresh(entropy: &Entropy) -> Secrets {
    let names = logins::SERVING.iter().map(|(login, _)| *login).chain([logins::MIGRATE]);
    Secrets {
        root_key: RootKey::generate(entropy).to_text().expose_secret().to_owned(),
        logins: names.map(|login| (login.to_owned(), random(entropy))).collect(),
        password: format!("demo-{}", random(entropy)),
        api_key: None,
        cron: random(entropy),
    }
}

/// 160 bits as text.
fn random(entropy: &Entropy) -> String {
    tenantry_platform::record::hex(&entropy.bytes::<20>())
}
