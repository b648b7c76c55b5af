//! The report for code hosts: SARIF 2.1.0 (OASIS standard). The artifact is `rls.toml`, since a schema has no file.

use serde_json::{Value, json};

use super::{Report, TOOL, printable};
use crate::class::Class;
use crate::finding::{Finding, Severity};

/// What a place on a code host is; there, files are what comments hang on.
const ARTIFACT: &str = "rls.toml";
/// Where row level security itself is described; each rule's own page is its `help`.
const MANUAL: &str = "https://www.postgresql.org/docs/current/ddl-rowsecurity.html";

/// The whole report.
pub(super) fn written(report: &Report) -> String {
    let mut classes: Vec<Class> =
        report.findings.iter().chain(report.accepted.iter().map(|(of, _)| of)).map(|of| of.class).collect();
    classes.sort_unstable();
    classes.dedup();
    let open = report.findings.iter().map(|finding| result(finding, &classes, None));
    let taken = report.accepted.iter().map(|(finding, reason)| result(finding, &classes, Some(reason)));
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": TOOL,
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": MANUAL,
                "rules": classes.iter().map(|class| rule(*class)).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": format!("tenantry-rls/{}/", report.verb) },
            "columnKind": "unicodeCodePoints",
            "properties": { "database": report.database, "serverVersion": report.server, "appRoles": report.app_roles },
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": report.notes.iter().map(|note| json!({ "level": "note", "message": { "text": note } })).collect::<Vec<_>>(),
            }],
            "results": open.chain(taken).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

fn rule(class: Class) -> Value {
    json!({
        "id": class.id(),
        "name": format!("{class:?}"),
        "shortDescription": { "text": class.title() },
        "fullDescription": { "text": format!("{}.", class.title()) },
        "helpUri": MANUAL,
        "help": { "text": format!("tenantry rls explain {}", class.id()), "markdown": class.page() },
        "defaultConfiguration": { "level": level(class.severity()) },
        "properties": { "tags": ["security"], "security-severity": score(class.severity()) },
    })
}

fn result(finding: &Finding, classes: &[Class], reason: Option<&String>) -> Value {
    let suppressions =
        reason.map(|reason| json!({ "kind": "external", "status": "accepted", "justification": reason }));
    json!({
        "ruleId": finding.class.id(),
        "ruleIndex": classes.iter().position(|class| *class == finding.class),
        "level": level(finding.severity),
        "message": { "text": message(finding) },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": ARTIFACT }, "region": { "startLine": 1 } },
            "logicalLocations": [{ "fullyQualifiedName": finding.object, "kind": "object" }],
        }],
        "partialFingerprints": { "tenantryRlsId/v1": finding.id() },
        "suppressions": suppressions.into_iter().collect::<Vec<_>>(),
        "properties": {
            "part": finding.part, "severity": finding.severity, "detail": finding.detail,
            "proof": finding.proof, "fix": finding.remedy.fix(), "security-severity": score(finding.severity),
        },
    })
}

/// What a code host shows: object, reason, fix.
fn message(finding: &Finding) -> String {
    let fix = finding.remedy.fix();
    let fix = if fix.is_empty() { String::new() } else { format!("\n\nFix:\n{fix}") };
    format!("{}: {}{fix}", printable(&finding.object), finding.explanation)
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// As code hosts weigh what security tools say: above 9.0 is critical, above 7.0 high.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}
