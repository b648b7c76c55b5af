//! Where the root key comes from: text, a file that nobody else can read, or a command.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tenantry_core::random::Entropy;
use tenantry_core::seal::{NotARootKey, RootKey, Sealer, Zeroizing};
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_platform::config::{self, Secrets};
use tokio::io::AsyncReadExt as _;

/// A key is 44 or 64 characters; what is longer is another file.
const TEXT_MOST: u64 = 4 * 1024;
/// A key service that takes longer is down.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootFault {
    /// The text is none.
    #[error(transparent)]
    NotAKey(#[from] NotARootKey),
    /// The file cannot be read or written.
    #[error("the root key file {path} cannot be used: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Others on this machine could read it.
    #[error("the root key file {path} can be read by others (mode {mode:o}); run `chmod 600 {path}`")]
    Readable {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The command gave no key.
    #[error("the root key command `{program}` {what}; run it by hand: it must print the key alone")]
    Command {
        /// Its first word.
        program: String,
        /// What happened.
        what: String,
    },
}

/// The seal of the root keys that the configuration names.
///
/// # Errors
/// [`RootFault`], a sentence for the operator that never repeats the key.
pub async fn sealer(secrets: &Secrets) -> Result<Sealer, RootFault> {
    let current = match &secrets.root_key {
        config::RootKey::Given(bytes) => RootKey::from_bytes(bytes.expose_secret())?,
        config::RootKey::Command(command) => from_command(command).await?,
    };
    let sealer = Sealer::new(&current);
    match &secrets.previous_root_key {
        Some(previous) => Ok(sealer.with_previous(&RootKey::from_bytes(previous.expose_secret())?)),
        None => Ok(sealer),
    }
}

/// A new root key as text: what `tenantry keys new-root` prints.
pub fn new_text(entropy: &Entropy) -> SecretString {
    RootKey::generate(entropy).to_text()
}

/// The root key of a file, or of a new file that is made with one: for `tenantry dev`.
pub fn open_or_make(path: &Path, entropy: &Entropy) -> Result<RootKey, RootFault> {
    match make(path, entropy) {
        Err(RootFault::File { cause, .. }) if cause.kind() == io::ErrorKind::AlreadyExists => from_file(path),
        made => made,
    }
}

/// The root key of a file that nobody else can read.
pub fn from_file(path: &Path) -> Result<RootKey, RootFault> {
    refuse_readable(path)?;
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(at(path))?;
    file.take(TEXT_MOST).read_to_string(&mut text).map_err(at(path))?;
    from_text(&text)
}

/// Refuses a file that its group or everybody can read or write.
#[cfg(unix)]
pub fn refuse_readable(path: &Path) -> Result<(), RootFault> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map_err(at(path))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(RootFault::Readable { path: path.to_owned(), mode }) }
}

/// Without permission bits there is nothing to refuse by.
#[cfg(not(unix))]
pub fn refuse_readable(_: &Path) -> Result<(), RootFault> {
    Ok(())
}

/// The root key that a program prints, such as a client of a key service.
pub async fn from_command(command: &[String]) -> Result<RootKey, RootFault> {
    let (program, args) = command.split_first().ok_or(NotARootKey::Form)?;
    let failed = |what: String| RootFault::Command { program: program.clone(), what };
    let text = tokio::time::timeout(COMMAND_TIMEOUT, output(program, args))
        .await
        .map_err(|_| failed(format!("did not end within {} s", COMMAND_TIMEOUT.as_secs())))?
        .map_err(|error| failed(format!("failed: {error}")))?;
    from_text(&text).map_err(|_| failed("printed no root key".to_owned()))
}

/// What it says on stderr is the operator's to read, so it goes where ours goes.
async fn output(program: &str, args: &[String]) -> io::Result<Zeroizing<String>> {
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut text = Zeroizing::new(String::new());
    if let Some(stdout) = child.stdout.take() {
        stdout.take(TEXT_MOST).read_to_string(&mut text).await?;
    }
    let status = child.wait().await?;
    if status.success() { Ok(text) } else { Err(io::Error::other(status.to_string())) }
}

fn from_text(text: &str) -> Result<RootKey, RootFault> {
    let bytes = config::parse_root_key(text).ok_or(NotARootKey::Form)?;
    Ok(RootKey::from_bytes(bytes.expose_secret())?)
}

fn make(path: &Path, entropy: &Entropy) -> Result<RootKey, RootFault> {
    let key = RootKey::generate(entropy);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(at(path))?;
    let write = |file: &mut std::fs::File| -> io::Result<()> {
        writeln!(file, "{}", key.to_text().expose_secret())?;
        // A key that sealed rows and is lost with the power would lose the rows.
        file.sync_all()
    };
    write(&mut file).map_err(at(path))?;
    Ok(key)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RootFault {
    let path = path.to_owned();
    move |cause| RootFault::File { path, cause }
}
