//! What every answer says to a browser, by the host that it leaves from [WEB-2, EN-4].

use http::{HeaderMap, HeaderValue, header};
use tenantry_edge::gateway::{SecurityHeaders, Site};
use tenantry_platform::config::{Config, Dev, Kind};

fn said(file: &str, site: Site) -> HeaderMap {
    let config = Config::for_dev("t.toml", file, &Dev { port: 80, upstream: None }).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=1"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("ALLOWALL"));
    SecurityHeaders::new(&config.headers, Kind::Page).unwrap().apply(
        &mut headers,
        site,
        &HeaderValue::from_static("1"),
    );
    headers
}

#[test]
fn https_is_kept_for_two_years_with_every_host_below_ours() {
    let headers = said("", Site::Own);
    assert_eq!(headers["strict-transport-security"], "max-age=63072000; includeSubDomains; preload");
}

#[test]
fn plain_http_and_zero_seconds_bind_nobody() {
    for headers in [said("", Site::Plain), said("[headers]\nhsts_max_age_s = 0\n", Site::Own)] {
        assert_eq!(headers.get("strict-transport-security"), None, "what the app says does not count");
    }
}

#[test]
fn the_app_cannot_loosen_what_is_said() {
    let headers = said("", Site::Own);
    assert_eq!(
        (&headers["x-frame-options"], &headers["x-content-type-options"]),
        (&"DENY".parse().unwrap(), &"nosniff".parse().unwrap())
    );
}
