//! The report for programs. Its form is `docs/rls/findings.schema.json`.

use serde_json::{Map, Value, json};

use super::{Report, TOOL};
use crate::finding::{Finding, Severity};

/// The whole report.
pub(super) fn written(report: &Report) -> String {
    let document = json!({
        "tool": { "name": TOOL, "version": env!("CARGO_PKG_VERSION") },
        "verb": report.verb,
        "database": report.database,
        "server_version": report.server,
        "app_roles": report.app_roles,
        "counts": counts(report),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "accepted": report.accepted.iter().map(accepted).collect::<Vec<_>>(),
        "tried": report.tried.map(|tried| json!({
            "relations": tried.relations, "functions": tried.functions, "statements": tried.statements,
        })),
        "notes": report.notes,
    });
    format!("{document:#}\n")
}

/// What was judged, and how much was found of each severity.
fn counts(report: &Report) -> Value {
    let of = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let judged = report.counts;
    json!({
        "tables": judged.tables,
        "policies": judged.policies,
        "views": judged.views,
        "functions": judged.functions,
        "critical": of(Severity::Critical),
        "high": of(Severity::High),
        "medium": of(Severity::Medium),
        "low": of(Severity::Low),
        "info": of(Severity::Info),
        "accepted": report.accepted.len(),
    })
}

fn finding(finding: &Finding) -> Value {
    Value::Object(fields(finding))
}

fn fields(finding: &Finding) -> Map<String, Value> {
    let Value::Object(fields) = json!({
        "id": finding.id(),
        "class": finding.class.id(),
        "object": finding.object,
        "detail": finding.detail,
        "part": finding.part,
        "severity": finding.severity,
        "explanation": finding.explanation,
        "proof": finding.proof,
        "fix": finding.remedy.fix(),
        "advice": finding.remedy.advice,
    }) else {
        return Map::new();
    };
    fields
}

fn accepted((finding, reason): &(Finding, String)) -> Value {
    let mut fields = fields(finding);
    fields.insert("reason".to_owned(), Value::String(reason.clone()));
    Value::Object(fields)
}
