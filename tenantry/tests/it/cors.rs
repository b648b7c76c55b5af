//! Pages of other origins, on the wire (WEB-5): what they may read, and that no cookie is heard where all may.

use crate::app::{TestApp, Wanted};
use crate::echo::seen;

const ROUTES: &str = r#"
[[routes]]
path = "/partner/orders"
methods = ["GET", "POST"]
guard = "key"
permission = "orders:read"
cors = "*"
[[routes]]
path = "/partner/listed"
guard = "key"
cors = ["https://partner.example"]
"#;

const PAGE: &str = "https://any.example";

async fn app() -> TestApp {
    TestApp::with(Wanted { settings: ROUTES, ..Wanted::default() }).await
}

#[tokio::test]
async fn where_every_site_reads_no_cookie_passes_either_way() {
    let app = app().await;
    let acme = app.tenant("acme").await;
    let (mut owner, key) = (acme.owner().await, acme.key(["orders:read"]).await);
    owner.hand_off("acme").await.expect(303);
    let unknown = owner.call("GET", "acme", "/partner/orders").with("origin", PAGE).send().await;
    let unknown = unknown.problem(401, "unauthorized");
    assert_eq!(unknown.header("access-control-allow-origin"), "*", "the page reads why");
    let call = owner.call("GET", "acme", "/partner/orders").bearer(&key.plaintext).with("origin", PAGE);
    let call = call.with("cookie", "theirs=1").with("answer-with", "set-cookie: theirs=2; Path=/");
    let answer = call.send().await.expect(200);
    assert!(seen(&answer.json(), "cookie").is_empty(), "{}", answer.body);
    assert!(answer.set_cookies().is_empty());
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    assert!(!answer.headers.contains_key("vary"), "the answer does not depend on who asks");
}

/// What it is told first: not who it may be, but what it may send.
#[tokio::test]
async fn a_preflight_never_reaches_the_app_and_names_the_key() {
    let app = app().await;
    let ask = |path: &str| {
        let call = app.call("OPTIONS", "api", path).with("origin", PAGE);
        call.with("access-control-request-method", "POST").with("access-control-request-headers", "authorization")
    };
    let answer = ask("/partner/orders").send().await.expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, POST");
    let into = ask("/partner/orders").with("access-control-request-private-network", "true").send().await.expect(204);
    for refused in [into, ask("/partner/listed").send().await.expect(204), ask("/api/orders").send().await.expect(204)]
    {
        assert!(
            !refused.headers.keys().any(|name| name.as_str().starts_with("access-control-")),
            "{:?}",
            refused.headers
        );
    }
}

/// A page that is let in learns from a refusal when to come again; any other reads nothing.
#[tokio::test]
async fn a_listed_page_reads_refusals_too_and_another_none() {
    let app = app().await;
    for (page, may) in [("https://partner.example", true), (PAGE, false)] {
        let call = app.call("GET", "api", "/partner/listed").with("origin", page);
        let refused = call.send().await.problem(401, "unauthorized");
        assert_eq!(refused.header("access-control-allow-origin"), if may { page } else { "" });
        for name in ["x-ratelimit-remaining", "x-ratelimit-store"] {
            assert_eq!(refused.header("access-control-expose-headers").contains(name), may);
        }
        assert_eq!(refused.header("vary"), "Origin");
    }
}
