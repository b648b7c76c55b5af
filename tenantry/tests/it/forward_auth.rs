//! The decision for a proxy that forwards by itself (docs/app-contract.md, AC-1, RL-1).

use crate::app::{TestApp, Wanted};
use crate::client::Call;

const TRUSTED: &str = "[forward_auth]\ntrusted = [\"127.0.0.0/8\"]\n";

/// What nginx says of a request that it holds.
fn asked<'a>(app: &'a TestApp, method: &str, host: &str, target: &str) -> Call<'a> {
    app.call("GET", host, "/-/forward-auth")
        .with("x-forwarded-method", method)
        .with("x-forwarded-uri", target)
        .with("x-forwarded-host", app.authority(host))
}

async fn trusting() -> TestApp {
    TestApp::with(Wanted { settings: TRUSTED, ..Wanted::default() }).await
}

#[tokio::test]
async fn a_trusted_proxy_is_told_yes_with_the_identity() {
    let app = trusting().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let yes = asked(&app, "GET", "acme", "/api/products?page=2").bearer(&key.plaintext).send().await.expect(204);
    assert_eq!(yes.header("tenantry-identity").split('.').count(), 3);
    assert_eq!(yes.header("x-ratelimit-remaining"), "59");
}

#[tokio::test]
async fn it_is_told_no_for_the_same_reasons_as_anybody() {
    let app = trusting().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (reader, other) = (acme.key(["products:read"]).await, globex.key(["products:read"]).await);
    asked(&app, "GET", "acme", "/api/products").send().await.expect(401);
    asked(&app, "POST", "acme", "/api/products")
        .bearer(&reader.plaintext)
        .send()
        .await
        .problem(403, "missing_permission");
    asked(&app, "GET", "acme", "/api/products").bearer(&other.plaintext).send().await.problem(404, "not_found");
    asked(&app, "GET", "acme", "/api/products/../admin").bearer(&reader.plaintext).send().await.expect(400);
    asked(&app, "GET", "app", "/-/console").send().await.problem(403, "not_the_apps");
    asked(&app, "GET", "acme", "/-/api/v1/keys").bearer(&reader.plaintext).send().await.problem(403, "not_the_apps");
    acme.suspend().await;
    asked(&app, "GET", "acme", "/api/products").bearer(&reader.plaintext).send().await.problem(403, "tenant_suspended");
}

#[tokio::test]
async fn a_question_that_leaves_something_out_is_refused() {
    let app = trusting().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    let bare = app.call("GET", "acme", "/-/forward-auth").bearer(&key.plaintext);
    bare.send().await.problem(400, "forward_auth");
    let twice = asked(&app, "GET", "acme", "/api/products").with("x-forwarded-uri", "/api/status");
    twice.bearer(&key.plaintext).send().await.problem(400, "forward_auth");
}

#[tokio::test]
async fn to_anybody_else_the_address_does_not_exist() {
    let app = TestApp::new().await;
    let key = app.tenant("acme").await.key(["products:read"]).await;
    asked(&app, "GET", "acme", "/api/products").bearer(&key.plaintext).send().await.problem(404, "not_found");
}
