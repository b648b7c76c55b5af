//! `tenantry keys`: the root key and the signing keys.

use std::process::ExitCode;

use clap::Subcommand;
use secrecy::ExposeSecret as _;
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
}

pub(super) fn run(command: KeysCommand) -> Outcome {
    match command {
        KeysCommand::NewRoot => say(RootKey::generate(&Entropy::system()).to_text().expose_secret()),
        KeysCommand::RotateSigning(place) => rotate(&place)?,
    }
    Ok(ExitCode::SUCCESS)
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
