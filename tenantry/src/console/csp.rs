//! What browsers reported of violated policies: `/-/console/{slug}/{mode}/csp` (WEB-1).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use tenantry_core::clock::Timestamp;
use tenantry_edge::csp::{self, Aggregate, Report};
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::Caller;
use tenantry_platform::page::graph::grouped;
use tenantry_platform::page::{Chrome, NavEntry, console, render};
use tenantry_platform::permit::{ManageTenant, Permit};
use tenantry_platform::problem::Problem;

use crate::app::App;

inventory::submit! {
    NavEntry {
        id: "csp", area: "workspace", order: 80, word: "nav.csp", icon: "block",
        path: "/-/console/{slug}/{mode}/csp", permission: Some("tenant:manage"),
    }
}

/// Violations, grouped by what was stopped where.
#[derive(Debug, Template)]
#[template(path = "console/csp.html")]
struct CspReports {
    chrome: Chrome,
    groups: Vec<Row>,
    /// How many reports have no row of their own, in words.
    rest: String,
}

#[derive(Clone, Debug)]
struct Row {
    directive: String,
    blocked: String,
    path: String,
    is_enforced: bool,
    count: String,
    first: Timestamp,
    last: Timestamp,
    /// What to do about it.
    advice: String,
}

/// `GET …/csp`
pub(crate) async fn list<M: Mode>(
    caller: Caller,
    permit: Permit<ManageTenant, M>,
    State(app): State<Arc<App>>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let found = csp::list(&permit, &app.ground).await?;
    let chrome = console(&app.identity.visit(&caller), &caller, "csp.title", "csp");
    let groups = found.groups.into_iter().map(|group| row(&chrome, group)).collect();
    let rest = found.rest.map(|sum| chrome.t_with("csp.rest", "count", grouped(sum.count))).unwrap_or_default();
    Ok(render(&CspReports { groups, rest, chrome }))
}

fn row(chrome: &Chrome, (report, sum): (Report, Aggregate)) -> Row {
    Row {
        advice: advice(chrome, &report),
        directive: report.directive,
        blocked: report.blocked,
        path: report.path,
        is_enforced: report.is_enforced,
        count: grouped(sum.count),
        first: sum.first,
        last: sum.last,
    }
}

/// By what was stopped: code in the page, code from text, an extension's, or a file of another site.
fn advice(chrome: &Chrome, report: &Report) -> String {
    match report.blocked.as_str() {
        "inline" => chrome.t("csp.inline").to_owned(),
        "eval" | "wasm-eval" | "trusted-types-sink" => chrome.t("csp.eval").to_owned(),
        "data" | "blob" => chrome.t_with("csp.scheme", "directive", &report.directive),
        blocked if blocked.contains("-extension") => chrome.t("csp.extension").to_owned(),
        blocked if blocked.contains("://") => {
            let directive = report.directive.trim_end_matches("-elem").trim_end_matches("-attr");
            chrome.t_all("csp.origin", &[("origin", &blocked), ("directive", &directive)])
        }
        _ => chrome.t("csp.other").to_owned(),
    }
}
