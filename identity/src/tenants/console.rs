//! The home of a workspace: `/-/console/{slug}` and `/-/console/{slug}/{mode}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::slug::Slug;
use tenantry_platform::db::{Control, Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Query};
use tenantry_platform::page::{self, Chrome, console, render};
use tenantry_platform::permit::{
    ManageKeys, Parts, Permission, ReadAudit, ReadKeys, ReadMembers, TenantRef, TenantStatus,
};
use tenantry_platform::problem::Problem;
use tenantry_platform::usage::{self, Kind, Span};

use super::page::{Home, Person, Step, Tile, Usage};
use crate::members::{self, Member};
use crate::{Identity, apikeys};

/// The page's entry in the navigation.
const NAV: &str = "home";
/// People named on the page.
const PEOPLE_MOST: usize = 20;

/// What the page tells of the workspace, as far as the person may know it.
struct Facts {
    /// Keys that work in this mode.
    keys: Option<i64>,
    members: Vec<Member>,
}

/// How far back the charts look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeQuery {
    #[serde(default)]
    span: String,
}

/// Where a workspace stands and what to do next. Its title is the workspace's name.
pub async fn home<M: Mode>(
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<HomeQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let parts = caller.principal()?.parts();
    let tenant = parts.tenant.as_ref().ok_or_else(Problem::not_found)?;
    let facts = gather::<M>(&identity, &caller).await?;
    let chrome = console(&identity.visit(&caller), &caller, "nav.home", NAV).titled(tenant.name.as_str());
    let slug = Slug::from_stored(&tenant.slug).map_err(Problem::internal)?;
    let hosts = &identity.options.hosts;
    let address = hosts.origin(&hosts.tenant(&slug, M::MODE));
    let span = Span::named(&query.span).unwrap_or_default();
    let usage = usage::<M>(&identity, &caller, &chrome, tenant, span).await?;
    Ok(render(&Home {
        api: hosts.origin(&hosts.api()),
        tenant_id: tenant.id.to_string(),
        status: status_word(&chrome, tenant.status).to_owned(),
        steps: steps::<M>(&chrome, parts, tenant, &facts, &address),
        tiles: tiles(&chrome, parts, &facts),
        more: facts.members.len().saturating_sub(PEOPLE_MOST),
        people: people(parts, facts.members),
        address,
        usage,
        chrome,
    }))
}

async fn gather<M: Mode>(identity: &Identity, caller: &Caller) -> Result<Facts, Problem>
where
    Database: HasStore<M>,
{
    let (principal, origin) = (caller.principal()?, caller.origin());
    let keys = match principal.permit::<ReadKeys, M>(&origin) {
        Ok(permit) => Some(apikeys::count(&permit, &identity.ground).await?),
        Err(_) => None,
    };
    let members = match principal.control_permit::<ReadMembers>(&origin) {
        Ok(permit) => members::list(&permit, &identity.ground, None).await?,
        Err(_) => Vec::new(),
    };
    Ok(Facts { keys, members })
}

/// Charts of what the workspace uses, for whoever may read its log: they are the sums of it.
async fn usage<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    chrome: &Chrome,
    tenant: &TenantRef,
    span: Span,
) -> Result<Option<Usage>, Problem>
where
    Database: HasStore<M>,
{
    let (principal, origin) = (caller.principal()?, caller.origin());
    let Ok(permit) = principal.permit::<ReadAudit, M>(&origin) else { return Ok(None) };
    let series = usage::read(&permit, &identity.ground, None, span).await?;
    let of_all = principal.control_permit::<ReadAudit>(&origin)?;
    let of_all = usage::read::<_, Control>(&of_all, &identity.ground, None, span).await?;
    let here = format!("/-/console/{}/{}", tenant.slug, M::MODE);
    let is_silent = series.total(&[Kind::Requests]) + series.total_before(&[Kind::Requests]) == 0;
    // Three charts of nothing would only hide what to do next.
    let mut graphs = if is_silent { Vec::new() } else { page::usage::of_traffic(chrome, span, &series) };
    graphs.push(page::usage::sign_ins(chrome, span, &of_all));
    let may_make = holds::<ManageKeys>(principal.parts());
    Ok(Some(Usage {
        spans: page::usage::spans(chrome, &here, span),
        graphs,
        is_silent,
        curl: curl::<M>(identity),
        key_href: if may_make { format!("{here}/keys/new") } else { String::new() },
    }))
}

/// A first call, with dots in place of the key.
fn curl<M: Mode>(identity: &Identity) -> String {
    let hosts = &identity.options.hosts;
    let api = hosts.origin(&hosts.api());
    format!("curl -H \"Authorization: Bearer sk_{}_…\" {api}/-/api/v1/whoami", M::MODE)
}

/// What a newcomer does first; gone once there is a key.
fn steps<M: Mode>(chrome: &Chrome, parts: &Parts, tenant: &TenantRef, facts: &Facts, address: &str) -> Vec<Step> {
    let console = format!("/-/console/{}", tenant.slug);
    if !holds::<ManageKeys>(parts) || facts.keys.is_some_and(|keys| keys > 0) {
        return Vec::new();
    }
    let step = |(title, text, act), href: String| Step {
        title: chrome.t(title).to_owned(),
        text: chrome.t(text).to_owned(),
        act: chrome.t(act).to_owned(),
        href,
        done: false,
    };
    let open = step(("home.open_app", "home.open_app_text", "home.open_app_act"), address.to_owned());
    let key = step(("home.make_key", "home.make_key_text", "home.make_key_act"), format!("{console}/test/keys/new"));
    let log =
        step(("home.read_log", "home.read_log_text", "home.read_log_act"), format!("{console}/{}/audit", M::MODE));
    let log = holds::<ReadAudit>(parts).then_some(log);
    [open, key].into_iter().chain(log).collect()
}

fn tiles(chrome: &Chrome, parts: &Parts, facts: &Facts) -> Vec<Tile> {
    let tile = |label: &str, value: String, note: &str| Tile { label: label.to_owned(), value, note: note.to_owned() };
    let role = parts.roles.first().map(|role| tile(chrome.t("home.role"), role.as_str().to_owned(), ""));
    let people =
        (!facts.members.is_empty()).then(|| tile(chrome.t("home.people"), facts.members.len().to_string(), ""));
    let keys = facts.keys.map(|keys| tile(chrome.t("home.keys"), keys.to_string(), chrome.t("home.keys_note")));
    role.into_iter().chain(people).chain(keys).collect()
}

fn people(parts: &Parts, members: Vec<Member>) -> Vec<Person> {
    let you = parts.person.as_ref().map(|person| person.id);
    let person = |member: Member| Person {
        is_you: Some(member.id) == you,
        name: member.name,
        email: member.email,
        role: member.role,
    };
    members.into_iter().take(PEOPLE_MOST).map(person).collect()
}

fn holds<P: Permission>(parts: &Parts) -> bool {
    parts.permissions.contains(P::WORD)
}

/// A status as people read it.
pub(crate) fn status_word(chrome: &Chrome, status: TenantStatus) -> &'static str {
    chrome.t(match status {
        TenantStatus::Active => "status.active",
        TenantStatus::PastDue => "status.past_due",
        TenantStatus::Suspended => "status.suspended",
        TenantStatus::Offboarding => "status.offboarding",
        TenantStatus::Deactivated => "status.deactivated",
    })
}
