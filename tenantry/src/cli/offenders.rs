//! `tenantry offenders`: who is refused for a while, and what whoever has the machine does about it.

use std::process::ExitCode;

use clap::Subcommand;
use ipnet::IpNet;
use jiff::SignedDuration;
use tenantry_core::clock::Timestamp;
use tenantry_core::slug::Slug;
use tenantry_edge::offenders::{self, Ledger, Listed, Own, Search, Why, parse_blockable, parse_network};
use tenantry_identity::tenants;
use tenantry_platform::db::{Context, Control, Operator};
use tenantry_platform::permit::{Actor, Administer, Origin, Permit};
use uuid::Uuid;

use super::connect::{Installation, Where};
use super::{Outcome, say, wait};
use crate::Fault;

#[derive(Debug, Subcommand)]
pub(super) enum OffendersCommand {
    /// Who is blocked, newest first: addresses, or the keys and people of a workspace.
    List {
        /// An address or a network: what contains it, or lies in it.
        network: Option<String>,
        /// The keys and people of this workspace instead of addresses.
        #[arg(long, conflicts_with = "network")]
        tenant: Option<String>,
        /// Also what is over or was lifted.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Where,
    },
    /// End a block before its time. Running nodes let them in again at once.
    Lift {
        /// Its id, as the list shows it.
        id: Uuid,
        /// Whose it is, where it is a workspace's.
        #[arg(long)]
        tenant: Option<String>,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Where,
    },
    /// Refuse everything from an address or a network, also with a good credential.
    Block {
        /// Such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48.
        network: String,
        /// For so many hours.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_760))]
        hours: u32,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Where,
    },
}

pub(super) fn run(command: OffendersCommand) -> Outcome {
    wait(async {
        match command {
            OffendersCommand::List { network, tenant, all, place } => {
                let installation = Installation::open(&place).await?;
                let network = network.as_deref().map(parse_network).transpose()?;
                match tenant {
                    Some(slug) => list_own(&installation, &slug, !all).await,
                    None => list(&installation, network, !all).await,
                }
            }
            OffendersCommand::Lift { id, tenant, reason, place } => lift(id, tenant.as_deref(), &reason, &place).await,
            OffendersCommand::Block { network, hours, reason, place } => block(&network, hours, &reason, &place).await,
        }
    })?
}

async fn list(installation: &Installation, network: Option<IpNet>, in_force: bool) -> Outcome {
    let search = Search { network, in_force, ..Search::default() };
    let (found, more) = offenders::list(&staff("offenders list"), &installation.ground, &search).await?;
    found.iter().for_each(|one| say(&line(one)));
    told(found.len(), more);
    Ok(ExitCode::SUCCESS)
}

async fn list_own(installation: &Installation, slug: &str, in_force: bool) -> Outcome {
    let permit = of_tenant(installation, slug, "offenders list").await?;
    let search = Search { in_force, ..Search::default() };
    let (found, more) = offenders::own(&permit, &installation.ground, &search).await?;
    found.iter().for_each(|one| say(&own_line(one)));
    told(found.len(), more);
    Ok(ExitCode::SUCCESS)
}

async fn lift(id: Uuid, tenant: Option<&str>, reason: &str, place: &Where) -> Outcome {
    let why = Why::parse(reason)?;
    let installation = Installation::open(place).await?;
    match tenant {
        Some(slug) => {
            let permit = of_tenant(&installation, slug, "offenders lift").await?;
            offenders::lift_own(&permit, &installation.ground, id, &why).await?;
            say("The block is lifted.");
        }
        None => {
            let network = offenders::lift(&staff("offenders lift"), &installation.ground, id, &why).await?;
            say(&format!("{network} is not blocked any more."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn block(network: &str, hours: u32, reason: &str, place: &Where) -> Outcome {
    let why = Why::parse(reason)?;
    let installation = Installation::open(place).await?;
    let ground = &installation.ground;
    let network = parse_blockable(network, &Ledger::new(&installation.config, &ground.sealer, &ground.entropy))?;
    let until = ground.now().checked_add(SignedDuration::from_hours(hours.into())).unwrap_or(Timestamp::MAX);
    let id = offenders::block(&staff("offenders block"), ground, network, until, &why).await?;
    say(&format!("{network} is blocked until {}. `tenantry offenders lift {id}` ends it.", at(until)));
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Listed) -> String {
    let why = if one.by_hand { &one.reason } else { &one.offence };
    let state = state(one.until, one.lifted_at);
    format!("{}  {:<20} {:<10} {state:<7} until {}  {why}", one.id, one.network, one.scope, at(one.until))
}

fn own_line(one: &Own) -> String {
    let (kind, state) = (if one.is_key { "key" } else { "person" }, state(one.until, one.lifted_at));
    format!("{}  {kind:<6} {}  {state:<7} until {}  {}", one.id, one.subject, at(one.until), one.offence)
}

fn state(until: Timestamp, lifted: Option<Timestamp>) -> &'static str {
    match lifted {
        Some(_) => "lifted",
        None if until > tenantry_core::clock::Clock::system().now() => "blocked",
        None => "over",
    }
}

fn at(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn told(count: usize, more: bool) {
    say(&format!("{count} shown{}", if more { "; there are more: name an address, or look at the page" } else { "" }));
}

fn staff(what: &'static str) -> Permit<Administer, Operator> {
    Permit::system(Context::default(), Actor::system("cli", what), Origin::default())
}

async fn of_tenant(
    installation: &Installation,
    slug: &str,
    what: &'static str,
) -> Result<Permit<Administer, Control>, Fault> {
    let slug = Slug::from_stored(slug).map_err(|fault| fault.to_string())?;
    let tenant = tenants::cli::find(&installation.ground, &slug).await?;
    let context = Context { tenant: Some(tenant), person: None };
    Ok(Permit::system(context, Actor::system("cli", what), Origin::default()))
}
