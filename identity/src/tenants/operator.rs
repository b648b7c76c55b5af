//! The operator's pages: `/-/operator/tenants` and below. For anybody else they do not exist (AC-4).

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::TenantId;
use tenantry_platform::db::Operator;
use tenantry_platform::http::{Caller, Form, Path, Query, see_other};
use tenantry_platform::page::{Choice, Chrome, Field, FlashKind, console, render, render_with};
use tenantry_platform::permit::{Operate, Permit, TenantStatus};
use tenantry_platform::problem::Problem;
use url::form_urlencoded::Serializer;

use super::console::status_word;
use super::page::{OperatorSuspend, OperatorTenants, Status, TenantRow};
use super::{Overview, Reason, Search};
use crate::Identity;

/// Where the list is.
pub(super) const LIST: &str = "/-/operator/tenants";
/// The page's entry in the navigation.
pub(super) const NAV: &str = "operator-tenants";
/// Statuses that the list can be narrowed to.
const STATUSES: [TenantStatus; 5] = [
    TenantStatus::Active,
    TenantStatus::PastDue,
    TenantStatus::Suspended,
    TenantStatus::Offboarding,
    TenantStatus::Deactivated,
];

/// What the list is narrowed to, and what was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    #[serde(default)]
    q: String,
    /// A status, or empty for any.
    #[serde(default)]
    status: String,
    before: Option<TenantId>,
    #[serde(default)]
    done: String,
}

/// What the page that suspends posts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    reason: String,
    confirm: String,
}

/// `GET /-/operator/tenants`
pub async fn list(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let permit = permit(&caller, None)?;
    let search = query.search();
    let mut tx = permit.begin(&identity.ground);
    let (found, more) = super::list(&mut tx, &identity.options.roles, search.clone()).await?;
    tx.commit().await?;
    let mut chrome = console(&identity.visit(&caller), &caller, OperatorTenants::TITLE, NAV);
    if let Some(said) = query.said(&chrome) {
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let is_narrowed = !search.query.is_empty() || search.status.is_some();
    let last = found.last().filter(|_| more).map(|last| last.tenant.id);
    Ok(render(&OperatorTenants {
        statuses: statuses(&chrome, search.status),
        next_href: last.map(|last| query.href(Some(last))).unwrap_or_default(),
        first_href: query.before.map(|_| query.href(None)).unwrap_or_default(),
        clear_href: if is_narrowed { LIST.to_owned() } else { String::new() },
        tenants: found.into_iter().map(|tenant| row(&chrome, tenant)).collect(),
        query: Field::filled(query.q),
        chrome,
    }))
}

/// `GET /-/operator/tenants/{id}/suspend`
pub async fn confirm(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<TenantId>,
) -> Result<Response, Problem> {
    let tenant = find(&identity, &permit(&caller, Some(id))?, id).await?;
    Ok(draw(&identity, &caller, &tenant, Field::default(), Field::default()))
}

/// `POST /-/operator/tenants/{id}/suspend`
pub async fn suspend(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<TenantId>,
    Form(sent): Form<Suspension>,
) -> Result<Response, Problem> {
    let permit = permit(&caller, Some(id))?;
    let tenant = find(&identity, &permit, id).await?;
    let reason = Reason::parse(&sent.reason);
    let is_confirmed = sent.confirm.trim() == tenant.tenant.slug;
    let reason = match reason {
        Ok(reason) if is_confirmed => reason,
        other => return Ok(refuse(&identity, &caller, &tenant, &sent, other.err())),
    };
    let mut tx = permit.begin(&identity.ground);
    super::suspend(&mut tx, &identity.ground, &reason).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{LIST}?done=suspended")))
}

/// `POST /-/operator/tenants/{id}/reactivate`
pub async fn reactivate(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path(id): Path<TenantId>,
) -> Result<Response, Problem> {
    let mut tx = permit(&caller, Some(id))?.begin(&identity.ground);
    super::reactivate(&mut tx, &identity.ground).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{LIST}?done=reactivated")))
}

impl ListQuery {
    fn search(&self) -> Search {
        let status = STATUSES.into_iter().find(|status| status.as_str() == self.status);
        Search { query: self.q.trim().to_owned(), status, before: self.before }
    }

    fn href(&self, before: Option<TenantId>) -> String {
        let mut query = Serializer::new(String::new());
        let text = [("q", self.q.as_str()), ("status", self.status.as_str())];
        query.extend_pairs(text.into_iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(before.map(|before| ("before", before.to_string())));
        let query = query.finish();
        if query.is_empty() { LIST.to_owned() } else { format!("{LIST}?{query}") }
    }

    fn said(&self, chrome: &Chrome) -> Option<&'static str> {
        match self.done.as_str() {
            "suspended" => Some(chrome.t("operator.suspended_done")),
            "reactivated" => Some(chrome.t("operator.reactivated_done")),
            _ => None,
        }
    }
}

pub(super) fn permit(caller: &Caller, tenant: Option<TenantId>) -> Result<Permit<Operate, Operator>, Problem> {
    caller.principal()?.operator_permit(tenant, &caller.origin())
}

pub(super) async fn find(
    identity: &Identity,
    permit: &Permit<Operate, Operator>,
    id: TenantId,
) -> Result<Overview, Problem> {
    let search = Search { query: id.to_string(), ..Search::default() };
    let mut tx = permit.begin(&identity.ground);
    let (found, _) = super::list(&mut tx, &identity.options.roles, search).await?;
    tx.commit().await?;
    found.into_iter().find(|tenant| tenant.tenant.id == id).ok_or_else(Problem::not_found)
}

fn refuse(
    identity: &Identity,
    caller: &Caller,
    tenant: &Overview,
    sent: &Suspension,
    wrong_reason: Option<&'static str>,
) -> Response {
    let reason = Field { value: sent.reason.clone(), error: wrong_reason.unwrap_or_default().to_owned() };
    let words = identity.visit(caller).words;
    let is_confirmed = sent.confirm.trim() == tenant.tenant.slug;
    let error = if is_confirmed { String::new() } else { words.say("component.confirm_wrong").to_owned() };
    draw(identity, caller, tenant, reason, Field { value: sent.confirm.clone(), error })
}

fn draw(identity: &Identity, caller: &Caller, tenant: &Overview, reason: Field, confirm: Field) -> Response {
    let is_wrong = !reason.error.is_empty() || !confirm.error.is_empty();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = OperatorSuspend {
        chrome: console(&identity.visit(caller), caller, OperatorSuspend::TITLE, NAV),
        name: tenant.tenant.name.clone(),
        slug: tenant.tenant.slug.clone(),
        members: usize::try_from(tenant.members).unwrap_or_default(),
        action: format!("{LIST}/{}/suspend", tenant.tenant.id),
        back_href: LIST.to_owned(),
        reason,
        confirm,
    };
    render_with(status, &page)
}

fn row(chrome: &Chrome, found: Overview) -> TenantRow {
    let (status, tenant) = (found.tenant.status, found.tenant);
    let act = |may: bool, verb: &str| if may { format!("{LIST}/{}/{verb}", tenant.id) } else { String::new() };
    TenantRow {
        suspend_href: act(status.is_served(), "suspend"),
        reactivate_action: act(status == TenantStatus::Suspended, "reactivate"),
        id: tenant.id.to_string(),
        href: format!("{LIST}/{}", tenant.id),
        owner: found.owner.unwrap_or_default(),
        status: badge(chrome, status),
        members: usize::try_from(found.members).unwrap_or_default(),
        created_at: found.created_at,
        name: tenant.name,
        slug: tenant.slug,
    }
}

/// A status as a badge.
pub(super) fn badge(chrome: &Chrome, status: TenantStatus) -> Status {
    Status { text: status_word(chrome, status).to_owned(), look: look(status) }
}

const fn look(status: TenantStatus) -> &'static str {
    match status {
        TenantStatus::Active => "success",
        TenantStatus::PastDue => "warning",
        TenantStatus::Suspended => "danger",
        TenantStatus::Offboarding | TenantStatus::Deactivated => "neutral",
    }
}

fn statuses(chrome: &Chrome, chosen: Option<TenantStatus>) -> Vec<Choice> {
    let choice = |value: &str, label: &str, selected| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        hint: String::new(),
        selected,
    };
    let any = choice("", chrome.t("operator.any_status"), chosen.is_none());
    let each =
        STATUSES.into_iter().map(|status| choice(status.as_str(), status_word(chrome, status), chosen == Some(status)));
    std::iter::once(any).chain(each).collect()
}
