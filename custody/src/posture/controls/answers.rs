//! What every answer says, and what strangers are refused: pages of staff, calls of the API, too many forms.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderName, Method, StatusCode, header};
use serde_json::Value;
use tenantry_platform::config::{Cors, TierId};

use super::revocation::answers_to_key;
use super::served::{is_refusal, path};
use crate::posture::canary::PATH;
use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Probe};
use crate::posture::sites::{Answer, Sites};

/// Pages and exports of platform staff.
const STAFF: [&str; 4] = [
    "/-/operator/tenants",
    "/-/operator/controls",
    "/-/operator/controls/matrix.csv",
    "/-/operator/controls/oscal.json",
];
/// Calls asked a run: each costs a request that is refused.
const CALLS_MOST: usize = 60;
/// In place of a parameter: names nothing.
const NOTHING: &str = "00000000-0000-7000-8000-000000000000";
/// Routes of the app asked a run, twice each.
const ROUTES_MOST: usize = 20;
/// Forms sent a run: a higher limit is read in the answer and not reached.
const FORMS_MOST: u64 = 40;
/// Each with the limit that it has by itself.
const FORMS: [(&str, TierId); 3] =
    [("/-/sign-in", TierId::SIGN_IN_IP), ("/-/sign-up", TierId::SIGN_UP_IP), ("/-/forgot-password", TierId::RESET_IP)];
const FORM: (HeaderName, &str) = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
const ELSEWHERE: &str = "https://evil.example";

/// The pages of platform staff refuse strangers.
pub(super) async fn operator_pages(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let mut found = Vec::new();
    for path in STAFF {
        let answer = sites.fetch(&sites.console, path).await?;
        if !is_refusal(&answer) && answer.status != StatusCode::NOT_FOUND {
            found.push(format!("{path} answers {} to nobody", answer.status.as_u16()));
        }
    }
    Ok(Verdict::unless(&found, format!("{} pages and exports of platform staff: all refused", STAFF.len())))
}

/// Every call that the served description of the API names, without a credential.
pub(super) async fn api_guards(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let calls = described(&sites.fetch(&sites.api, "/-/api/openapi.json").await?)?;
    let (mut found, asked) = (Vec::new(), calls.len().min(CALLS_MOST));
    for (method, path) in calls.iter().take(CALLS_MOST) {
        let json = [(header::CONTENT_TYPE, "application/json")];
        let answer = sites.send(&sites.api, method.clone(), path, &json, "{}").await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(Inconclusive("the check itself met a limit".to_owned())),
            status => found.push(format!("{method} {path} answers {} to nobody", status.as_u16())),
        }
    }
    Ok(Verdict::unless(
        &found,
        format!("{asked} of {} described calls asked without a credential: all refused", calls.len()),
    ))
}

/// Method and path of every call below `/-/api/v1`.
fn described(answer: &Answer) -> Result<Vec<(Method, String)>, Inconclusive> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let methods = |(path, item): (&String, &Value)| {
        let path = concrete(path);
        let names: Vec<String> = item.as_object().into_iter().flatten().map(|(name, _)| name.to_uppercase()).collect();
        names.into_iter().filter_map(move |name| Some((known(&name)?, path.clone()))).collect::<Vec<_>>()
    };
    let calls: Vec<_> = paths.filter(|(path, _)| path.starts_with("/-/api/v1")).flat_map(methods).collect();
    if calls.is_empty() { Err(Inconclusive("the description of the API names no call".to_owned())) } else { Ok(calls) }
}

fn known(name: &str) -> Option<Method> {
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().find(|m| m.as_str() == name)
}

fn concrete(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { NOTHING } else { part }).collect::<Vec<_>>().join("/")
}

/// What the standing in a limit is told by.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    limit: u64,
    remaining: u64,
    policy: String,
}

/// The API tells where its caller stands, and counts.
pub(super) async fn limits_told(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let most = u64::from(probe.config.limits.tier(TierId::API_KEY).limit);
    let answers = answers_to_key(&probe, &[PATH, PATH]).await?;
    let told: Vec<Told> = answers.iter().filter_map(standing).collect();
    let [first, second] = told.as_slice() else {
        return Ok(Verdict::fail("an answer of the API does not say where its caller stands"));
    };
    Ok(if first.limit > most {
        Verdict::fail(format!("the API tells of a limit of {}, above the {most} that a key has", first.limit))
    } else if second.remaining >= first.remaining {
        Verdict::fail("two requests of the API were not counted")
    } else {
        Verdict::pass(format!("counted and told, by {}", first.policy))
    })
}

/// The store that nodes share their limits on answers this one, or there is none to answer.
pub(super) async fn shared_limits(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let answers = answers_to_key(&probe, &[PATH]).await?;
    let [answer] = answers.as_slice() else { return Err(Inconclusive("the API did not answer".to_owned())) };
    Ok(match (standing(answer), answer.header("x-ratelimit-store")) {
        (None, _) => Verdict::fail("an answer of the API was counted nowhere"),
        (Some(_), Some(_)) => {
            Verdict::fail("the shared store of limits does not answer in time: each node limits by its part")
        }
        (Some(_), None) => Verdict::pass("counted where the configuration says"),
    })
}

fn standing(answer: &Answer) -> Option<Told> {
    let number = |name: &str| answer.header(name)?.parse().ok();
    let policy = answer.header("ratelimit-policy")?.to_owned();
    Some(Told { limit: number("x-ratelimit-limit")?, remaining: number("x-ratelimit-remaining")?, policy })
}

/// Sends one form more than its limit allows, from an address that nobody else has.
pub(super) async fn form_limits(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let (mut found, mut told) = (Vec::new(), Vec::new());
    for (path, tier) in FORMS {
        let tier = probe.config.limits.tier(tier);
        let (limit, window_s) = (u64::from(tier.limit), tier.window_s);
        match refused_at(&probe, path, limit).await? {
            Ok(()) => told.push(format!("{path} {limit} in {window_s} s")),
            Err(what) => found.push(format!("{path}: {what}")),
        }
    }
    Ok(Verdict::unless(&found, format!("one form more is refused: {}", told.join(", "))))
}

async fn refused_at(probe: &Probe, path: &str, limit: u64) -> Result<Result<(), String>, Inconclusive> {
    let sites = probe.sites()?.seen_from_elsewhere(&probe.ground.entropy);
    if !sites.is_elsewhere() {
        return Err(Inconclusive("this machine has no second loopback address to send forms from".to_owned()));
    }
    let mut last = post_own(&sites, path).await?;
    if limit > FORMS_MOST {
        let told = standing(&last).map(|told| told.limit);
        return Ok(if told == Some(limit) { Ok(()) } else { Err("the limit is not told".to_owned()) });
    }
    for sent in 1..=limit {
        if last.status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Err(format!("form {sent} is refused already")));
        }
        last = post_own(&sites, path).await?;
    }
    let waits = last.header("retry-after").and_then(|text| text.parse::<u64>().ok()).is_some_and(|s| s > 0);
    Ok(match last.status {
        StatusCode::TOO_MANY_REQUESTS if waits => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => Err("the refusal does not say how long to wait".to_owned()),
        status => Err(format!("form {} answers {}", limit + 1, status.as_u16())),
    })
}

/// A form of our own page with nothing in it: counted, and refused before any work is done for it.
async fn post_own(sites: &Sites, path: &str) -> Result<Answer, Inconclusive> {
    let origin = sites.origin(&sites.console);
    sites.send(&sites.console, Method::POST, path, &[FORM, (header::ORIGIN, &origin)], "").await
}

/// Every answer has an id of its own, and a refusal quotes it.
pub(super) async fn request_ids(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let answers = [
        sites.fetch(&sites.console, "/-/health/live").await?,
        sites.fetch(&sites.console, "/-/health/live").await?,
        sites.fetch(&sites.api, "/-/api/v1/audit").await?,
    ];
    let ids: BTreeSet<&str> = answers.iter().filter_map(|answer| answer.header("x-request-id")).collect();
    let refusal: Value = serde_json::from_slice(&answers[2].body).unwrap_or_default();
    let quoted = refusal["request_id"].as_str();
    Ok(if ids.len() < answers.len() {
        Verdict::fail(format!("{} answers have {} ids", answers.len(), ids.len()))
    } else if quoted.is_none() || quoted != answers[2].header("x-request-id") {
        Verdict::fail("a refusal does not quote its id")
    } else {
        Verdict::pass(format!("{} answers, {} ids; a refusal quotes its own", answers.len(), ids.len()))
    })
}

/// Whoever is not at the listener of operations reads no metrics.
pub(super) async fn metrics_inside(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let hosts = [(&sites.console, "console"), (&sites.api, "API")];
    let mut found = Vec::new();
    for (host, what) in hosts {
        let answer = sites.fetch(host, "/metrics").await?;
        if String::from_utf8_lossy(&answer.body).contains("tenantry_requests") {
            found.push(format!("the public address of the {what} shows metrics"));
        }
    }
    let where_to = match probe.config.operations.listen {
        Some(_) => "they are on a listener of their own",
        None => "no listener of operations is open",
    };
    Ok(Verdict::unless(&found, format!("{} public addresses show no metrics; {where_to}", hosts.len())))
}

/// Another site's script reads nothing of what a route does not list, and nothing with a cookie.
pub(super) async fn cross_origin(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let (mut found, mut asked) = (Vec::new(), 0);
    for path in ["/-/sign-in", "/security", "/-/api/v1/audit"] {
        for host in [&sites.console, &sites.api] {
            found.extend(read_from_elsewhere(sites, host, path, &Cors::Own).await?);
            asked += 1;
        }
    }
    for route in probe.config.routes.iter().take(ROUTES_MOST) {
        found.extend(read_from_elsewhere(sites, sites.routes_host(), &path(route), &route.cors).await?);
        asked += 1;
    }
    Ok(Verdict::unless(
        &found,
        format!("{asked} addresses read and asked for as a page of another site: none beyond its list"),
    ))
}

/// What a page of another site is told that it should not be, of an address where `cors` says who may read.
async fn read_from_elsewhere(
    sites: &Sites,
    host: &str,
    path: &str,
    cors: &Cors,
) -> Result<Option<String>, Inconclusive> {
    let (origin, preflight) = ((header::ORIGIN, ELSEWHERE), HeaderName::from_static("access-control-request-method"));
    let read = sites.send(host, Method::GET, path, std::slice::from_ref(&origin), "").await?;
    let asked = sites.send(host, Method::OPTIONS, path, &[origin, (preflight, "GET")], "").await?;
    let says = |name: &str| [&read, &asked].iter().any(|answer| answer.headers.contains_key(name));
    Ok(if says("access-control-allow-credentials") {
        Some(format!("{path} lets other sites send cookies"))
    } else if *cors != Cors::Everybody && says("access-control-allow-origin") {
        Some(format!("{path} lets another site read"))
    } else {
        None
    })
}

/// The cookies of sessions, as they are served when a browser signs out.
pub(super) async fn session_cookies(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let answer = post_own(sites, "/-/sign-out").await?;
    let cookies: Vec<&str> =
        answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    if cookies.is_empty() {
        return Err(Inconclusive(format!("signing out set no cookie and answered {}", answer.status.as_u16())));
    }
    let found: Vec<String> = cookies.iter().filter_map(|cookie| loose(cookie)).collect();
    Ok(Verdict::unless(&found, format!("{} cookies: __Host-, Secure, HttpOnly, SameSite=Lax", cookies.len())))
}

/// What a cookie lacks, by name; never its value.
fn loose(cookie: &str) -> Option<String> {
    let mut parts = cookie.split(';').map(str::trim);
    let name = parts.next()?.split('=').next()?;
    let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    let lacks =
        ["secure", "httponly", "samesite=lax", "path=/"].into_iter().find(|word| !attributes.iter().any(|a| a == word));
    match lacks {
        Some(word) => Some(format!("{name} is without {word}")),
        None if !name.starts_with("__Host-") => Some(format!("{name} is not bound to its host")),
        None => None,
    }
}

/// Strangers find whom to tell, and the promise is not over (RFC 9116).
pub(super) async fn security_contact(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let answer = sites.fetch(&sites.console, "/.well-known/security.txt").await?;
    let text = String::from_utf8_lossy(&answer.body);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let expires = field("Expires:").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    Ok(match (field("Contact:").filter(|contact| !contact.is_empty()), expires) {
        (None, _) => Verdict::fail("security.txt names no contact"),
        (_, None) => Verdict::fail("security.txt does not say until when it holds"),
        (_, Some(at)) if at <= probe.ground.now() => Verdict::fail("security.txt is no longer valid"),
        (Some(_), Some(at)) => Verdict::pass(format!("a contact, valid until {at}")),
    })
}
