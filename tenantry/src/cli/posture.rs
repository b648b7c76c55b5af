//! `tenantry posture`: every control now, from a process of its own, against the running system.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use secrecy::SecretString;
use tenantry_custody::posture::{
    CONTROLS, Evidence, Finding, Probe, Report, Sites, beside_noted, run_all, to_oscal, to_text,
};
use tenantry_platform::page::words::Words;

use super::connect::{Installation, Where};
use super::{Outcome, say, wait};
use crate::Fault;

#[derive(Debug, Args)]
pub(super) struct PostureArgs {
    #[command(flatten)]
    place: Where,
    /// `json` is for programs: {"controls": [{"id", "claim", "verdict", "evidence", "at"}]}; `oscal` for an auditor's:
    /// OSCAL assessment results, the same bytes as long as a server finds the same.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For programs of auditors.
    Oscal,
}

/// Exit code 1 when a control fails.
pub(super) fn run(args: PostureArgs) -> Outcome {
    wait(async {
        let installation = Installation::open(&args.place).await?;
        let mut sites = Sites::of(&installation.config);
        if let Some(ready) = &installation.ready {
            sites =
                sites.with_tenants(&ready.tenant, &ready.other_tenant, Some(SecretString::from(ready.api_key.clone())));
        }
        let probe = Probe::new(
            installation.ground.clone(),
            installation.config.clone(),
            installation.urls.clone(),
            Some(sites),
        );
        let probe = Arc::new(probe.of_program(super::program()));
        let findings = run_all(CONTROLS, &probe).await;
        let report = Report::new(&findings);
        match args.format {
            Format::Json => say(&report.to_json()),
            Format::Oscal => say(&oscal(&installation, findings).await?),
            Format::Text => say(to_text(&findings, Words::english()).trim_end()),
        }
        Ok(ExitCode::from(u8::from(report.has_failed())))
    })?
}

/// Times are those of the serving process, where it finds the same.
async fn oscal(installation: &Installation, findings: Vec<Finding>) -> Result<String, Fault> {
    let held = beside_noted(&installation.ground, findings).await?;
    let config = &installation.config;
    let today = installation.ground.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let evidence = Evidence { held: &held, attested: &config.attested, today };
    let text = to_oscal(&evidence, &config.brand.name, Words::english());
    Ok(text.ok_or("there is no control")?.trim_end().to_owned())
}
