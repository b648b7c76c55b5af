//! The Origin rule (WEB-3): nothing is changed on the word of another site's page.

use tenantry::routes::{Access, On, OwnRoutes};
use tenantry_core::route::Method;

use crate::app::TestApp;

/// What the headers of a request from elsewhere may look like.
const FOREIGN: [&[(&str, &str)]; 6] = [
    &[],
    &[("origin", "null")],
    &[("origin", "https://evil.example")],
    &[("origin", "http://globex.localhost")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site")],
];

/// Even without a cookie: somebody else's page could sign a person in as somebody else.
#[tokio::test]
async fn every_form_of_ours_needs_the_origin_of_its_own_host() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut owner = acme.owner().await;
    owner.hand_off("acme").await.expect(303);
    let routes = OwnRoutes::new(false).unwrap().routes;
    let is_form = |access: Access| !matches!(access, Access::Key(_) | Access::Management(_));
    let forms = routes
        .iter()
        .filter(|route| route.method == Method::Post && is_form(route.access) && !route.is_told_by_strangers());
    for route in forms {
        let host = if route.on == On::Tenant { "acme" } else { "app" };
        let path =
            route.path.replace("{slug}", "acme").replace("{mode}", "live").replace("{id}", &acme.id().to_string());
        for headers in FOREIGN {
            for call in [app.call("POST", host, &path), owner.call("POST", host, &path)] {
                let call = headers.iter().fold(call, |call, (name, value)| call.with(name, value));
                call.form::<&str>(&[]).send().await.problem(403, "foreign_origin");
            }
        }
    }
    owner.get("app", "/-/console/acme/live/keys").await.expect(200);
}

#[tokio::test]
async fn a_session_changes_something_in_the_app_from_its_own_pages_alone() {
    let app = TestApp::new().await;
    let mut owner = app.tenant("acme").await.owner().await;
    owner.hand_off("acme").await.expect(303);
    for headers in FOREIGN {
        let call = owner.call("POST", "acme", "/api/products");
        let call = headers.iter().fold(call, |call, (name, value)| call.with(name, value));
        assert_eq!(call.send().await.status, 403, "{headers:?}");
    }
    owner.call("POST", "acme", "/api/products").with("origin", app.origin("acme--test")).send().await.expect(403);
    owner.call("POST", "acme", "/api/products").same_origin().send().await.expect(200);
    owner.call("POST", "acme", "/api/products").with("sec-fetch-site", "same-origin").send().await.expect(200);
}

/// A browser adds no key by itself, so a key needs no origin.
#[tokio::test]
async fn a_key_needs_no_origin() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:write"]).await;
    key.call("POST", "acme", "/api/products").send().await.expect(200);
    key.call("POST", "api", "/api/products").with("origin", "https://evil.example").send().await.expect(200);
}
