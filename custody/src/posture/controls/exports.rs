//! The log as a file: in three forms, whole, and with cells that no spreadsheet calculates.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use tenantry_core::ids::uuid7;
use tenantry_platform::db::{Context, Test};
use tenantry_platform::permit::{Actor, Attest, Origin, Permit};
use tenantry_platform::record::{self, Act};

use crate::posture::canary::{Canary, SERVED, Which};
use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Probe};

/// What somebody sends as the name of their browser, so that it stands at the beginning of a cell.
const FORMULA: &str = "=HYPERLINK(\"https://evil.example\",\"posture\")";
/// The same cell with its apostrophe, as CSV writes it.
const DEFUSED: &str = "\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"posture\"\")\"";

/// Leaves a row in the canary's log and takes it away in each form.
pub(super) async fn audit_export(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    probe.hourly("audit-export", take_away(&probe)).await
}

async fn take_away(probe: &Probe) -> Result<Verdict, Inconclusive> {
    let key = probe.canaries.work(probe, Which::Exporting).await?;
    let found = async {
        let request = leave_row(probe).await?;
        judge(key.key(), &request).await
    };
    let found = found.await;
    key.end(probe).await?;
    Ok(Verdict::unless(
        &found?,
        "a row of the canary's log came out in 3 forms, each told to be whole; its formula is text in CSV",
    ))
}

/// A row of a request that nobody sent: its id.
async fn leave_row(probe: &Probe) -> Result<String, Inconclusive> {
    let request = uuid7(&probe.ground.clock, &probe.ground.entropy).to_string();
    let origin = Origin { request_id: Some(request.clone()), ip: None, user_agent: Some(FORMULA.to_owned()) };
    let context = Context { tenant: Some(SERVED), person: None };
    let mut tx =
        Permit::<Attest, Test>::system(context, Actor::system("posture", "posture"), origin).begin(&probe.ground);
    let act = Act::new("posture.tried", "control", "audit-export").with(json!({}));
    record::append(&mut tx, &probe.ground, act).await?;
    tx.commit().await?;
    Ok(request)
}

async fn judge(key: &Canary, request: &str) -> Result<Vec<String>, Inconclusive> {
    let mut found = Vec::new();
    for (form, is_right) in
        [("jsonl", is_whole_jsonl as fn(&str, &str) -> bool), ("csv", is_whole_csv), ("ocsf", is_whole_ocsf)]
    {
        let answer = key.present(&format!("/-/api/v1/audit/export?format={form}&request_id={request}")).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Inconclusive("the canary's exports of this hour are used up".to_owned()));
        }
        if answer.status != StatusCode::OK {
            found.push(format!("an export as {form} answers {}", answer.status.as_u16()));
        } else if !is_right(&answer.text(), request) {
            found.push(format!("an export as {form} lacks the row, its end, or the form of a cell"));
        }
    }
    Ok(found)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
}

fn is_whole_jsonl(text: &str, request: &str) -> bool {
    let lines = lines(text);
    let [row, end] = lines.as_slice() else { return false };
    row["request_id"] == request && row["personal"]["user_agent"] == FORMULA && end["end"] == true && end["rows"] == 1
}

fn is_whole_ocsf(text: &str, request: &str) -> bool {
    let lines = lines(text);
    let [row, end] = lines.as_slice() else { return false };
    row["metadata"]["correlation_uid"] == request
        && row["http_request"]["user_agent"] == FORMULA
        && end["unmapped"]["end"] == true
        && end["unmapped"]["rows"] == 1
}

fn is_whole_csv(text: &str, request: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let [head, row, end] = lines.as_slice() else { return false };
    let has_formula = lines.iter().any(|line| line.starts_with("\"=") || line.contains(",\"="));
    head.contains("\"user_agent\"")
        && row.contains(request)
        && row.contains(DEFUSED)
        && end.contains(r#"{""end"":true,""rows"":1}"#)
        && !has_formula
}
