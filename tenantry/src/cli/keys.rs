//! `tenantry keys`: the root key and the signing keys.

use std::io::BufRead as _;
use std::process::ExitCode;

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::management_key::ManagementKey;
use tenantry_core::random::Entropy;
use tenantry_core::seal::RootKey;
use tenantry_custody::vault;

use super::connect::{Installation, Where};
use super::{Outcome, say, wait};
use crate::Fault;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Print a new root key. Keep it where secrets are kept, never in the database.
    NewRoot,
    /// Make new signing keys now. The old ones verify until their last token ends.
    RotateSigning(Where),
    /// Print the numbers of the lines of standard input that hold an API key or a management key, told by their
    /// checksum: for a hook before a commit.
    Find,
}

pub(super) fn run(command: KeysCommand) -> Outcome {
    match command {
        KeysCommand::NewRoot => say(RootKey::generate(&Entropy::system()).to_text().expose_secret()),
        KeysCommand::RotateSigning(place) => rotate(&place)?,
        KeysCommand::Find => find()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Never what was found: whoever reads the answer may be a log.
fn find() -> std::io::Result<()> {
    for (at, line) in std::io::stdin().lock().split(b'\n').enumerate() {
        if holds_key(&String::from_utf8_lossy(&line?)) {
            say(&(at + 1).to_string());
        }
    }
    Ok(())
}

fn holds_key(line: &str) -> bool {
    let words = line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.into_iter().any(|word| ApiKey::parse(word).is_ok() || ManagementKey::parse(word).is_ok())
}

fn rotate(place: &Where) -> Result<(), Fault> {
    wait(async {
        let installation = Installation::open(place).await?;
        let schedule = vault::Schedule::of(&installation.config);
        for key in vault::signing_keys::rotate_now(&installation.ground, &schedule).await? {
            say(&key.to_string());
        }
        Ok(())
    })?
}
