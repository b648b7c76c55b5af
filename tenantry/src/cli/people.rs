//! `tenantry people`: who may sign in at all.

use std::process::ExitCode;

use clap::Subcommand;
use tenantry_core::email::EmailAddress;
use tenantry_identity::tenants::Reason;
use tenantry_identity::users;
use tenantry_platform::permit::{Acting, Actor, Origin};

use super::connect::{Installation, Where};
use super::import::{self, ImportArgs};
use super::{Outcome, say, wait};

#[derive(Debug, Subcommand)]
pub(super) enum PeopleCommand {
    /// Sign somebody out everywhere and let them in nowhere. Their memberships stay.
    Deactivate {
        /// Their address.
        email: String,
        /// Why; the owners of their workspaces read it in the audit log.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Where,
    },
    /// Let somebody sign in again.
    Reactivate {
        /// Their address.
        email: String,
        #[command(flatten)]
        place: Where,
    },
    /// Bring people in from another product, with the passwords that they have.
    Import(ImportArgs),
}

pub(super) fn run(command: PeopleCommand) -> Outcome {
    wait(async {
        match command {
            PeopleCommand::Deactivate { email, reason, place } => deactivate(&email, &reason, &place).await,
            PeopleCommand::Reactivate { email, place } => reactivate(&email, &place).await,
            PeopleCommand::Import(args) => import::run(args).await,
        }
    })?
}

async fn deactivate(email: &str, reason: &str, place: &Where) -> Outcome {
    let (address, reason) = (EmailAddress::parse(email)?, Reason::parse(reason)?);
    let ground = Installation::open(place).await?.ground;
    let person = users::named(&ground, &address).await?;
    let reach = users::deactivate(&ground, acting("people deactivate"), person, &reason).await?;
    say(&format!("They are deactivated. {reach}"));
    Ok(ExitCode::SUCCESS)
}

async fn reactivate(email: &str, place: &Where) -> Outcome {
    let address = EmailAddress::parse(email)?;
    let ground = Installation::open(place).await?.ground;
    let person = users::named(&ground, &address).await?;
    users::reactivate(&ground, acting("people reactivate"), person).await?;
    say("They can sign in again.");
    Ok(ExitCode::SUCCESS)
}

fn acting(what: &'static str) -> Acting {
    Acting { actor: Actor::system("cli", what), origin: Origin::default() }
}
