//! The description of the management API says what is served, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;
use tenantry::openapi;
use tenantry::routes::{Access, OwnRoutes};
use tenantry_core::{keyformat, management_key};

use crate::app::TestApp;
use crate::checked_in::expect_file;

#[test]
fn the_description_is_the_one_that_is_checked_in() {
    expect_file("docs/openapi.json", openapi::document());
}

#[test]
fn each_route_for_keys_is_described_and_each_description_is_served() {
    let described: Value = serde_json::from_str(openapi::document()).unwrap();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    let operations = described["paths"].as_object().unwrap().iter();
    let operations = operations.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let served = OwnRoutes::new(false).unwrap().routes;
    let served = served.iter().filter(|route| matches!(route.access, Access::Key(_) | Access::Management(_)));
    let served: BTreeSet<String> = served.map(|route| format!("{} {}", route.method.as_str(), route.path)).collect();
    assert_eq!(operations.collect::<BTreeSet<_>>(), served);
}

/// Secret scanners are told what leaked keys look like.
#[test]
fn the_patterns_of_keys_are_published_as_they_are() {
    let page = include_str!("../../../docs/management-api.md");
    for pattern in [keyformat::SCANNER_REGEX, management_key::SCANNER_REGEX] {
        assert!(page.contains(&format!("`{pattern}`")), "{pattern}");
    }
}

/// A scope that the table asks for stands in the description of the refusal.
#[test]
fn each_scope_is_named_where_it_is_asked_for() {
    let described: Value = serde_json::from_str(openapi::document()).unwrap();
    for route in OwnRoutes::new(false).unwrap().routes {
        let (Access::Key(Some(scope)) | Access::Management(scope)) = route.access else { continue };
        let refusal = &described["paths"][route.path][route.method.as_str().to_lowercase()]["responses"]["403"];
        assert!(refusal.to_string().contains(scope), "{} {}: {refusal}", route.method.as_str(), route.path);
    }
}

#[tokio::test]
async fn every_host_serves_it() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    for host in ["app", "api", "acme"] {
        assert_eq!(app.get(host, "/-/api/openapi.json").await.expect(200).body, openapi::document(), "{host}");
    }
}
