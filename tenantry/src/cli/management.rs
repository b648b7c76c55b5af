//! `tenantry management-keys`: the platform's own keys, made and revoked by whoever has the machine.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use secrecy::ExposeSecret as _;
use tenantry_core::ids::KeyId;
use tenantry_identity::directory::cli::{self, Kept, Scope};
use tokio_postgres::Client;

use super::connect::{Installation, Where};
use super::{Outcome, say, wait};
use crate::Fault;

#[derive(Debug, Subcommand)]
pub(super) enum ManagementKeysCommand {
    /// Make a key that reads lists of the whole platform, and print it once (TENANTRY_MIGRATE_URL).
    Create {
        /// What people will call it.
        name: String,
        /// What it lists; may be given several times.
        #[arg(long = "scope", required = true)]
        scopes: Vec<ListScope>,
        #[command(flatten)]
        place: Where,
    },
    /// All keys, newest first, without what they are known by (TENANTRY_MIGRATE_URL).
    List {
        #[command(flatten)]
        place: Where,
    },
    /// End a key (TENANTRY_MIGRATE_URL). It says when every node has heard of it.
    Revoke {
        /// Its id, as the list shows it.
        id: KeyId,
        #[command(flatten)]
        place: Where,
    },
}

/// A scope, as the command line writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ListScope {
    /// Everybody with an account: names and e-mail addresses.
    #[value(name = "users:list")]
    Users,
    /// Who belongs to which workspace, in which role.
    #[value(name = "members:list")]
    Members,
    /// All workspaces.
    #[value(name = "tenants:list")]
    Tenants,
}

impl From<ListScope> for Scope {
    fn from(scope: ListScope) -> Self {
        match scope {
            ListScope::Users => Self::Users,
            ListScope::Members => Self::Members,
            ListScope::Tenants => Self::Tenants,
        }
    }
}

pub(super) fn run(command: ManagementKeysCommand) -> Outcome {
    wait(async {
        match command {
            ManagementKeysCommand::Create { name, scopes, place } => create(&name, &scopes, &place).await,
            ManagementKeysCommand::List { place } => list(&place).await,
            ManagementKeysCommand::Revoke { id, place } => revoke(id, &place).await,
        }
    })?
}

async fn create(name: &str, scopes: &[ListScope], place: &Where) -> Outcome {
    let name = cli::check_name(name)?;
    let mut scopes: Vec<Scope> = scopes.iter().copied().map(Scope::from).collect();
    scopes.dedup();
    let (installation, mut client) = reach(place).await?;
    let made = cli::create(&mut client, &installation.ground, name, &scopes).await?;
    say(made.plaintext.expose_secret());
    say(&format!("Its id is {}. It is shown here once; keep it where your app keeps its secrets.", made.id));
    Ok(ExitCode::SUCCESS)
}

async fn list(place: &Where) -> Outcome {
    let (_, mut client) = reach(place).await?;
    let kept = cli::list(&mut client).await?;
    kept.iter().for_each(|key| say(&line(key)));
    say(&format!("{} shown", kept.len()));
    Ok(ExitCode::SUCCESS)
}

fn line(key: &Kept) -> String {
    let state = if key.revoked_at.is_some() { "revoked" } else { "works" };
    format!("{}  mk_{}…  {state:<8} {:<40} {}", key.id, key.start, key.scopes.join(" "), key.name)
}

async fn revoke(id: KeyId, place: &Where) -> Outcome {
    let (installation, mut client) = reach(place).await?;
    let reach = cli::revoke(&mut client, &installation.ground, id).await?;
    let none = || format!("there is no management key {id}. `tenantry management-keys list` names them");
    say(&format!("It is revoked. {}", reach.ok_or_else(none)?));
    Ok(ExitCode::SUCCESS)
}

async fn reach(place: &Where) -> Result<(Installation, Client), Fault> {
    let installation = Installation::open(place).await?;
    let client = installation.owner().await?;
    Ok((installation, client))
}
