//! Which route a request finds, and what browsers of other origins are told.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tenantry_core::path::CleanPath;
use tenantry_core::random::Entropy;
use tenantry_edge::gateway::{Found, RouteTable, cors, front};
use tenantry_platform::metrics::Metrics;

use crate::kit::{clock, config};

const ROUTES: &str = r#"
[[routes]]
path = "/*"
methods = "any"
guard = "public"
public_because = "a test"
[[routes]]
path = "/api/orders"
methods = ["GET", "POST"]
guard = "key"
cors = ["https://partner.test"]
[[routes]]
path = "/api/partner"
methods = ["GET", "POST"]
guard = "key"
cors = "*"
"#;

fn table() -> RouteTable {
    RouteTable::new(&config(ROUTES), &Metrics::default()).unwrap()
}

fn find<'t>(table: &'t RouteTable, method: &str, path: &str) -> Found<'t> {
    table.find(&Method::from_bytes(method.as_bytes()).unwrap(), &CleanPath::parse(path).unwrap())
}

#[test]
fn what_is_ours_is_never_the_apps_however_it_is_spelled() {
    let table = table();
    for path in [
        "/-",
        "/-/",
        "/-/anything",
        "/%2d/keys",
        "/security",
        "/Security",
        "/security/x",
        "/.well-known/acme",
        "/.WELL-KNOWN/x",
    ] {
        assert!(matches!(find(&table, "GET", path), Found::Reserved), "{path}");
    }
    for path in ["/", "/-x", "/securityx", "/a/-/b"] {
        assert!(matches!(find(&table, "GET", path), Found::Route(_)), "{path}");
    }
}

#[test]
fn a_method_that_was_not_declared_is_405_with_those_that_were() {
    let table = table();
    for method in ["DELETE", "PROPFIND"] {
        let Found::OtherMethods(methods) = find(&table, method, "/api/orders") else {
            panic!("{method} found a route")
        };
        let (problem, allow) = front::other_methods(methods);
        assert_eq!((problem.status().as_u16(), allow.to_str().unwrap()), (405, "GET, HEAD, POST"), "{method}");
    }
}

#[test]
fn a_spelling_that_a_lax_app_would_take_for_a_guarded_path_is_not_public() {
    let table = table();
    for path in ["/API/orders", "/api/orders/", "/api/Orders"] {
        assert!(matches!(find(&table, "GET", path), Found::Ambiguous), "{path}");
    }
}

fn preflight(origin: &'static str) -> HeaderMap {
    let table = table();
    let (route, methods) = table.find_announced(b"POST", &CleanPath::parse("/api/orders").unwrap()).unwrap();
    let request = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
    cors::answer_preflight(Some(&route.route), methods, &request).into_parts().0.headers
}

#[test]
fn a_preflight_of_a_listed_origin_is_answered_with_what_it_may() {
    let answer = preflight("https://partner.test");
    assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "https://partner.test");
    assert_eq!(answer[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, POST");
    assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
}

#[test]
fn a_preflight_of_any_other_origin_learns_nothing() {
    let answer = preflight("https://evil.test");
    assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) && answer.contains_key(VARY));
}

/// `Authorization` is named: `*` would not cover it. Nobody is asked for cookies.
#[test]
fn a_preflight_where_every_site_may_read_names_the_key_and_never_the_cookie() {
    let table = table();
    let (route, methods) = table.find_announced(b"POST", &CleanPath::parse("/api/partner").unwrap()).unwrap();
    let ask = |more: &[(&'static str, &'static str)]| {
        let mut request = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://any.test"))]);
        request.extend(more.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())));
        cors::answer_preflight(Some(&route.route), methods, &request).into_parts().0.headers
    };
    let answer = ask(&[]);
    assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert!(answer[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().split(", ").any(|name| name == "authorization"));
    assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    for into in ["access-control-request-private-network", "access-control-request-local-network"] {
        let answer = ask(&[(into, "true")]);
        assert!(!answer.keys().any(|name| name.as_str().starts_with("access-control-")), "{answer:?}");
    }
}

#[test]
fn an_answer_says_vary_only_where_it_depends_on_the_origin() {
    let table = table();
    let mark = |path, origin: Option<&HeaderValue>| {
        let Found::Route(found) = find(&table, "GET", path) else { panic!() };
        let mut answer = HeaderMap::new();
        cors::mark(&found.route.cors, origin, &mut answer);
        answer
    };
    let (partner, evil) =
        (HeaderValue::from_static("https://partner.test"), HeaderValue::from_static("https://e.test"));
    for origin in [None, Some(&partner), Some(&evil)] {
        assert_eq!(mark("/api/orders", origin)[VARY], "Origin");
        let everybody = mark("/api/partner", origin);
        assert_eq!(everybody[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!everybody.contains_key(VARY));
    }
    let shown = mark("/api/partner", None)[ACCESS_CONTROL_EXPOSE_HEADERS].clone();
    for name in ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy", "x-ratelimit-remaining"] {
        assert!(shown.to_str().unwrap().split(", ").any(|shown| shown == name), "{name}");
    }
}

#[test]
fn the_list_decides_and_not_the_app() {
    let table = table();
    let Found::Route(orders) = find(&table, "GET", "/api/orders") else { panic!() };
    let Found::Route(rest) = find(&table, "GET", "/") else { panic!() };
    let origin = HeaderValue::from_static("https://partner.test");
    let apps = || {
        HeaderMap::from_iter([
            (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
        ])
    };
    let (mut listed, mut unlisted) = (apps(), apps());
    cors::mark(&orders.route.cors, Some(&origin), &mut listed);
    cors::mark(&rest.route.cors, Some(&origin), &mut unlisted);
    assert_eq!(listed[ACCESS_CONTROL_ALLOW_ORIGIN], "https://partner.test");
    assert!(!listed.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS) && unlisted.is_empty());
}

#[test]
fn a_request_id_is_kept_only_from_a_trusted_proxy_and_only_if_it_is_one_word() {
    let id = |given: &'static [u8], is_trusted| {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("x-request-id"), HeaderValue::from_bytes(given).unwrap())]);
        front::request_id(&headers, is_trusted, &clock(), &Entropy::seeded(1))
    };
    assert_eq!(id(b"abc-1", true), "abc-1");
    assert_ne!(id(b"abc-1", false), "abc-1");
    for given in [&b"a b"[..], b"\"quoted\"", b"", &[b'a'; 200]] {
        assert_eq!(id(given, true).len(), 36, "{given:?}");
    }
}
