//! `tenantry tenants` and `tenantry operators`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;
use tenantry_core::window::Limit;
use tenantry_custody::vault;
use tenantry_identity::tenants::{self, LimitChange, Reason, Search, Source};
use tenantry_identity::users::{Founding, Wanted};
use tenantry_identity::{Identity, Options};

use super::connect::{Installation, Where};
use super::{Outcome, say, wait};
use crate::Fault;

#[derive(Debug, Subcommand)]
pub(super) enum TenantsCommand {
    /// Make a workspace with its owner, also where sign-up is closed.
    Create(CreateArgs),
    /// A page of tenants, newest first.
    List {
        /// A part of a name or slug.
        query: Option<String>,
        #[command(flatten)]
        place: Where,
    },
    /// Stop serving a tenant. Its people, keys and hosts are refused at once.
    Suspend {
        /// The tenant's slug.
        slug: String,
        /// Why; the tenant's owner reads it in the audit log.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Where,
    },
    /// Serve a suspended tenant again.
    Reactivate {
        /// The tenant's slug.
        slug: String,
        #[command(flatten)]
        place: Where,
    },
    /// Give a tenant another plan of the configuration.
    Plan {
        /// The tenant's slug.
        slug: String,
        /// The plan's name.
        plan: String,
        #[command(flatten)]
        place: Where,
    },
    /// Show the limits of a tenant, or give it limits of its own.
    Limits {
        /// The tenant's slug.
        slug: String,
        /// Another limit of a tier: api_key=600/60 is 600 in 60 seconds.
        #[arg(long, value_name = "TIER=LIMIT/SECONDS")]
        set: Vec<String>,
        /// The tier's limit by the plan again.
        #[arg(long, value_name = "TIER")]
        unset: Vec<String>,
        #[command(flatten)]
        place: Where,
    },
}

/// A workspace for somebody.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Its name in hosts: acme for acme.example.com.
    #[arg(long)]
    slug: String,
    /// Its name on pages.
    #[arg(long)]
    name: String,
    /// The owner's address. Whoever has no account with it is mailed a link that lets them choose a password.
    #[arg(long, value_name = "EMAIL")]
    owner: String,
    /// The owner's name, where they have no account yet. The address, unless said.
    #[arg(long, value_name = "NAME")]
    owner_name: Option<String>,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Subcommand)]
pub(super) enum OperatorsCommand {
    /// Make somebody platform staff (TENANTRY_MIGRATE_URL).
    Grant {
        /// Their address.
        email: String,
        #[command(flatten)]
        place: Where,
    },
    /// Take it back (TENANTRY_MIGRATE_URL).
    Revoke {
        /// Their address.
        email: String,
        #[command(flatten)]
        place: Where,
    },
    /// What was done to the whole installation, newest first: platform staff, months of audit rows that were dropped.
    Log {
        #[command(flatten)]
        place: Where,
    },
}

pub(super) fn run(command: TenantsCommand) -> Outcome {
    wait(async {
        match command {
            TenantsCommand::Create(args) => create(&args).await,
            TenantsCommand::List { query, place } => list(query.unwrap_or_default(), &place).await,
            TenantsCommand::Suspend { slug, reason, place } => suspend(&slug, &reason, &place).await,
            TenantsCommand::Reactivate { slug, place } => reactivate(&slug, &place).await,
            TenantsCommand::Plan { slug, plan, place } => change_plan(&slug, &plan, &place).await,
            TenantsCommand::Limits { slug, set, unset, place } => limits(&slug, (&set, &unset), &place).await,
        }
    })?
}

async fn create(args: &CreateArgs) -> Outcome {
    let installation = Installation::open(&args.place).await?;
    let options = Options::from_config(&installation.config)?;
    let CreateArgs { slug, name, owner, owner_name, .. } = args;
    let founding = Founding::check(&Wanted { slug, name, owner, owner_name: owner_name.as_deref() }, &options)?;
    // What is sealed here, the serving process has to open.
    vault::ensure_canary(&installation.ground).await?;
    let founded = Identity::start(installation.ground.clone(), options).found(founding).await?;
    let hosts = &installation.config.hosts;
    let origin = hosts.origin(&hosts.tenant(&parse(&founded.tenant.slug)?, Mode::Live));
    say(&format!("{} is served at {origin}.", founded.tenant.slug));
    say(&match founded.is_mailed {
        false => format!("{owner} owns it, and signs in as before."),
        true => format!(
            "{owner} owns it, and is mailed a link to choose a password with; after {} minutes \
             \"Forgot your password?\" sends another.",
            installation.config.accounts.reset_link.as_secs() / 60
        ),
    });
    Ok(ExitCode::SUCCESS)
}

async fn list(query: String, place: &Where) -> Outcome {
    let installation = Installation::open(place).await?;
    let search = Search { query, ..Search::default() };
    let (found, more) = tenants::cli::list(&installation.ground, &installation.config.roles, search).await?;
    for row in &found {
        let owner = row.owner.as_deref().unwrap_or("-");
        say(&format!("{:<24} {:<12} {:<36} {owner}", row.tenant.slug, row.tenant.status.as_str(), row.tenant.id));
    }
    say(&format!("{} shown{}", found.len(), if more { "; there are more: search by name or slug" } else { "" }));
    Ok(ExitCode::SUCCESS)
}

async fn suspend(slug: &str, reason: &str, place: &Where) -> Outcome {
    let reason = Reason::parse(reason)?;
    let ground = Installation::open(place).await?.ground;
    let (tenant, reach) = tenants::cli::suspend(&ground, &parse(slug)?, &reason).await?;
    say(&format!("{} is suspended. {reach}", tenant.slug));
    Ok(ExitCode::SUCCESS)
}

async fn reactivate(slug: &str, place: &Where) -> Outcome {
    let tenant = tenants::cli::reactivate(&Installation::open(place).await?.ground, &parse(slug)?).await?;
    say(&format!("{} is served again.", tenant.slug));
    Ok(ExitCode::SUCCESS)
}

async fn change_plan(slug: &str, plan: &str, place: &Where) -> Outcome {
    let Installation { ground, config, .. } = Installation::open(place).await?;
    let tenant = tenants::cli::change_plan(&ground, &config.plans, &parse(slug)?, plan).await?;
    say(&format!("{} has the plan {}. Running nodes go by it within a second.", tenant.slug, tenant.plan));
    Ok(ExitCode::SUCCESS)
}

async fn limits(slug: &str, (set, unset): (&[String], &[String]), place: &Where) -> Outcome {
    let Installation { ground, config, .. } = Installation::open(place).await?;
    let set = set.iter().map(|text| limit_change(text)).collect::<Result<Vec<_>, _>>()?;
    let unset = unset.iter().map(|tier| LimitChange { tier: tier.clone(), limit: None });
    let changes: Vec<LimitChange> = set.into_iter().chain(unset).collect();
    let tenant = tenants::cli::change_limits(&ground, &config.limits, &parse(slug)?, &changes).await?;
    for (tier, limit, source) in tenants::limits_of(&tenant, &config.limits, &config.plans) {
        let source = match source {
            Source::Tier => "",
            Source::Plan => "by the plan",
            Source::Tenant => "its own",
        };
        let line = format!("{tier:<28} {:>10} in {:>5} s  {source}", limit.max, limit.window_ms / 1_000);
        say(line.trim_end());
    }
    say(&format!("{} has the plan {}.", tenant.slug, tenant.plan));
    Ok(ExitCode::SUCCESS)
}

/// `api_key=600/60`
fn limit_change(text: &str) -> Result<LimitChange, Fault> {
    let parsed = text.split_once('=').and_then(|(tier, limit)| {
        let (max, seconds) = limit.split_once('/')?;
        let max = max.parse().ok().filter(|max| (1..=1_000_000_000).contains(max))?;
        let seconds: u32 = seconds.parse().ok().filter(|seconds| (1..=86_400).contains(seconds))?;
        Some(LimitChange { tier: tier.to_owned(), limit: Some(Limit { max, window_ms: seconds * 1_000 }) })
    });
    parsed.ok_or_else(|| format!("{text:?} is no limit. Write api_key=600/60 for 600 in 60 seconds.").into())
}

fn parse(slug: &str) -> Result<Slug, Fault> {
    Slug::from_stored(slug).map_err(|fault| fault.to_string().into())
}

pub(super) fn run_operators(command: OperatorsCommand) -> Outcome {
    wait(async {
        match command {
            OperatorsCommand::Grant { email, place } => set_operator(&email, &place, true).await,
            OperatorsCommand::Revoke { email, place } => set_operator(&email, &place, false).await,
            OperatorsCommand::Log { place } => log(&place).await,
        }
    })?
}

async fn log(place: &Where) -> Outcome {
    let installation = Installation::open(place).await?;
    for act in tenants::cli::platform_log(&installation.ground).await? {
        say(&format!(
            "{:<24} {:<20} {:<20} {:<36} {}",
            act.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            act.action,
            act.login,
            act.subject,
            act.detail
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn set_operator(email: &str, place: &Where, is_operator: bool) -> Outcome {
    let address = EmailAddress::parse(email).map_err(|fault| fault.to_string())?;
    let installation = Installation::open(place).await?;
    let mut client = installation.owner().await?;
    let found = tenants::cli::set_operator(&mut client, &installation.ground, &address, is_operator).await?;
    let Some(reach) = found else {
        let way =
            "They have to sign up first, or accept an invitation; or `tenantry tenants create` makes them a workspace";
        return Err(format!("nobody has the address {email}. {way}.").into());
    };
    let said = if is_operator { "They are platform staff now." } else { "They are no longer platform staff." };
    say(&format!("{said} {reach}"));
    Ok(ExitCode::SUCCESS)
}
