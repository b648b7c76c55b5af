//! The environment as an argument, and the secrets that only it may bring [EN-5].
//!
//! Each secret comes as `NAME`, or as `NAME_FILE`: the path of a file that holds it. Never both, and never a file that
//! others can read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sentry_types::Dsn;
use url::Url;
use zeroize::Zeroizing;

use super::Config;
use super::fault::{Fault, Faults, Place, nearest};
use super::routes::Guard;
use crate::db::Urls;
use crate::telemetry;

/// A secret is a line, not a document.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// Writing by the group, anything by everybody else.
const OPEN_BITS: u32 = 0o027;
/// Below this a cron secret could be guessed: 128 bits in base64.
const CRON_SECRET_CHARS_MIN: usize = 22;

/// The variables that concern Tenantry. Its `Debug` shows names alone.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, SecretString>,
}

impl Environment {
    /// The process's own variables that begin with `TENANTRY_`.
    pub fn of_process() -> Self {
        let text =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        text.filter(|(name, _)| name.starts_with("TENANTRY_")).collect()
    }

    /// The secret of a name: the variable's value, or the contents of the file that `NAME_FILE` names.
    ///
    /// # Errors
    /// Both are set, or the file cannot be read, or is open to others.
    pub fn secret(&self, name: &str) -> Result<Option<SecretString>, Fault> {
        let file_name = format!("{name}_FILE");
        match (self.value(name), self.value(&file_name)) {
            (Some(_), Some(_)) => Err(fault(name, format!("{file_name} is set as well"), "Unset one of them.")),
            (Some(value), None) => Ok(Some(value.to_owned().into())),
            (None, Some(path)) => read(&file_name, Path::new(path)).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// An empty variable counts as unset: that is how compose files leave one out.
    fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(ExposeSecret::expose_secret).filter(|value| !value.is_empty())
    }

    /// A variable whose name is a slip away.
    fn slip(&self, name: &str) -> String {
        let known = self.variables.keys().map(String::as_str);
        nearest(name, known).map_or_else(String::new, |slip| format!("{slip} is set: is it this one? "))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let secret = |(name, value): (N, V)| (name.into(), SecretString::from(value.into()));
        Self { variables: variables.into_iter().map(secret).collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

fn fault(name: &str, what: impl Into<String>, fix: impl Into<String>) -> Fault {
    Fault { place: Place::Variable(name.to_owned()), what: what.into(), fix: fix.into() }
}

fn read(name: &str, path: &Path) -> Result<SecretString, Fault> {
    let unreadable = |cause: io::Error| {
        fault(name, format!("{} cannot be read: {cause}", path.display()), "Name a file that this user may read.")
    };
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).map_err(unreadable)?;
    refuse_open(name, path, &file.metadata().map_err(unreadable)?)?;
    let length = file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if length as u64 > SECRET_BYTES_MAX || text.trim().is_empty() {
        return Err(fault(
            name,
            format!("{} does not hold a secret", path.display()),
            "It must hold the secret alone.",
        ));
    }
    Ok(SecretString::from(text.trim().to_owned()))
}

/// Refuses a file that everybody on the machine can read, or that somebody else can write. Its group may read it: that
/// is how Kubernetes and systemd hand a secret to a service.
fn refuse_open(name: &str, path: &Path, file: &Metadata) -> Result<(), Fault> {
    let mode = file.permissions().mode() & 0o777;
    if mode & OPEN_BITS == 0 || !file.is_file() {
        return Ok(());
    }
    let path = path.display();
    let what = format!("{path} is open to others (mode {mode:o})");
    let fix = format!("Run `chmod 600 {path}`, or mount it with mode 0440: its group may read it, nobody else.");
    Err(fault(name, what, fix))
}

/// What serving needs to know and no file may say.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub logins: Logins,
    pub root_key: RootKey,
    /// The root key before the present one: what it sealed still opens.
    pub previous_root_key: Option<RootKeyBytes>,
    pub smtp_url: SecretString,
    /// The cron secret and the next one; empty when no route has that guard.
    pub cron: Vec<SecretString>,
    /// Where limits are shared with other nodes; none: each counts for itself.
    pub redis_url: Option<SecretString>,
    /// Where errors go, and what the collector wants to know.
    pub telemetry: telemetry::Secrets,
}

/// A login's connection each; none of them owns anything. `Debug` hides the passwords.
#[derive(Clone, Debug)]
pub struct Logins {
    pub serving: Urls,
    /// Direct, never through a pooler: for `LISTEN`.
    pub listen: tokio_postgres::Config,
}

/// 32 bytes that print nothing.
pub type RootKeyBytes = std::sync::Arc<SecretBox<[u8; 32]>>;

/// Where the root key comes from.
#[derive(Clone, Debug)]
pub enum RootKey {
    Given(RootKeyBytes),
    /// A program and its arguments that print it, as [`parse_root_key`] reads it.
    Command(Vec<String>),
}

/// 32 bytes in base64 or hexadecimal, as `tenantry keys new-root` prints them.
pub fn parse_root_key(text: &str) -> Option<RootKeyBytes> {
    let text = text.trim();
    let bytes = Zeroizing::new(if text.len() == 64 { hexadecimal(text)? } else { base64(text)? });
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(SecretBox::new(Box::new(key)).into())
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(&pair[0])? << 4 | digit(pair.get(1)?)?)).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

impl Secrets {
    /// Everything that serving this configuration needs.
    ///
    /// # Errors
    /// Every secret that is missing or malformed, none of their values.
    pub fn load(config: &Config, environment: &Environment) -> Result<Self, Faults> {
        let has_cron = config.routes.iter().any(|route| route.guards.contains(Guard::Cron));
        let wants = Wants { command: &config.root_key.command, has_cron, has_redis: config.limits.redis.is_wanted };
        let (secrets, faults) = gather(environment, Some(&wants));
        let faults = Faults::new(&config.file, faults);
        match secrets {
            Some(secrets) => faults.or(secrets),
            None => Err(faults),
        }
    }
}

/// The faults of the environment when there is no configuration to hold it against.
pub(super) fn faults_alone(environment: &Environment) -> Faults {
    Faults::new("", gather(environment, None).1)
}

/// What a configuration asks of the environment.
struct Wants<'c> {
    command: &'c [String],
    has_cron: bool,
    has_redis: bool,
}

/// The secrets, unless one that everybody needs is missing, and what is wrong with any of them.
fn gather(environment: &Environment, wants: Option<&Wants<'_>>) -> (Option<Secrets>, Vec<Fault>) {
    let mut gather = Gather { environment, faults: Vec::new() };
    let (logins, smtp_url) = (gather.logins(), gather.smtp());
    let root_key = gather.root_key(wants.map(|wants| wants.command));
    let previous_root_key = gather.key("TENANTRY_PREVIOUS_ROOT_KEY");
    let cron = gather.cron(wants.is_some_and(|wants| wants.has_cron));
    let redis_url = gather.redis(wants.is_some_and(|wants| wants.has_redis));
    let telemetry = gather.telemetry();
    let complete = logins.zip(root_key).zip(smtp_url);
    let secrets = complete.map(|((logins, root_key), smtp_url)| Secrets {
        logins,
        root_key,
        previous_root_key,
        smtp_url,
        cron,
        redis_url,
        telemetry,
    });
    (secrets, gather.faults)
}

struct Gather<'e> {
    environment: &'e Environment,
    faults: Vec<Fault>,
}

impl Gather<'_> {
    fn secret(&mut self, name: &str) -> Option<SecretString> {
        self.environment.secret(name).unwrap_or_else(|fault| {
            self.faults.push(fault);
            None
        })
    }

    fn missing(&mut self, name: &str, fix: &str) {
        let is_noted = self
            .faults
            .iter()
            .any(|fault| matches!(&fault.place, Place::Variable(noted) if noted.trim_end_matches("_FILE") == name));
        if !is_noted {
            let fix = format!("{}{fix}", self.environment.slip(name));
            self.faults.push(fault(name, format!("neither {name} nor {name}_FILE is set"), fix));
        }
    }

    fn logins(&mut self) -> Option<Logins> {
        let (control, live, test) = (self.login("CONTROL"), self.login("LIVE"), self.login("TEST"));
        let (jobs, operator, listen) = (self.login("JOBS"), self.login("OPERATOR"), self.login("LISTEN"));
        let serving = Urls { control: control?, live: live?, test: test?, jobs: jobs?, operator: operator? };
        self.refuse_shared(&serving);
        Some(Logins { serving, listen: listen? })
    }

    fn login(&mut self, plane: &str) -> Option<tokio_postgres::Config> {
        const FIX: &str = "Write postgresql://user:password@host/database; `tenantry database plan` makes the logins.";
        let name = format!("TENANTRY_{plane}_URL");
        let Some(url) = self.secret(&name) else {
            self.missing(&name, FIX);
            return None;
        };
        // The driver's own message may quote the password, so it is not passed on.
        let parsed =
            url.expose_secret().parse::<tokio_postgres::Config>().ok().filter(|login| login.get_user().is_some());
        if parsed.is_none() {
            self.faults.push(fault(&name, "this is no connection URL with a user", FIX));
        }
        parsed
    }

    /// One login for two planes would be one wall fewer [AC-7].
    fn refuse_shared(&mut self, logins: &Urls) {
        let planes = [
            ("CONTROL", &logins.control),
            ("LIVE", &logins.live),
            ("TEST", &logins.test),
            ("JOBS", &logins.jobs),
            ("OPERATOR", &logins.operator),
        ];
        for (at, (plane, login)) in planes.iter().enumerate() {
            if let Some((other, _)) = planes[..at].iter().find(|(_, other)| other.get_user() == login.get_user()) {
                let what = format!("the same user as in TENANTRY_{other}_URL");
                self.faults.push(fault(
                    &format!("TENANTRY_{plane}_URL"),
                    what,
                    "Each plane has a login of its own; `tenantry database plan` makes them.",
                ));
            }
        }
    }

    /// Without a configuration nobody knows whether a command prints the key.
    fn root_key(&mut self, command: Option<&[String]>) -> Option<RootKey> {
        const NAME: &str = "TENANTRY_ROOT_KEY";
        let given = self.key(NAME).map(RootKey::Given);
        let command = command?;
        if given.is_none() && command.is_empty() {
            self.missing(
                NAME,
                "`tenantry keys new-root` makes one; keep it outside the database. Or write [root_key] command.",
            );
        }
        if given.is_some() && !command.is_empty() {
            self.faults.push(fault(NAME, "[root_key] command is written as well", "Keep one of them."));
        }
        given.or_else(|| (!command.is_empty()).then(|| RootKey::Command(command.to_vec())))
    }

    fn key(&mut self, name: &str) -> Option<RootKeyBytes> {
        let text = self.secret(name)?;
        let key = parse_root_key(text.expose_secret());
        if key.is_none() {
            self.faults.push(fault(
                name,
                "this is no root key",
                "It is 32 bytes in base64 or hexadecimal, as `tenantry keys new-root` prints them.",
            ));
        }
        key
    }

    fn smtp(&mut self) -> Option<SecretString> {
        const NAME: &str = "TENANTRY_SMTP_URL";
        const FIX: &str = "Write smtps://user:password@host, or smtp://host?tls=required.";
        let Some(url) = self.secret(NAME) else {
            self.missing(NAME, FIX);
            return None;
        };
        let is_smtp =
            Url::parse(url.expose_secret()).is_ok_and(|url| matches!(url.scheme(), "smtp" | "smtps") && url.has_host());
        if !is_smtp {
            self.faults.push(fault(NAME, "this is no SMTP URL", FIX));
        }
        is_smtp.then_some(url)
    }

    fn redis(&mut self, is_wanted: bool) -> Option<SecretString> {
        const NAME: &str = "TENANTRY_REDIS_URL";
        const FIX: &str = "Write redis://user:password@host:6379/0, or rediss:// where TLS is spoken.";
        let url = self.secret(NAME);
        if is_wanted && url.is_none() {
            self.missing(NAME, &format!("[limits.redis] is written. {FIX}"));
        }
        let is_redis = |url: &SecretString| {
            Url::parse(url.expose_secret()).is_ok_and(|url| {
                matches!(url.scheme(), "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix")
            })
        };
        if url.as_ref().is_some_and(|url| !is_redis(url)) {
            self.faults.push(fault(NAME, "this is no URL of Redis or Valkey", FIX));
        }
        url
    }

    fn telemetry(&mut self) -> telemetry::Secrets {
        const NAME: &str = "TENANTRY_SENTRY_DSN";
        let (sentry_dsn, otlp_authorization) = (self.secret(NAME), self.secret("TENANTRY_OTLP_AUTHORIZATION"));
        if sentry_dsn.as_ref().is_some_and(|dsn| dsn.expose_secret().parse::<Dsn>().is_err()) {
            let fix = "Write https://KEY@HOST/PROJECT, as the settings of the project show it.";
            self.faults.push(fault(NAME, "this is no DSN", fix));
        }
        telemetry::Secrets { sentry_dsn, otlp_authorization }
    }

    fn cron(&mut self, is_used: bool) -> Vec<SecretString> {
        const NAME: &str = "TENANTRY_CRON_SECRET";
        let fix =
            format!("At least {CRON_SECRET_CHARS_MIN} random characters, as `openssl rand -base64 32` prints them.");
        let (present, next) = (self.secret(NAME), self.secret("TENANTRY_CRON_SECRET_NEXT"));
        if is_used && present.is_none() {
            self.missing(NAME, &format!("A route has guard = \"cron\". {fix}"));
        }
        for (name, secret) in [(NAME, &present), ("TENANTRY_CRON_SECRET_NEXT", &next)] {
            if secret.as_ref().is_some_and(|secret| secret.expose_secret().chars().count() < CRON_SECRET_CHARS_MIN) {
                self.faults.push(fault(name, "this secret is too short", fix.clone()));
            }
        }
        present.into_iter().chain(next).collect()
    }
}
