//! The Origin rule as a table [WEB-3].

use http::header::{HeaderName, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};
use tenantry_edge::gateway::origin::{Own, Refused, is_needed, is_preflight, judge};

const HTTPS: Own<'static> = Own { is_https: true, host: "acme.example.com" };
const DEV: Own<'static> = Own { is_https: false, host: "acme.localhost:8080" };

fn with(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn only_the_own_origin_passes() {
    for (own, origin, expected) in [
        (HTTPS, "https://acme.example.com", Ok(())),
        (HTTPS, "https://acme.example.com:443", Ok(())),
        (HTTPS, "https://ACME.example.com", Ok(())),
        (DEV, "http://acme.localhost:8080", Ok(())),
        (HTTPS, "http://acme.example.com", Err(Refused::OtherOrigin)),
        (HTTPS, "https://acme.example.com:444", Err(Refused::OtherOrigin)),
        (HTTPS, "https://globex.example.com", Err(Refused::OtherOrigin)),
        (HTTPS, "https://example.com", Err(Refused::OtherOrigin)),
        (HTTPS, "https://acme.example.com.evil.test", Err(Refused::OtherOrigin)),
        (HTTPS, "https://acme.example.com/", Err(Refused::OtherOrigin)),
        (HTTPS, "", Err(Refused::OtherOrigin)),
        (DEV, "http://acme.localhost", Err(Refused::OtherOrigin)),
        (DEV, "http://globex.localhost:8080", Err(Refused::OtherOrigin)),
        (HTTPS, "null", Err(Refused::NullOrigin)),
    ] {
        assert_eq!(judge(&with(&[("origin", origin)]), own, &[]), expected, "{origin}");
    }
}

#[test]
fn without_an_origin_only_a_same_origin_fetch_passes() {
    for (site, expected) in [
        ("same-origin", Ok(())),
        ("same-site", Err(Refused::NoOrigin)),
        ("cross-site", Err(Refused::NoOrigin)),
        ("none", Err(Refused::NoOrigin)),
    ] {
        assert_eq!(judge(&with(&[("sec-fetch-site", site)]), HTTPS, &[]), expected, "{site}");
    }
    assert_eq!(judge(&HeaderMap::new(), HTTPS, &[]), Err(Refused::NoOrigin));
    let both = with(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")]);
    assert_eq!(judge(&both, HTTPS, &[]), Err(Refused::OtherOrigin), "a wrong Origin is not outvoted");
}

#[test]
fn two_origins_are_refused_even_when_both_are_right() {
    let mut headers = with(&[("origin", "https://acme.example.com")]);
    headers.append(ORIGIN, HeaderValue::from_static("https://acme.example.com"));
    assert_eq!(judge(&headers, HTTPS, &[]), Err(Refused::TwoOrigins));
}

#[test]
fn an_origin_that_the_route_lists_passes_exactly_as_listed() {
    let listed = ["https://partner.test".to_owned()];
    assert_eq!(judge(&with(&[("origin", "https://partner.test")]), HTTPS, &listed), Ok(()));
    assert_eq!(judge(&with(&[("origin", "https://partner.test:444")]), HTTPS, &listed), Err(Refused::OtherOrigin));
}

#[test]
fn every_change_and_every_upgrade_needs_it() {
    let plain = HeaderMap::new();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
        assert!(is_needed(&method, &plain), "{method}");
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert!(!is_needed(&method, &plain), "{method}");
        assert!(is_needed(&method, &with(&[("upgrade", "websocket")])), "{method} with an upgrade");
    }
}

#[test]
fn a_preflight_is_told_from_a_plain_options() {
    let preflight = with(&[("origin", "https://partner.test"), ("access-control-request-method", "POST")]);
    assert!(is_preflight(&Method::OPTIONS, &preflight));
    assert!(!is_preflight(&Method::POST, &preflight));
    assert!(!is_preflight(&Method::OPTIONS, &with(&[("origin", "https://partner.test")])));
}
