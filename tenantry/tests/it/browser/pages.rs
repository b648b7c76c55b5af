//! Every page of ours, one after the other, as people meet it (WEB-1).
//!
//! The pages come from the table of routes itself, so that a new one cannot be forgotten: a GET route without an
//! example fails, on each kind of host that has it. Each is opened by day and by night, on a phone and on a desk;
//! axe-core finds nothing in it, no policy of ours is violated, nothing scrolls sideways, and the Tab key comes to
//! everything and shows where it is.
//!
//! `TENANTRY_SHOTS=DIR` keeps a picture of each.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;
use tenantry::routes::{OwnRoute, OwnRoutes};
use tenantry_core::mode::Mode;
use tenantry_core::route::{Found, Method};
use tenantry_platform::http::Surface;
use tenantry_platform::page::assets;
use url::Url;

use super::chromium::Chromium;
use super::sight::Sight;
use super::stage::{Stage, Visitor};
use crate::dev::process::{Dev, FIRST_START, data_dir};
use Visitor::{Member, Nobody, Operator, Owner};

const LETTER: &str = "/-/dev/letters/{name}/html";

/// Browsers at a time.
const BROWSERS: usize = 2;

/// A page to look at. `{names}` are the stage's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Example {
    /// As the table of routes writes it; empty for what is no route's page.
    route: &'static str,
    pub(super) by: Visitor,
    pub(super) address: &'static str,
    status: u64,
}

impl Example {
    /// A letter is read on a page of whoever reads mail, which has the landmarks.
    fn is_excused(&self, fault: &str) -> bool {
        self.route == LETTER && ["landmark-one-main ", "region "].iter().any(|rule| fault.starts_with(rule))
    }
}

/// A route that answers with no page.
#[derive(Clone, Copy, Debug)]
enum Instead {
    /// It leads to another address.
    Way,
    /// For programs, or to be kept.
    File,
}

const fn page(route: &'static str, by: Visitor, address: &'static str) -> Example {
    Example { route, by, address, status: 200 }
}

const fn refusal(by: Visitor, address: &'static str, status: u64) -> Example {
    Example { route: "", by, address, status }
}

const PEOPLE: &[Example] = &[
    page("/-/sign-in", Nobody, "{central}/-/sign-in"),
    page("/-/sign-in", Nobody, "{central}/-/sign-in?return_to=/-/account"),
    page("/-/sign-up", Nobody, "{central}/-/sign-up"),
    page("/-/verify", Nobody, "{central}{verify}"),
    page("/-/invitation", Nobody, "{central}{invitation}"),
    page("/-/invitation", Nobody, "{central}{known-invitation}"),
    page("/-/invitation", Owner, "{central}{invitation}"),
    page("/-/forgot-password", Nobody, "{central}/-/forgot-password"),
    page("/-/reset-password", Nobody, "{central}{reset}"),
    page("/-/confirm-email", Nobody, "{central}{confirm}"),
    page("/-/undo-email", Nobody, "{central}{undo}"),
    page("/security", Nobody, "{central}/security"),
    page("/security", Nobody, "{tenant}/security"),
    page("/security/disclosure", Nobody, "{central}/security/disclosure"),
    page("/security/disclosure", Nobody, "{tenant}/security/disclosure"),
    page("/-/dev/mail", Nobody, "{central}/-/dev/mail"),
    page("/-/dev/mail", Nobody, "{central}/-/dev/mail?to=nobody@acme.example"),
    page("/-/dev/mail/{id}", Nobody, "{central}/-/dev/mail/1"),
    page("/-/dev/letters", Nobody, "{central}/-/dev/letters"),
    page("/-/dev/letters/{name}", Nobody, "{central}/-/dev/letters/email_changed"),
    page(LETTER, Nobody, "{central}/-/dev/letters/email_changed/html"),
    refusal(Nobody, "{central}/-/nothing-is-here", 404),
    refusal(Nobody, "{central}/-/reset-password?token=made-up", 404),
    refusal(Nobody, "{other}/", 403),
];

const ACCOUNT: &[Example] = &[
    page("/-/account", Owner, "{central}/-/account"),
    page("/-/account", Member, "{central}/-/account"),
    page("/-/account/password", Owner, "{central}/-/account/password"),
    page("/-/account/email", Owner, "{central}/-/account/email"),
    page("/-/account/sessions", Owner, "{central}/-/account/sessions"),
    page("/-/account/delete", Owner, "{central}/-/account/delete"),
    page("/-/account/delete", Member, "{central}/-/account/delete"),
];

const WORKSPACE: &[Example] = &[
    page("/-/console/{slug}/{mode}", Owner, "{central}/-/console/acme/live"),
    page("/-/console/{slug}/{mode}", Owner, "{central}/-/console/acme/test?span=week"),
    page("/-/console/{slug}/{mode}", Member, "{central}/-/console/acme/live"),
    page("/-/console/{slug}/{mode}/members", Owner, "{central}/-/console/acme/live/members"),
    page("/-/console/{slug}/{mode}/members", Member, "{central}/-/console/acme/live/members"),
    page("/-/console/{slug}/{mode}/members/invite", Owner, "{central}/-/console/acme/live/members/invite"),
    page("/-/console/{slug}/{mode}/members/leave", Owner, "{central}/-/console/acme/live/members/leave"),
    page("/-/console/{slug}/{mode}/members/{id}/role", Owner, "{central}/-/console/acme/live/members/{member}/role"),
    page(
        "/-/console/{slug}/{mode}/members/{id}/remove",
        Owner,
        "{central}/-/console/acme/live/members/{member}/remove",
    ),
    page(
        "/-/console/{slug}/{mode}/members/{id}/transfer",
        Owner,
        "{central}/-/console/acme/live/members/{member}/transfer",
    ),
    page("/-/console/{slug}/{mode}/roles", Owner, "{central}/-/console/acme/live/roles"),
    page("/-/console/{slug}/{mode}/roles/new", Owner, "{central}/-/console/acme/live/roles/new"),
    page("/-/console/{slug}/{mode}/roles/{id}/edit", Owner, "{central}/-/console/acme/live/roles/{role}/edit"),
    page("/-/console/{slug}/{mode}/roles/{id}/delete", Owner, "{central}/-/console/acme/live/roles/{role}/delete"),
    page("/-/console/{slug}/{mode}/keys", Owner, "{central}/-/console/acme/live/keys"),
    page("/-/console/{slug}/{mode}/keys", Operator, "{central}/-/console/staffroom/live/keys"),
    page("/-/console/{slug}/{mode}/keys/new", Owner, "{central}/-/console/acme/test/keys/new"),
    page("/-/console/{slug}/{mode}/keys/{id}", Owner, "{central}/-/console/acme/live/keys/{key}"),
    page("/-/console/{slug}/{mode}/keys/{id}", Owner, "{central}/-/console/acme/live/keys/{old-key}?span=week"),
    page("/-/console/{slug}/{mode}/keys/{id}", Owner, "{central}/-/console/acme/live/keys/{dead-key}"),
    page("/-/console/{slug}/{mode}/keys/{id}/edit", Owner, "{central}/-/console/acme/live/keys/{key}/edit"),
    page("/-/console/{slug}/{mode}/keys/{id}/rotate", Owner, "{central}/-/console/acme/live/keys/{key}/rotate"),
    page("/-/console/{slug}/{mode}/keys/{id}/revoke", Owner, "{central}/-/console/acme/live/keys/{key}/revoke"),
    page("/-/console/{slug}/{mode}/keys/{id}/delete", Owner, "{central}/-/console/acme/live/keys/{dead-key}/delete"),
    page("/-/console/{slug}/{mode}/blocks", Owner, "{central}/-/console/acme/live/blocks"),
    page("/-/console/{slug}/{mode}/blocks", Operator, "{central}/-/console/staffroom/live/blocks"),
    page("/-/console/{slug}/{mode}/blocks/{id}/lift", Owner, "{central}/-/console/acme/live/blocks/{block}/lift"),
    page("/-/console/{slug}/{mode}/audit", Owner, "{central}/-/console/acme/live/audit"),
    page(
        "/-/console/{slug}/{mode}/audit",
        Owner,
        "{central}/-/console/acme/live/audit?action=api_key.created&actor=owner@acme.example",
    ),
    page("/-/console/{slug}/{mode}/audit", Owner, "{central}/-/console/acme/live/audit?ip=192.0.2.1"),
    page("/-/console/{slug}/{mode}/csp", Owner, "{central}/-/console/acme/live/csp"),
    page("/-/console/{slug}/{mode}/csp", Operator, "{central}/-/console/staffroom/live/csp"),
    page("/-/console/{slug}/{mode}/settings", Owner, "{central}/-/console/acme/live/settings"),
    refusal(Member, "{central}/-/console/acme/live/keys", 403),
];

const STAFF: &[Example] = &[
    page("/-/operator/tenants", Operator, "{central}/-/operator/tenants"),
    page("/-/operator/tenants", Operator, "{central}/-/operator/tenants?q=nothing"),
    page("/-/operator/tenants/{id}", Operator, "{central}/-/operator/tenants/{tenant-id}"),
    page("/-/operator/tenants/{id}", Operator, "{central}/-/operator/tenants/{stopped-id}"),
    page("/-/operator/tenants/{id}/suspend", Operator, "{central}/-/operator/tenants/{tenant-id}/suspend"),
    page("/-/operator/people", Operator, "{central}/-/operator/people"),
    page("/-/operator/people", Operator, "{central}/-/operator/people?q=owner@acme.example"),
    page("/-/operator/people", Operator, "{central}/-/operator/people?q=nobody"),
    page("/-/operator/people/{id}/deactivate", Operator, "{central}/-/operator/people/{person}/deactivate"),
    page("/-/operator/people/{id}/deactivate", Operator, "{central}/-/operator/people/{sole-owner}/deactivate"),
    page("/-/operator/offenders", Operator, "{central}/-/operator/offenders"),
    page("/-/operator/offenders", Operator, "{central}/-/operator/offenders?network=192.0.2.99&state=now"),
    page("/-/operator/offenders/block", Operator, "{central}/-/operator/offenders/block"),
    page("/-/operator/offenders/{id}/lift", Operator, "{central}/-/operator/offenders/{block}/lift"),
    page("/-/operator/jobs", Operator, "{central}/-/operator/jobs"),
    page("/-/operator/jobs", Operator, "{central}/-/operator/jobs?state=waiting"),
    page("/-/operator/jobs/{id}/discard", Operator, "{central}/-/operator/jobs/{job}/discard"),
    page("/-/operator/mails", Operator, "{central}/-/operator/mails"),
    page("/-/operator/mails", Operator, "{central}/-/operator/mails?state=sent"),
    page("/-/operator/controls", Operator, "{central}/-/operator/controls"),
    page("/-/operator/controls/matrix", Operator, "{central}/-/operator/controls/matrix"),
];

/// Opened apart from the others: its form sends itself, and its code lives for seconds.
pub(super) const HAND_OFF: Example = page("/-/handoff", Nobody, "{tenant}/-/handoff");

const OTHERS: &[(Example, Instead)] = &[
    (page("/", Nobody, "{central}/"), Instead::Way),
    (page("/-/sign-in", Nobody, "{tenant}/-/sign-in"), Instead::Way),
    (page("/-/handoff", Nobody, "{central}/-/handoff?host=acme&challenge=x&return_to=/"), Instead::Way),
    (page("/-/console", Owner, "{central}/-/console"), Instead::Way),
    (page("/-/console/{slug}", Owner, "{central}/-/console/acme"), Instead::Way),
    (page("/-/health/live", Nobody, "{central}/-/health/live"), Instead::File),
    (page("/-/health/live", Nobody, "{tenant}/-/health/live"), Instead::File),
    (page("/-/health/ready", Nobody, "{central}/-/health/ready"), Instead::File),
    (page("/-/health/ready", Nobody, "{tenant}/-/health/ready"), Instead::File),
    (page("/-/jwks.json", Nobody, "{central}/-/jwks.json"), Instead::File),
    (page("/-/jwks.json", Nobody, "{tenant}/-/jwks.json"), Instead::File),
    (page("/-/assets/{name}", Nobody, "{central}{stylesheet}"), Instead::File),
    (page("/-/assets/{name}", Nobody, "{tenant}{stylesheet}"), Instead::File),
    (page("/.well-known/security.txt", Nobody, "{central}/.well-known/security.txt"), Instead::File),
    (page("/.well-known/security.txt", Nobody, "{tenant}/.well-known/security.txt"), Instead::File),
    (page("/security.json", Nobody, "{central}/security.json"), Instead::File),
    (page("/-/console/{slug}/{mode}/audit/export", Owner, "{central}/-/console/acme/live/audit/export"), Instead::File),
    (page("/-/operator/controls/matrix.csv", Operator, "{central}/-/operator/controls/matrix.csv"), Instead::File),
    (page("/-/operator/controls/oscal.json", Operator, "{central}/-/operator/controls/oscal.json"), Instead::File),
    (page("/-/dev/clock", Nobody, "{central}/-/dev/clock"), Instead::File),
];

/// Every page, but for [`HAND_OFF`].
pub(super) fn pages() -> impl Iterator<Item = Example> {
    [PEOPLE, ACCOUNT, WORKSPACE, STAFF].into_iter().flatten().copied()
}

/// What a route is asked with: everything that has an example.
fn examples() -> Vec<Example> {
    let others = OTHERS.iter().map(|(example, _)| *example);
    pages().chain([HAND_OFF]).chain(others).collect()
}

/// What people open, rather than programs with a key.
fn is_opened(route: &OwnRoute) -> bool {
    route.method == Method::Get && !route.path.starts_with("/-/api/") && route.path != "/-/forward-auth"
}

#[test]
fn every_page_of_the_table_has_an_example_on_each_host_that_has_it() {
    let (routes, examples) = (OwnRoutes::new(true).unwrap().routes, examples());
    let hosts = [(Surface::Central, "{central}"), (Surface::Tenant(Mode::Live), "{tenant}")];
    let mut without = Vec::new();
    for route in routes.iter().filter(|route| is_opened(route)) {
        for (_, host) in hosts.iter().filter(|(surface, _)| route.is_on(*surface)) {
            let is_shown = |shown: &Example| shown.route == route.path && shown.address.starts_with(host);
            if !examples.iter().any(is_shown) {
                without.push(format!("{host}{}", route.path));
            }
        }
    }
    assert!(without.is_empty(), "add an example to the lists of this file: {without:#?}");
}

#[tokio::test]
async fn every_page_is_sound_by_day_and_night_on_phone_and_desk_and_by_keyboard() {
    let dir = data_dir();
    let stage = &Stage::set(Dev::start(dir.path(), FIRST_START).await).await;
    let faults = stream::iter(Visitor::ALL).map(|visitor| walk(stage, visitor)).buffer_unordered(BROWSERS);
    let faults: Vec<String> = faults.collect::<Vec<_>>().await.concat();
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
    for (example, instead) in OTHERS {
        answers(stage, example, *instead).await;
    }
}

/// A route that has no page answers as it is said to.
async fn answers(stage: &Stage, example: &Example, instead: Instead) {
    let address = stage.address(example.address).replace("{stylesheet}", assets::href("tenantry.css"));
    belongs(example, &address);
    let answer = stage.ask(example.by, &address).await;
    match instead {
        Instead::Way => drop(answer.location().to_owned()),
        Instead::File => {
            let answer = answer.expect(200);
            assert!(!answer.header("content-type").starts_with("text/html"), "{address} is a page: {answer:?}");
        }
    }
}

/// The address is one of the route that it is an example of.
#[track_caller]
fn belongs(example: &Example, address: &str) {
    let own = OwnRoutes::new(true).unwrap();
    let path = address.parse::<Url>().unwrap().path().to_owned();
    let Found::Route(at) = own.table.find(&path, Method::Get) else { panic!("{address} is no route's") };
    assert_eq!(own.routes[at].path, example.route, "{address}");
}

/// All pages of one visitor, in one browser.
async fn walk(stage: &Stage, visitor: Visitor) -> Vec<String> {
    let Some(browser) = stage.browser_of(visitor).await else { return Vec::new() };
    let mut faults = Vec::new();
    for example in pages().filter(|example| example.by == visitor) {
        let address = stage.address(example.address);
        if !example.route.is_empty() {
            belongs(&example, &address);
        }
        faults.extend(judge(&browser, &example, &address).await);
    }
    if visitor == Nobody {
        let (address, cookie) = stage.hand_off().await;
        belongs(&HAND_OFF, &address);
        browser.devtools("Network.enable", json!({})).await;
        browser.devtools("Network.setBlockedURLs", json!({ "urls": ["*autosubmit*"] })).await;
        browser.carry(&stage.address("{tenant}"), &cookie).await;
        faults.extend(judge(&browser, &HAND_OFF, &address).await);
    }
    browser.close().await;
    faults
}

/// What is wrong with a page, each with where it was seen.
async fn judge(browser: &Chromium, example: &Example, address: &str) -> Vec<String> {
    browser.goto(address).await;
    let place = format!("{} by {:?}", example.address, example.by);
    let told = "return [performance.getEntriesByType('navigation')[0].responseStatus, document.contentType]";
    assert_eq!(browser.evaluate(told).await, json!([example.status, "text/html"]), "{place}");
    browser.evaluate("document.querySelectorAll('main details').forEach(fold => fold.open = true)").await;
    let mut faults = Vec::new();
    for sight in Sight::all() {
        browser.look(sight).await;
        let found = [browser.violations(sight.rules()).await, browser.too_wide().await].concat();
        let found = found.into_iter().filter(|fault| !example.is_excused(fault));
        faults.extend(found.map(|fault| format!("{place}, {sight:?}: {fault}")));
        keep_picture(browser, &place, sight).await;
    }
    let found = [browser.missed_by_keyboard().await, browser.complaints().await].concat();
    faults.extend(found.into_iter().map(|fault| format!("{place}: {fault}")));
    for sight in Sight::between() {
        browser.look(sight).await;
        let found = browser.too_wide().await;
        faults.extend(found.into_iter().map(|fault| format!("{place}, {sight:?}: {fault}")));
    }
    faults
}

/// For whoever wants to look at all of them.
async fn keep_picture(browser: &Chromium, place: &str, sight: Sight) {
    let Some(folder) = std::env::var_os("TENANTRY_SHOTS").map(PathBuf::from) else { return };
    let whole = json!({ "captureBeyondViewport": true, "format": "png" });
    let picture = browser.devtools("Page.captureScreenshot", whole).await;
    let name: String = place.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    let name = format!("{name}-{}-{}.png", sight.width, sight.scheme);
    std::fs::write(folder.join(name), STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()).unwrap();
}
