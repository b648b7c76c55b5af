//! `/-/operator/people`. For anybody but platform staff it does not exist.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::PersonId;
use tenantry_platform::db::Operator;
use tenantry_platform::http::{Caller, Query};
use tenantry_platform::page::{Chrome, Field, FlashKind, console, render};
use tenantry_platform::permit::{Operate, Permit};
use tenantry_platform::problem::Problem;
use uuid::Uuid;

use super::page::{People, Person, Workspace};
use super::store::{self, Found};
use crate::Identity;
use crate::tenants::status_word;

/// Where people are found.
pub(super) const HERE: &str = "/-/operator/people";
/// The page's entry in the navigation.
pub(super) const NAV: &str = "operator-people";

/// Whom to look for, and what was just done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    done: String,
}

/// `GET /-/operator/people`
pub async fn list(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<PeopleQuery>,
) -> Result<Response, Problem> {
    let permit = permit(&caller)?;
    let wanted = query.q.trim();
    let found = if wanted.is_empty() { None } else { look_up(&identity, &permit, wanted).await? };
    let mut chrome = console(&identity.visit(&caller), &caller, People::TITLE, NAV);
    if let Some(said) = said(&chrome, &query.done) {
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let person = match found {
        Some(found) => Some(describe(&identity, &permit, &chrome, found).await?),
        None => None,
    };
    Ok(render(&People {
        clear_href: if wanted.is_empty() { String::new() } else { HERE.to_owned() },
        is_missing: !wanted.is_empty() && person.is_none(),
        query: Field::filled(wanted),
        person,
        chrome,
    }))
}

pub(super) fn permit(caller: &Caller) -> Result<Permit<Operate, Operator>, Problem> {
    caller.principal()?.operator_permit(None, &caller.origin())
}

/// By a whole address or an id; what is neither is nobody's.
async fn look_up(
    identity: &Identity,
    permit: &Permit<Operate, Operator>,
    wanted: &str,
) -> Result<Option<Found>, Problem> {
    let id = wanted.parse().unwrap_or(PersonId::from_uuid(Uuid::nil()));
    let address = EmailAddress::parse(wanted);
    let address = address.as_ref().map_or("", EmailAddress::lookup);
    let found = store::find(permit, &identity.ground, address, id).await?;
    let acting = permit.acting();
    let request_id = acting.origin.request_id.as_deref().unwrap_or_default();
    let person = found.as_ref().map(|found| found.id.to_string()).unwrap_or_default();
    tracing::info!(operator = acting.actor.id, request_id, person, "platform staff looked for a person");
    Ok(found)
}

pub(super) async fn find(
    identity: &Identity,
    permit: &Permit<Operate, Operator>,
    id: PersonId,
) -> Result<Found, Problem> {
    store::find(permit, &identity.ground, "", id).await?.ok_or_else(Problem::not_found)
}

async fn describe(
    identity: &Identity,
    permit: &Permit<Operate, Operator>,
    chrome: &Chrome,
    found: Found,
) -> Result<Person, Problem> {
    let workspaces = store::workspaces(permit, &identity.ground, found.id).await?;
    let workspaces = workspaces.into_iter().map(|of| Workspace {
        href: format!("/-/operator/tenants/{}", of.tenant),
        status: status_word(chrome, of.status),
        name: of.name,
        slug: of.slug,
        role: of.role,
        since: of.since,
    });
    let act = |may: bool, verb: &str| if may { format!("{HERE}/{}/{verb}", found.id) } else { String::new() };
    let (status, look) = standing(chrome, &found.status);
    Ok(Person {
        id: found.id.to_string(),
        deactivate_href: act(found.status == "active", "deactivate"),
        reactivate_action: act(found.status == "deactivated", "reactivate"),
        name: found.name,
        email: found.email,
        status,
        look,
        is_operator: found.is_operator,
        created_at: found.created_at,
        verified_at: found.verified_at,
        sessions: found.sessions,
        workspaces: workspaces.collect(),
    })
}

fn standing(chrome: &Chrome, status: &str) -> (&'static str, &'static str) {
    match status {
        "active" => (chrome.t("status.active"), "success"),
        "pending" => (chrome.t("people.pending"), "warning"),
        _ => (chrome.t("status.deactivated"), "danger"),
    }
}

fn said(chrome: &Chrome, done: &str) -> Option<&'static str> {
    match done {
        "deactivated" => Some(chrome.t("people.deactivated_done")),
        "reactivated" => Some(chrome.t("people.reactivated_done")),
        _ => None,
    }
}
