//! Where the root key comes from: the environment, or a file that it names, or a command.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tenantry_core::seal::{NotARootKey, RootKey, Sealer, Zeroizing};
use tenantry_core::secret::ExposeSecret as _;
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
