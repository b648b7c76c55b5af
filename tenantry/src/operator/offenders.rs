//! `/-/operator/offenders`: addresses that are refused for a while, lifted and blocked by hand (RL-4).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use ipnet::IpNet;
use jiff::SignedDuration;
use serde::Deserialize;
use tenantry_core::clock::Timestamp;
use tenantry_edge::offenders::{self, Listed, PAGE, Search, Why, parse_blockable, parse_network};
use tenantry_platform::db::Operator;
use tenantry_platform::http::{Caller, Form, Path, Query, see_other};
use tenantry_platform::page::{Choice, Chrome, Field, FlashKind, NavEntry, OPERATOR, console, render, render_with};
use tenantry_platform::permit::{Operate, Permit};
use tenantry_platform::problem::Problem;
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::app::App;
use crate::console::blocks::{choice, standing, states};
use crate::console::lift::{self, Lifting, because};

/// The page's entry in the navigation.
const NAV: &str = "operator-offenders";
/// How long somebody may be blocked by hand, in hours: to be chosen from.
const HOURS: [i64; 5] = [1, 24, 7 * 24, 30 * 24, 365 * 24];

inventory::submit! {
    NavEntry {
        id: NAV, area: OPERATOR, order: 25, word: "nav.blocks", icon: "block", path: PAGE, permission: Some(OPERATOR),
    }
}

/// Blocked addresses. [AC-4]
#[derive(Debug, Template)]
#[template(path = "operator/offenders.html")]
struct Offenders {
    chrome: Chrome,
    here: &'static str,
    block_href: String,
    network: Field,
    scopes: Vec<Choice>,
    states: Vec<Choice>,
    clear_href: String,
    rows: Vec<Row>,
    first_href: String,
    next_href: String,
}

#[derive(Clone, Debug)]
struct Row {
    network: String,
    scope: &'static str,
    because: String,
    /// Of a block by hand, or of its lifting.
    reason: String,
    state: &'static str,
    look: &'static str,
    at: Timestamp,
    until: Timestamp,
    lift_href: String,
}

/// Blocking by hand. [AC-4]
#[derive(Debug, Template)]
#[template(path = "operator/block.html")]
struct BlockPage {
    chrome: Chrome,
    action: String,
    back_href: &'static str,
    network: Field,
    hours: Vec<Choice>,
    reason: Field,
}

/// What the list is narrowed to, and what was just done.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffendersQuery {
    #[serde(default)]
    network: String,
    #[serde(default)]
    scope: String,
    /// `now`, or empty for all.
    #[serde(default)]
    state: String,
    before: Option<Uuid>,
    #[serde(default)]
    done: String,
}

/// What the page that blocks posts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Blocking {
    network: String,
    hours: i64,
    reason: String,
}

/// `GET /-/operator/offenders`
pub(crate) async fn list(
    caller: Caller,
    State(app): State<Arc<App>>,
    Query(query): Query<OffendersQuery>,
) -> Result<Response, Problem> {
    let permit = permit(&caller)?;
    let mut chrome = console(&app.identity.visit(&caller), &caller, "blocks.title", NAV);
    let said = match query.done.as_str() {
        "lifted" => chrome.t("blocks.lifted_done"),
        "blocked" => chrome.t("blocks.blocked_done"),
        _ => "",
    };
    if !said.is_empty() {
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let (network, field) = query.network();
    let search = query.search(network);
    let (found, more) = match field.error.is_empty() {
        true => offenders::list(&permit, &app.ground, &search).await?,
        false => (Vec::new(), false),
    };
    let last = found.last().filter(|_| more).map(|last| last.id);
    let status = if field.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Offenders {
        here: PAGE,
        block_href: format!("{PAGE}/block"),
        network: field,
        scopes: scopes(&chrome, &query.scope),
        states: states(&chrome, &query.state),
        clear_href: if query.is_narrowed() { PAGE.to_owned() } else { String::new() },
        rows: found.into_iter().map(|one| row(&chrome, one)).collect(),
        first_href: query.before.map(|_| query.href(None)).unwrap_or_default(),
        next_href: last.map(|last| query.href(Some(last))).unwrap_or_default(),
        chrome,
    };
    Ok(render_with(status, &page))
}

/// `GET /-/operator/offenders/{id}/lift`
pub(crate) async fn confirm(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    permit(&caller)?;
    let chrome = console(&app.identity.visit(&caller), &caller, lift::TITLE, NAV);
    Ok(lift::draw(chrome, PAGE, id, Field::default()))
}

/// `POST /-/operator/offenders/{id}/lift`
pub(crate) async fn lift(
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    Form(sent): Form<Lifting>,
) -> Result<Response, Problem> {
    let permit = permit(&caller)?;
    match Why::parse(&sent.reason) {
        Ok(why) => {
            offenders::lift(&permit, &app.ground, id, &why).await?;
            Ok(see_other(&format!("{PAGE}?done=lifted")))
        }
        Err(wrong) => {
            let chrome = console(&app.identity.visit(&caller), &caller, lift::TITLE, NAV);
            Ok(lift::draw(chrome, PAGE, id, Field::refused(sent.reason, wrong)))
        }
    }
}

/// `GET /-/operator/offenders/block`
pub(crate) async fn form(caller: Caller, State(app): State<Arc<App>>) -> Result<Response, Problem> {
    permit(&caller)?;
    let chrome = console(&app.identity.visit(&caller), &caller, "blocks.block_title", NAV);
    Ok(render(&block_page(chrome, Field::default(), HOURS[1], Field::default())))
}

/// `POST /-/operator/offenders/block`
pub(crate) async fn block(
    caller: Caller,
    State(app): State<Arc<App>>,
    Form(sent): Form<Blocking>,
) -> Result<Response, Problem> {
    let permit = permit(&caller)?;
    let (network, why) = (parse_blockable(&sent.network, &app.offenders), Why::parse(&sent.reason));
    let hours = HOURS.into_iter().find(|hours| *hours == sent.hours).unwrap_or(HOURS[0]);
    match (network, why) {
        (Ok(network), Ok(why)) => {
            let until = app.ground.now().checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX);
            offenders::block(&permit, &app.ground, network, until, &why).await?;
            Ok(see_other(&format!("{PAGE}?done=blocked")))
        }
        (network, why) => {
            let chrome = console(&app.identity.visit(&caller), &caller, "blocks.block_title", NAV);
            let network = Field::refused(sent.network, network.err().unwrap_or_default());
            let reason = Field::refused(sent.reason, why.err().unwrap_or_default());
            Ok(render_with(StatusCode::UNPROCESSABLE_ENTITY, &block_page(chrome, network, hours, reason)))
        }
    }
}

fn permit(caller: &Caller) -> Result<Permit<Operate, Operator>, Problem> {
    caller.principal()?.operator_permit(None, &caller.origin())
}

fn block_page(chrome: Chrome, network: Field, chosen: i64, reason: Field) -> BlockPage {
    let chosen = chosen.to_string();
    let span = |hours: i64| chrome.visit.words.hours(u64::try_from(hours).unwrap_or_default());
    let hours = HOURS.iter().map(|hours| choice(&hours.to_string(), &span(*hours), &chosen)).collect();
    BlockPage { action: format!("{PAGE}/block"), back_href: PAGE, network, hours, reason, chrome }
}

impl OffendersQuery {
    /// The network that is looked for, and the field as it is shown again.
    fn network(&self) -> (Option<IpNet>, Field) {
        if self.network.trim().is_empty() {
            return (None, Field::default());
        }
        match parse_network(&self.network) {
            Ok(network) => (Some(network), Field::filled(self.network.clone())),
            Err(wrong) => (None, Field::refused(self.network.clone(), wrong)),
        }
    }

    fn search(&self, network: Option<IpNet>) -> Search {
        let kind = ["everything", "sign_in", "reports"].into_iter().find(|scope| *scope == self.scope);
        Search { network, kind: kind.unwrap_or_default(), in_force: self.state == "now", before: self.before }
    }

    fn is_narrowed(&self) -> bool {
        !self.network.is_empty() || !self.scope.is_empty() || !self.state.is_empty()
    }

    fn href(&self, before: Option<Uuid>) -> String {
        let mut query = Serializer::new(String::new());
        let text = [("network", self.network.as_str()), ("scope", self.scope.as_str()), ("state", self.state.as_str())];
        query.extend_pairs(text.into_iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(before.map(|before| ("before", before.to_string())));
        format!("{PAGE}?{}", query.finish())
    }
}

fn scopes(chrome: &Chrome, chosen: &str) -> Vec<Choice> {
    let each = ["everything", "sign_in", "reports"].into_iter().map(|word| choice(word, scope(chrome, word), chosen));
    std::iter::once(choice("", chrome.t("operator.any_status"), chosen)).chain(each).collect()
}

fn scope(chrome: &Chrome, word: &str) -> &'static str {
    chrome.t(match word {
        "sign_in" => "blocks.scope_sign_in",
        "reports" => "blocks.scope_reports",
        _ => "blocks.scope_everything",
    })
}

fn row(chrome: &Chrome, one: Listed) -> Row {
    let (state, look) = standing(chrome, one.until, one.lifted_at);
    let is_in_force = one.lifted_at.is_none() && one.until > chrome.visit.now;
    Row {
        scope: scope(chrome, &one.scope),
        because: because(chrome, &one.offence, if one.by_hand { 1 } else { one.nth }),
        reason: one.lift_reason.unwrap_or(one.reason),
        network: one.network.trim_end_matches("/32").to_owned(),
        state,
        look,
        at: one.at,
        until: one.lifted_at.unwrap_or(one.until),
        lift_href: if is_in_force { format!("{PAGE}/{}/lift", one.id) } else { String::new() },
    }
}
