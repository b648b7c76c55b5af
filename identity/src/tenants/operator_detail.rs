//! One workspace, for platform staff: what it is, how much it uses, what was done to it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::TenantId;
use tenantry_platform::http::{Caller, Path, Query};
use tenantry_platform::page::{self, Chrome, console, render};
use tenantry_platform::permit::TenantStatus;
use tenantry_platform::problem::Problem;
use tenantry_platform::usage::{self, Span};

use super::operator::{self, LIST, NAV};
use super::page::{HistoryRow, OperatorTenant};
use super::store;
use super::store::StatusChange;
use crate::Identity;

/// How far back the charts look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailQuery {
    #[serde(default)]
    span: String,
}

/// `GET /-/operator/tenants/{id}`
pub async fn show(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<TenantId>,
    Query(query): Query<DetailQuery>,
) -> Result<Response, Problem> {
    let permit = operator::permit(&caller, Some(id))?;
    let found = operator::find(&identity, &permit, id).await?;
    let span = Span::named(&query.span).unwrap_or(Span::Week);
    let series = usage::read_all(&permit, &identity.ground, span).await?;
    let history = store::history(&permit, &identity.ground).await?;
    let chrome = console(&identity.visit(&caller), &caller, "nav.tenants", NAV).titled(found.tenant.name.as_str());
    let here = format!("{LIST}/{id}");
    let act = |may: bool, verb: &str| if may { format!("{here}/{verb}") } else { String::new() };
    let status = found.tenant.status;
    Ok(render(&OperatorTenant {
        slug: found.tenant.slug,
        tenant_id: id.to_string(),
        plan: found.tenant.plan,
        status: operator::badge(&chrome, status),
        reason: found.reason.unwrap_or_default(),
        owner: found.owner.unwrap_or_default(),
        members: found.members.to_string(),
        created_at: found.created_at,
        suspend_href: act(status.is_served(), "suspend"),
        reactivate_action: act(status == TenantStatus::Suspended, "reactivate"),
        back_href: LIST.to_owned(),
        spans: page::usage::spans(&chrome, &here, span),
        graphs: vec![
            page::usage::requests(&chrome, span, &series),
            page::usage::refusals(&chrome, span, &series),
            page::usage::sign_ins(&chrome, span, &series),
        ],
        history: history.into_iter().map(|change| row(&chrome, change)).collect(),
        chrome,
    }))
}

fn row(chrome: &Chrome, change: StatusChange) -> HistoryRow {
    let (text, look) = match change.action.as_str() {
        "tenant.suspended" => (chrome.t("operator.was_suspended"), "danger"),
        "tenant.reactivated" => (chrome.t("operator.was_reactivated"), "success"),
        _ => (chrome.t("operator.was_created"), "neutral"),
    };
    HistoryRow { at: change.at, text, look, by: by(chrome, &change.by), reason: change.reason.unwrap_or_default() }
}

/// What kind of actor it was, as people read it.
fn by(chrome: &Chrome, kind: &str) -> &'static str {
    chrome.t(match kind {
        "operator" => "operator.by_staff",
        "cli" => "operator.by_machine",
        _ => "operator.by_owner",
    })
}
