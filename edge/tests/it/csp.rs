//! Policies on answers, and reports from browsers [WEB-1].

use axum::body::Body;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_edge::csp::{INERT, NotAReport, Policy, REPORT_BYTES_MAX, Reports, parse, receive};
use tenantry_platform::page::Nonce;

use crate::kit::{clock, config};

fn policy(lines: &str) -> Policy {
    let route = format!("[[routes]]\npath = \"/\"\nguard = \"public\"\npublic_because = \"a test\"\n{lines}");
    Policy::new(config(&route).routes.route(0))
}

fn nonce() -> Nonce {
    Nonce::fresh(&Entropy::seeded(1))
}

/// The headers of an answer of this type after the policy was said.
fn answer(policy: &Policy, status: StatusCode, content_type: &'static str) -> HeaderMap {
    let own = HeaderValue::from_static("default-src 'self'");
    let mut headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CONTENT_SECURITY_POLICY, own)]);
    let page = if policy.has_nonce() { policy.with(&nonce()) } else { policy.fixed() };
    policy.apply(status, &mut headers, Some(&page.unwrap()));
    headers
}

#[test]
fn a_page_runs_only_scripts_with_the_nonce_of_this_answer() {
    let said = answer(&policy("csp = \"nonce\""), StatusCode::OK, "text/html; charset=utf-8");
    let expected = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
         report-uri /-/csp-reports; report-to csp",
        nonce = nonce()
    );
    assert_eq!(said[CONTENT_SECURITY_POLICY], expected);
    assert_eq!(said["reporting-endpoints"], "csp=\"/-/csp-reports\"");
}

#[test]
fn what_is_no_page_can_do_nothing() {
    for content_type in ["application/json", "image/svg+xml", "text/plain", "text/htmlx", ""] {
        let said = answer(&policy("csp = \"nonce\""), StatusCode::OK, content_type);
        assert_eq!(said[CONTENT_SECURITY_POLICY], INERT, "{content_type}");
    }
}

#[test]
fn a_304_never_carries_a_policy() {
    for mode in ["nonce", "hashes", "keep", "report-only"] {
        let said = answer(&policy(&format!("csp = \"{mode}\"")), StatusCode::NOT_MODIFIED, "text/html");
        assert!(!said.contains_key(CONTENT_SECURITY_POLICY), "{mode}");
        assert!(!said.contains_key(CONTENT_SECURITY_POLICY_REPORT_ONLY), "{mode}");
    }
}

#[test]
fn report_only_reports_and_leaves_the_apps_own_policy_in_force() {
    let said = answer(&policy("csp = \"report-only\""), StatusCode::OK, "text/html");
    assert_eq!(said[CONTENT_SECURITY_POLICY], "default-src 'self'");
    assert!(said[CONTENT_SECURITY_POLICY_REPORT_ONLY].to_str().unwrap().contains("report-to csp"));
}

#[test]
fn keep_keeps_and_still_forbids_framing_where_the_app_says_nothing() {
    let policy = policy("csp = \"keep\"");
    assert_eq!(answer(&policy, StatusCode::OK, "text/html")[CONTENT_SECURITY_POLICY], "default-src 'self'");
    let mut bare = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
    policy.apply(StatusCode::OK, &mut bare, None);
    assert_eq!(bare[CONTENT_SECURITY_POLICY], "frame-ancestors 'none'");
}

#[test]
fn hashes_trust_listed_code_and_no_nonce() {
    let hash = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='";
    let policy = policy(&format!("csp = \"hashes\"\ncsp_sources = {{ script-src = [\"{hash}\"] }}\n"));
    let said = answer(&policy, StatusCode::OK, "text/html");
    let text = said[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(text.contains(&format!("script-src 'self' {hash};")) && !text.contains("nonce"), "{text}");
}

#[test]
fn a_route_widens_the_directives_that_it_names() {
    let sources = "{ img-src = [\"https://cdn.example.com\"], frame-src = [\"https://pay.example.com\"] }";
    let policy = policy(&format!("csp = \"nonce\"\ncsp_sources = {sources}\n"));
    let said = answer(&policy, StatusCode::OK, "text/html");
    let text = said[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        text.contains("img-src 'self' data: https://cdn.example.com;")
            && text.contains("frame-src 'self' https://pay.example.com;"),
        "{text}"
    );
}

#[test]
fn a_page_without_a_policy_of_its_own_request_can_do_nothing() {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
    policy("csp = \"nonce\"").apply(StatusCode::OK, &mut headers, None);
    assert_eq!(headers[CONTENT_SECURITY_POLICY], INERT);
}

const OLD: &str = r#"{"csp-report":{"document-uri":"https://acme.test/orders?token=secret#x","violated-directive":"script-src 'self'",
    "blocked-uri":"https://evil.test/x.js?who=ada","disposition":"enforce","script-sample":"alert(1)"}}"#;
const NEW: &str = r#"[{"type":"csp-violation","age":1,"url":"https://acme.test/orders?token=secret","body":
    {"documentURL":"https://ada:pw@acme.test/orders?token=secret","effectiveDirective":"script-src-elem","blockedURL":"inline","disposition":"report"}},
    {"type":"deprecation","url":"https://acme.test/","body":{"id":"x"}}]"#;

#[test]
fn both_shapes_are_read_and_nothing_of_a_query_is_kept() {
    let old = parse("application/csp-report", OLD.as_bytes()).unwrap();
    let new = parse("application/reports+json; charset=utf-8", NEW.as_bytes()).unwrap();
    let seen = |report: &tenantry_edge::csp::Report| {
        (report.directive.clone(), report.blocked.clone(), report.path.clone(), report.is_enforced)
    };
    assert_eq!(
        old.iter().map(seen).collect::<Vec<_>>(),
        [("script-src".into(), "https://evil.test".into(), "/orders".into(), true)]
    );
    assert_eq!(
        new.iter().map(seen).collect::<Vec<_>>(),
        [("script-src-elem".into(), "inline".into(), "/orders".into(), false)]
    );
    let kept = format!("{old:?}{new:?}");
    assert!(["secret", "ada", "pw", "alert"].iter().all(|canary| !kept.contains(canary)), "{kept}");
}

#[test]
fn what_is_no_report_is_told_why() {
    assert_eq!(parse("application/json", OLD.as_bytes()), Err(NotAReport::Type));
    assert_eq!(parse("application/csp-report", b"{}"), Err(NotAReport::Shape));
    assert_eq!(parse("application/reports+json", OLD.as_bytes()), Err(NotAReport::Shape));
    assert_eq!(parse("application/csp-report", &vec![b' '; REPORT_BYTES_MAX + 1]), Err(NotAReport::TooLarge));
}

#[test]
fn invented_reports_fill_nothing_and_hide_nothing() {
    let (reports, entropy) = (Reports::default(), Entropy::seeded(1));
    let place = || Some((TenantId::new(&clock(), &entropy), Mode::Live));
    let report = |text: &str| parse("application/csp-report", text.as_bytes()).unwrap().remove(0);
    let (greedy, modest) = (place(), place());
    for number in 0..3_000 {
        reports.note(greedy, report(&OLD.replace("/orders", &format!("/{number}"))), clock().now());
    }
    assert_eq!(reports.displaced(), 2_950);
    reports.note(modest, report(OLD), clock().now());
    assert_eq!(reports.displaced(), 2_950, "another tenant has its own room");
    // A real one, each time after nine that are invented.
    for number in 3_000..4_000 {
        let path = if number % 10 == 0 { "/real".to_owned() } else { format!("/{number}") };
        reports.note(greedy, report(&OLD.replace("/orders", &path)), clock().now());
    }
    assert!(reports.displaced() < 2_950 + 910, "{}: what comes again and again stays", reports.displaced());
}

#[tokio::test]
async fn a_report_is_answered_with_204() {
    let (reports, now) = (Reports::default(), clock().now());
    let headers = |kind| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
    for _ in 0..2 {
        let answer = receive(&reports, None, &headers("application/csp-report"), Body::from(OLD), now).await;
        assert_eq!(answer.status(), 204);
    }
    let endless = Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(OLD)));
    assert_eq!(receive(&reports, None, &headers("application/csp-report"), endless, now).await.status(), 413);
}
