//! `rls/examples`: a schema in the style of each framework, with holes that happen there, and the same without them.

use std::path::{Path, PathBuf};

use tenantry_rls::config::Settings;
use tenantry_rls::finding::{Finding, Severity};

use crate::place::{Place, verified};

/// The frameworks, and the role that their app connects as.
const FRAMEWORKS: &[(&str, &str)] = &[
    ("supabase", "authenticated"),
    ("postgrest", "web_user"),
    ("hasura", "hasura"),
    ("django", "django"),
    ("rails", "rails"),
    ("prisma", "prisma_app"),
    ("drizzle", "authenticated"),
];

fn file(framework: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(framework).join(name)
}

/// The example's role becomes this place's.
fn cast(text: &str, role: &str) -> String {
    let (to, by) = (format!(" to {role}"), format!("to \"{role}\""));
    text.replace(&format!("[\"{role}\"]"), "[\"@app@\"]").replace(&to, " to @app@").replace(&by, "to @app@")
}

async fn judged(framework: &str, role: &str, schema: &str) -> Vec<Finding> {
    let place = Place::new().await;
    let read = |name: &str| cast(&std::fs::read_to_string(file(framework, name)).unwrap(), role);
    let settings = Settings::parse(&place.named(&read("rls.toml"))).unwrap();
    place.administrate("grant create on database @db@ to @owner@").await.unwrap();
    place.load(&read(schema)).await.unwrap_or_else(|fault| panic!("{framework}: {fault}"));
    let catalog = place.catalog().await.unwrap();
    let settings = settings.completed(&catalog);
    let mut findings = verified(&catalog, &settings).unwrap();
    findings.extend(place.attack(&catalog, &settings).await.unwrap());
    findings.retain(|finding| finding.severity > Severity::Info);
    place.remove().await;
    findings
}

#[tokio::test]
async fn the_holes_of_each_framework_are_found_and_no_others() {
    let mut wrong = Vec::new();
    for (framework, role) in FRAMEWORKS {
        let text = std::fs::read_to_string(file(framework, "schema.sql")).unwrap();
        let holes: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("-- hole: ")).collect();
        let findings = judged(framework, role, "schema.sql").await;
        let missed = holes.iter().filter(|hole| !findings.iter().any(|finding| finding.object == **hole));
        wrong.extend(missed.map(|hole| format!("{framework}: {hole} is not found")));
        let others = findings.iter().filter(|finding| !holes.contains(&finding.object.as_str()));
        wrong.extend(others.map(|finding| format!("{framework}: {} is no hole", finding.id())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_mended_version_of_each_framework_is_clean() {
    let mut wrong = Vec::new();
    for (framework, role) in FRAMEWORKS {
        let findings = judged(framework, role, "fixed.sql").await;
        wrong.extend(findings.iter().map(|finding| format!("{framework}: {:?} says {}", finding.part, finding.id())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
