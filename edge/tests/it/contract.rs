//! The app contract, a test a line (docs/app-contract.md).

use http::header::{CONTENT_LENGTH, COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tenantry_edge::gateway::contract::{
    Consumed, Way, describe_way, forbid_store, keep_private, strip_answer, strip_conditions, strip_request,
};

use crate::kit::{App, EVERYTHING, Front, header};

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    lines.iter().map(pair).collect()
}

fn stripped(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = headers(lines);
    strip_request(&mut headers, &Consumed::Nothing, true);
    headers
}

fn described(way: Way<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    describe_way(&mut headers, way).unwrap();
    headers
}

#[test]
fn nobody_but_tenantry_says_who_the_caller_is() {
    assert!(
        stripped(&[("tenantry-identity", "forged"), ("Tenantry-Anything", "x"), ("tenantry_identity", "x")]).is_empty()
    );
}

#[test]
fn names_with_an_underscore_never_pass() {
    assert!(stripped(&[("x_forwarded_for", "1.1.1.1"), ("a_b", "c")]).is_empty());
}

#[test]
fn what_a_client_says_about_its_way_is_forgotten() {
    let lies = [
        ("forwarded", "for=1.1.1.1"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "1"),
        ("x-real-ip", "1.1.1.1"),
        ("x-request-id", "mine"),
    ];
    assert!(stripped(&lies).is_empty());
}

#[test]
fn no_header_changes_the_path_the_method_or_the_proxy_of_the_app() {
    let tricks = [
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-method-override",
        "x-forwarded-prefix",
        "proxy",
    ];
    for name in tricks {
        assert!(stripped(&[(name, "/admin")]).is_empty(), "{name}");
    }
}

#[test]
fn headers_of_one_connection_stay_on_it() {
    let hop = [
        ("connection", "keep-alive, x-private"),
        ("keep-alive", "5"),
        ("proxy-connection", "x"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "x"),
        ("proxy-authorization", "x"),
        ("x-private", "named in Connection"),
        ("expect", "100-continue"),
        ("accept", "*/*"),
    ];
    assert_eq!(stripped(&hop), headers(&[("accept", "*/*")]));
}

#[test]
fn no_connection_header_talks_away_the_length_or_the_host() {
    let left = stripped(&[("connection", "content-length, host"), ("content-length", "3"), ("host", "a")]);
    assert!(left.contains_key(CONTENT_LENGTH) && left.contains_key(HOST));
}

#[test]
fn our_cookies_stay_here_and_the_apps_cookies_pass_as_they_are() {
    let ours = "__Host-tenantry-session=abc";
    assert!(!stripped(&[("cookie", ours)]).contains_key(COOKIE));
    let mixed = stripped(&[("cookie", &format!("a=1; {ours}; b=2;  __Host-tenantry=x")), ("cookie", "c=3")]);
    assert_eq!(mixed.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2", "c=3"]);
    assert_eq!(stripped(&[("cookie", "a=1;b=\"x\"")])[COOKIE], "a=1;b=\"x\"");
}

#[test]
fn the_credential_that_was_used_stays_here_and_another_passes() {
    let sent = headers(&[("authorization", "Bearer sk"), ("x-cron", "secret")]);
    let left = |consumed| {
        let mut left = sent.clone();
        strip_request(&mut left, &consumed, true);
        left
    };
    assert_eq!(left(Consumed::Authorization), headers(&[("x-cron", "secret")]));
    assert_eq!(left(Consumed::Nothing), sent);
}

#[test]
fn the_app_learns_how_the_request_came() {
    let way = described(Way { client: [192, 0, 2, 7].into(), is_https: true, host: "acme.example.com" });
    let expected = headers(&[
        ("forwarded", "for=192.0.2.7;host=\"acme.example.com\";proto=https"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-real-ip", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-host", "acme.example.com"),
        ("host", "acme.example.com"),
    ]);
    assert_eq!(way, expected);
}

#[test]
fn a_named_port_and_an_ipv6_client_are_written_as_their_standards_say() {
    let client = "2001:db8::1".parse().unwrap();
    let way = described(Way { client, is_https: false, host: "acme.localhost:8080" });
    assert_eq!(way["forwarded"], "for=\"[2001:db8::1]\";host=\"acme.localhost:8080\";proto=http");
    assert_eq!(
        (way["x-forwarded-port"].to_str().unwrap(), way["x-real-ip"].to_str().unwrap()),
        ("8080", "2001:db8::1")
    );
    assert_eq!(described(Way { client, is_https: false, host: "[::1]" })["x-forwarded-port"], "80");
}

#[test]
fn a_page_with_a_nonce_is_always_made_anew_and_changes_keep_their_conditions() {
    let conditions = [("if-none-match", "\"x\""), ("if-modified-since", "x"), ("if-range", "x"), ("if-match", "\"x\"")];
    let left = |method| {
        let mut left = headers(&conditions);
        strip_conditions(&method, &mut left);
        left
    };
    assert_eq!(left(Method::GET), headers(&[("if-match", "\"x\"")]));
    assert_eq!(left(Method::PUT), headers(&conditions));
}

#[test]
fn an_app_cannot_speak_for_tenantry_or_for_the_whole_domain() {
    let mut answer = headers(&[
        ("tenantry-identity", "x"),
        ("clear-site-data", "\"*\""),
        ("service-worker-allowed", "/"),
        ("x-request-id", "x"),
        ("alt-svc", "h3=\":444\""),
        ("connection", "x-hop"),
        ("x-hop", "x"),
        ("content-type", "text/plain"),
        ("set-cookie", "__Host-tenantry-session=stolen; Path=/; Secure"),
        ("set-cookie", "__HOST-Tenantry=x"),
        ("set-cookie", "a=1; domain=example.com"),
        ("set-cookie", "b=2;DOMAIN =.example.com; Path=/"),
        ("set-cookie", "c=domain; Path=/; HttpOnly"),
    ]);
    strip_answer(&mut answer);
    assert_eq!(answer, headers(&[("content-type", "text/plain"), ("set-cookie", "c=domain; Path=/; HttpOnly")]));
    assert!(answer.contains_key(SET_COOKIE));
}

#[test]
fn a_guarded_answer_is_private_unless_the_app_says_how_it_may_be_kept() {
    let kept = |lines: &[(&str, &str)]| {
        let mut answer = headers(lines);
        keep_private(&mut answer);
        answer["cache-control"].clone()
    };
    assert_eq!(kept(&[]), "private, no-store");
    assert_eq!(kept(&[("cache-control", "private, max-age=60")]), "private, max-age=60");
}

#[test]
fn an_answer_with_a_nonce_is_never_stored() {
    let mut answer = headers(&[("cache-control", "public, max-age=60"), ("etag", "x"), ("last-modified", "x")]);
    forbid_store(&mut answer);
    assert_eq!(answer, headers(&[("cache-control", "private, no-store")]));
}

#[test]
fn the_contract_holds_on_the_wire() {
    let app = App::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nset-cookie: a=1; Domain=x\r\ntenantry-x: 1\r\n\
         access-control-allow-origin: *\r\nx-frame-options: ALLOWALL\r\n\r\n{}",
    );
    let front = Front::new(&app);
    let mut client = front.connect();
    client.send(
        "GET http://acme.localhost:81/a%20b?c=d HTTP/1.1\r\nHost: acme.localhost:81\r\nTenantry-Identity: forged\r\n\
         X-Forwarded-For: 1.1.1.1\r\nCookie: __Host-tenantry-session=abc\r\nContent-Security-Policy: x\r\n\r\n",
    );
    let (answer, request) = (client.read_answer(), app.next());
    assert!(request.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{request}");
    let sent = |name| header(&request, name);
    assert_eq!((sent("host"), sent("tenantry-identity")), (Some("acme.localhost:81"), Some("signed")));
    assert_eq!((sent("x-forwarded-for"), sent("x-forwarded-port")), (Some("192.0.2.7"), Some("81")));
    assert_eq!(
        (sent("x-request-id"), sent("cookie"), sent("content-security-policy")),
        (Some("request-1"), None, None)
    );
    let got = |name| header(&answer, name);
    assert_eq!((got("set-cookie"), got("tenantry-x"), got("access-control-allow-origin")), (None, None, None));
    assert_eq!((got("x-frame-options"), got("x-content-type-options")), (Some("DENY"), Some("nosniff")));
    assert_eq!((got("x-request-id"), got("strict-transport-security")), (Some("request-1"), None));
}

#[test]
fn a_page_gets_one_nonce_and_the_app_knows_it() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\netag: x\r\ncontent-security-policy: default-src *\r\n\r\n";
    let app = App::answering(page);
    let front = Front::with(&app, "", &EVERYTHING.replace("kind = \"api\"", "kind = \"page\""));
    let mut client = front.connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nif-none-match: x\r\n\r\n");
    let (answer, request) = (client.read_answer(), app.next());
    let policy = header(&answer, "content-security-policy").unwrap();
    assert!(policy.contains(&format!("'nonce-{}'", header(&request, "tenantry-csp-nonce").unwrap())));
    assert_eq!(header(&request, "content-security-policy"), Some(policy));
    assert_eq!((header(&request, "if-none-match"), header(&answer, "etag")), (None, None));
    assert_eq!(header(&answer, "cache-control"), Some("private, no-store"));
}
