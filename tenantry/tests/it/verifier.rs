//! An app's own check of `Tenantry-Identity`, with a library that knows nothing of ours.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::app::TestApp;
use crate::echo::seen;

/// The claims of what an app saw.
pub(crate) async fn verified(app: &TestApp, saw: &Value) -> Value {
    let tokens = seen(saw, "tenantry-identity");
    assert_eq!(tokens.len(), 1, "{saw}");
    let keys = key_set(app).await;
    claims(app, &keys, tokens[0]).expect("a valid identity")
}

/// The public keys, as an app fetches them from its own host.
pub(crate) async fn key_set(app: &TestApp) -> JwkSet {
    let keys = app.get("app", "/-/jwks.json").await.expect(200);
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    serde_json::from_str(&keys.body).unwrap()
}

/// The claims, if a key of the set signed them and they are still good by the test's clock.
pub(crate) fn claims(app: &TestApp, keys: &JwkSet, token: &str) -> Option<Value> {
    let head = decode_header(token).ok()?;
    assert_eq!(head.typ.as_deref(), Some("tenantry-identity+jwt"));
    let key = DecodingKey::from_jwk(keys.find(&head.kid?)?).unwrap();
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_issuer(&[app.origin("app")]);
    rules.set_audience(&["app"]);
    // The library would ask the machine's clock.
    rules.validate_exp = false;
    let claims: Value = decode::<Value>(token, &key, &rules).ok()?.claims;
    let is_good = claims["exp"].as_u64().unwrap() > app.db.ground.clock.now_s();
    is_good.then_some(claims)
}

/// Which key signed.
pub(crate) fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}
