//! `tenantry posture`: every control now, from a process of its own, against the running system.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;
use tenantry_custody::posture::{CONTROLS, Probe, Report, Sites, run_all, to_text};
use tenantry_platform::page::words::Words;

use super::connect::{Installation, Where};
use super::{Format, Outcome, say, wait};

#[derive(Debug, Args)]
pub(super) struct PostureArgs {
    #[command(flatten)]
    place: Where,
    /// `json` is for programs: {"controls": [{"id", "claim", "verdict", "evidence", "at"}]}.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
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
        let probe = Arc::new(Probe::new(
            installation.ground.clone(),
            installation.config.clone(),
            installation.urls.clone(),
            Some(sites),
        ));
        let findings = run_all(CONTROLS, &probe).await;
        let report = Report::new(&findings);
        match args.format {
            Format::Json => say(&report.to_json()),
            Format::Text => say(to_text(&findings, Words::english()).trim_end()),
        }
        Ok(ExitCode::from(u8::from(report.has_failed())))
    })?
}
