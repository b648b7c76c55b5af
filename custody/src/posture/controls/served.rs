//! What the running system answers: guards, hosts, origins, headers.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderName, Method, StatusCode, header};
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::config::{Guard, Route};

use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Probe};
use crate::posture::sites::{Answer, Sites};

/// Routes asked a run: each costs a request that is refused.
const ROUTES_MOST: usize = 60;
/// Base64 of 128 bits, as CSP Level 3 asks of a nonce.
const NONCE_CHARS_MIN: usize = 22;

/// Every guarded route refuses whoever shows nothing, and refuses a key of another tenant.
pub(super) async fn guard_audit(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let guarded: Vec<&Route> = probe.config.routes.iter().filter(|route| !route.guards.is_public()).collect();
    let (mut found, mut asked) = (Vec::new(), 0);
    for route in guarded.iter().take(ROUTES_MOST) {
        let Some(method) = method(route) else { continue };
        asked += 1;
        let answer = sites.send(sites.routes_host(), method.clone(), &path(route), &[], "").await?;
        if !is_refusal(&answer) {
            found.push(format!("{method} {} answers {} to nobody", route.pattern.as_str(), answer.status.as_u16()));
        }
    }
    let crossed = match foreign_key(sites, &guarded).await? {
        Some(Ok(())) => ", and another tenant's key at its door",
        Some(Err(what)) => {
            found.push(what);
            ""
        }
        None => "",
    };
    Ok(Verdict::unless(
        &found,
        format!("{asked} of {} guarded routes asked without a credential{crossed}: all refused", guarded.len()),
    ))
}

/// A key of one tenant at the host of another. None: there is no key to try it with.
async fn foreign_key(sites: &Sites, guarded: &[&Route]) -> Result<Option<Result<(), String>>, Inconclusive> {
    let (Some(tenant), Some(other), Some(key)) = (&sites.tenant, &sites.other_tenant, &sites.api_key) else {
        return Ok(None);
    };
    let readable = |route: &&&Route| route.guards.contains(Guard::Key) && method(route) == Some(Method::GET);
    let Some(route) = guarded.iter().find(readable) else { return Ok(None) };
    let bearer = format!("Bearer {}", key.expose_secret());
    let ask =
        async |host: &str| sites.send(host, Method::GET, &path(route), &[(header::AUTHORIZATION, &bearer)], "").await;
    let (at_home, abroad) = (ask(tenant).await?.status, ask(other).await?.status);
    if matches!(at_home, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS) {
        return Err(Inconclusive(format!("the key that was given answers {} at its own host", at_home.as_u16())));
    }
    let is_refused = matches!(abroad, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    Ok(Some(if is_refused { Ok(()) } else { Err(format!("another tenant's key answers {}", abroad.as_u16())) }))
}

/// 401 and 403, or the way to sign in. An answer of the app, or a failure of it, was let through.
pub(super) fn is_refusal(answer: &Answer) -> bool {
    let to_sign_in = || answer.header("location").is_some_and(|to| to.contains("/-/sign-in"));
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        status => status.is_redirection() && to_sign_in(),
    }
}

/// A path that the pattern matches.
pub(super) fn path(route: &Route) -> String {
    let segment =
        |part: &str| if part.starts_with('{') || part == "*" { "posture".to_owned() } else { part.to_owned() };
    route.pattern.as_str().split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// GET where the route has it: the mildest question.
pub(super) fn method(route: &Route) -> Option<Method> {
    let mut named = route.methods.iter().filter_map(|method| Method::from_bytes(method.as_str().as_bytes()).ok());
    let first = named.next()?;
    if first == Method::GET { Some(first) } else { Some(named.find(|method| method == Method::GET).unwrap_or(first)) }
}

/// A host that is nobody's does not exist, on the app's paths and on ours.
pub(super) async fn unknown_hosts(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let base = &probe.config.hosts.base;
    let hosts = [
        format!("nobody-lives-here.{base}"),
        format!("nobody-lives-here--test.{base}"),
        "posture.invalid".to_owned(),
        "192.0.2.1".to_owned(),
    ];
    let mut found = Vec::new();
    for host in &hosts {
        for path in ["/", "/-/sign-in", "/-/api/v1/audit"] {
            let status = sites.fetch(host, path).await?.status;
            if !matches!(status, StatusCode::NOT_FOUND | StatusCode::MISDIRECTED_REQUEST) {
                found.push(format!("{path} answers {} at a host of nobody", status.as_u16()));
            }
        }
    }
    Ok(Verdict::unless(
        &found,
        format!("{} requests to {} hosts of nobody: none answered", hosts.len() * 3, hosts.len()),
    ))
}

/// A form sent from another site, from nowhere, or by a program is refused before anything is read of it.
pub(super) async fn request_origin(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let same_site = sites.origin(&format!("evil.{}", probe.config.hosts.base));
    let origins = [Some("https://evil.example"), Some("null"), Some(same_site.as_str()), None];
    let (mut found, paths) = (Vec::new(), ["/-/sign-in", "/-/sign-out"]);
    for path in paths {
        for origin in origins {
            let status = post(sites, path, origin).await?.status;
            if status != StatusCode::FORBIDDEN {
                found.push(format!(
                    "POST {path} with Origin {} answers {}",
                    origin.unwrap_or("absent"),
                    status.as_u16()
                ));
            }
        }
    }
    Ok(Verdict::unless(&found, format!("{} forms from elsewhere: all refused", paths.len() * origins.len())))
}

async fn post(sites: &Sites, path: &str, origin: Option<&str>) -> Result<Answer, Inconclusive> {
    let form = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let headers: Vec<(HeaderName, &str)> =
        origin.map(|origin| (header::ORIGIN, origin)).into_iter().chain([form]).collect();
    sites.send(&sites.console, Method::POST, path, &headers, "").await
}

/// Reads headers: each kind of answer carries what browsers need to be told.
pub(super) async fn security_headers(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let answers = [
        ("a page", sites.fetch(&sites.console, "/security").await?),
        ("the sign-in page", sites.fetch(&sites.console, "/-/sign-in").await?),
        ("a refusal of the API", sites.fetch(&sites.api, "/-/api/v1/audit").await?),
        ("a route of the app", sites.fetch(sites.routes_host(), "/").await?),
    ];
    let found: Vec<String> = answers.iter().flat_map(|(what, answer)| missing_headers(&probe, what, answer)).collect();
    Ok(Verdict::unless(&found, format!("{} kinds of answers carry them all", answers.len())))
}

fn missing_headers(probe: &Probe, what: &str, answer: &Answer) -> Vec<String> {
    let exact = [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff")];
    let wrong = exact.iter().filter(|(name, value)| answer.header(name) != Some(value)).map(|(name, _)| *name);
    let absent = ["referrer-policy", "permissions-policy"]
        .into_iter()
        .filter(|name| answer.header(name).is_none_or(str::is_empty));
    let is_https = probe.sites.as_ref().is_some_and(|sites| sites.scheme == "https")
        && !probe.config.headers.hsts_max_age.is_zero();
    let hsts =
        (is_https && answer.header("strict-transport-security").is_none()).then_some("strict-transport-security");
    wrong.chain(absent).chain(hsts).map(|name| format!("{what} lacks {name}")).collect()
}

/// Reads headers: a fresh nonce each time, in the policy and in the page, and nothing that undoes it.
pub(super) async fn script_policy(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    let (mut found, mut nonces) = (Vec::new(), BTreeSet::new());
    let paths = ["/-/sign-in", "/-/sign-in", "/security"];
    for path in paths {
        let answer = sites.fetch(&sites.console, path).await?;
        match nonce(&answer) {
            Ok(nonce) => {
                nonces.insert(nonce);
            }
            Err(what) => found.push(format!("{path}: {what}")),
        }
    }
    if found.is_empty() && nonces.len() < paths.len() {
        found.push("a nonce was used twice".to_owned());
    }
    Ok(Verdict::unless(&found, format!("{} pages, {} nonces, each in its own page alone", paths.len(), nonces.len())))
}

fn nonce(answer: &Answer) -> Result<String, &'static str> {
    let policy = answer.header("content-security-policy").ok_or("no single policy")?;
    let directive = |name: &str| policy.split(';').map(str::trim).find(|text| text.split(' ').next() == Some(name));
    let scripts = directive("script-src").ok_or("no script-src")?;
    if ["'unsafe-inline'", "'unsafe-eval'", " *", "data:"].iter().any(|word| scripts.contains(word)) {
        return Err("script-src lets everything run");
    }
    if directive("frame-ancestors") != Some("frame-ancestors 'none'") {
        return Err("the page can be framed");
    }
    let nonce = scripts.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).ok_or("no nonce")?;
    let in_page = String::from_utf8_lossy(&answer.body).contains(&format!("nonce=\"{nonce}\""));
    match (nonce.len() >= NONCE_CHARS_MIN, in_page) {
        (false, _) => Err("the nonce is too short"),
        (_, false) => Err("the nonce is not in the page"),
        (true, true) => Ok(nonce.to_owned()),
    }
}

/// Two years, as EN-4 promises and browsers ask before they preload.
const HSTS_LEAST_S: u64 = 2 * 365 * 24 * 3_600;

/// Reads headers: each kind of answer sends browsers to https for two years. Where TLS ends here, no old version of it is
/// spoken, and the certificate does not end soon.
pub(super) async fn https_only(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let sites = probe.sites()?;
    if sites.scheme != "https" {
        return Err(Inconclusive(
            "this installation is served over http, where no browser believes the header".to_owned(),
        ));
    }
    let answers = [
        ("a page", sites.fetch(&sites.console, "/security").await?),
        ("the sign-in page", sites.fetch(&sites.console, "/-/sign-in").await?),
        ("a refusal of the API", sites.fetch(&sites.api, "/-/api/v1/audit").await?),
        ("a route of the app", sites.fetch(sites.routes_host(), "/").await?),
    ];
    let weak = answers.iter().filter(|(_, answer)| !answer.header("strict-transport-security").is_some_and(is_strict));
    let mut found: Vec<String> =
        weak.map(|(what, _)| format!("{what} does not keep browsers to https for two years")).collect();
    let of_tls = sites.tls_faults(probe.ground.now()).await?;
    let said = if of_tls.is_some() { "; TLS 1.1 is refused, and the certificate is good for 14 days" } else { "" };
    found.extend(of_tls.into_iter().flatten());
    Ok(Verdict::unless(
        &found,
        format!("{} kinds of answers keep browsers to https for two years, subdomains too{said}", answers.len()),
    ))
}

/// `max-age=63072000; includeSubDomains`
fn is_strict(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let age = parts.clone().find_map(|part| part.strip_prefix("max-age=")?.parse::<u64>().ok());
    age.is_some_and(|age| age >= HSTS_LEAST_S) && parts.any(|part| part.eq_ignore_ascii_case("includesubdomains"))
}
