//! Requests that are held open while whoever sent them is shut out: the guard has let their heads in, the bodies trickle
//! (KEY-3, ID-11, AC-12). What ends a power ends it for them too.

use serde_json::{Value, json};
use tenantry_core::email::EmailAddress;
use tenantry_identity::tenants;
use tenantry_platform::feed::ChangeKind;
use tokio::sync::oneshot;

use crate::app::{PASSWORD, TestApp};

const KEYS: &str = "/-/api/v1/keys";

fn draft() -> Value {
    json!({ "name": "Back door", "scopes": ["products:read"], "expires_at": null })
}

#[tokio::test]
async fn a_revoked_key_makes_no_key_with_a_request_that_it_began_before() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (thief, other) = (acme.full_key().await, acme.full_key().await);
    let held = thief.call("POST", "api", KEYS).json(&draft()).hold_open().await;
    let named = thief.call("POST", "api", KEYS).json(&draft()).with("idempotency-key", "once").hold_open().await;
    other.delete(&format!("{KEYS}/{}", thief.id)).await.expect(200);
    held.finish().await.problem(401, "key_refused");
    named.finish().await.problem(401, "key_refused");
    assert_eq!(app.count("live.api_keys").await, 2, "the two of the story");
}

/// The same request goes through where nothing was taken away, also where something else of the workspace changed.
#[tokio::test]
async fn a_slow_request_of_whoever_still_may_is_answered() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.full_key().await;
    let held = key.call("POST", "api", KEYS).json(&draft()).hold_open().await;
    let renamed = key.call("PATCH", "api", "/-/api/v1/tenant").json(&json!({ "name": "Acme Ltd" })).send().await;
    renamed.expect(200);
    held.finish().await.expect(201);
}

#[tokio::test]
async fn a_key_that_ends_meanwhile_is_refused() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (maker, in_a_minute) = (acme.full_key().await, app.db.ground.now() + jiff::SignedDuration::from_secs(60));
    let short = json!({ "name": "Short", "scopes": ["keys:manage", "products:read"], "expires_at": in_a_minute });
    let made = maker.call("POST", "api", KEYS).json(&short).send().await.expect(201).json();
    let own = json!({ "name": "Long", "scopes": ["products:read"] });
    let call = app.call("POST", "api", KEYS).bearer(made["secret"].as_str().unwrap()).json(&own);
    let held = call.hold_open().await;
    app.advance(60);
    held.finish().await.problem(401, "key_refused");
}

#[tokio::test]
async fn nobody_hands_a_workspace_over_with_a_session_that_was_ended() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut thief, mut owner) = (acme.owner().await, acme.owner().await);
    let accomplice = app.tenant("globex").await;
    acme.stand_in(&accomplice.person().email, "ADMIN").await;
    let path = acme.console(&format!("members/{}/transfer", accomplice.person().id));
    thief.get("app", &path).await.expect(200);
    let held = thief.call("POST", "app", &path).same_origin().form(&[("confirm", "acme")]).hold_open().await;
    owner.post::<&str>("app", "/-/account/sessions/revoke-others", &[]).await.expect(303);
    held.finish().await.problem(401, "session_over");
    let sql = "select person_id from control.memberships where owner and tenant_id = $1";
    let row = app.db.administrator().await.query_one(sql, &[&acme.id().uuid()]).await.unwrap();
    assert_eq!(row.get::<_, uuid::Uuid>(0), acme.person().id.uuid());
}

#[tokio::test]
async fn a_removed_member_finishes_nothing() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (admin, mut owner) = (acme.member("ADMIN").await, acme.owner().await);
    let email = "owner@acme-admin.example";
    let form = [("name", "Back door"), ("scopes", "products:read"), ("expires", "never"), ("networks", "")];
    let held = admin.call("POST", "app", &acme.console("keys/new")).same_origin().form(&form).hold_open().await;
    let id = app.person(email).await;
    owner.post("app", &acme.console(&format!("members/{id}/remove")), &[("confirm", email)]).await.expect(303);
    held.finish().await.problem(404, "not_found");
    assert_eq!(app.count("live.api_keys").await, 0);
}

/// [AC-12]
#[tokio::test]
async fn a_suspended_workspace_changes_no_more() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (key, owner) = (acme.full_key().await, acme.owner().await);
    let by_key = key.call("POST", "api", KEYS).json(&draft()).hold_open().await;
    let form = [("name", "Acme Unlimited")];
    let by_person = owner.call("POST", "app", &acme.console("settings")).same_origin().form(&form).hold_open().await;
    acme.suspend().await;
    by_key.finish().await.problem(403, "tenant_suspended");
    by_person.finish().await.problem(403, "tenant_suspended");
    assert_eq!(app.count("live.api_keys").await, 1);
    assert_eq!(app.count("control.tenants where name = 'Acme Unlimited'").await, 0);
}

/// [AC-4]
#[tokio::test]
async fn whoever_is_platform_staff_no_longer_suspends_nobody() {
    let app = TestApp::new().await;
    let (acme, staff) = (app.tenant("acme").await, app.operator().await);
    let path = format!("/-/operator/tenants/{}/suspend", acme.id());
    let form = [("reason", "Revenge"), ("confirm", "acme")];
    let held = staff.call("POST", "app", &path).same_origin().form(&form).hold_open().await;
    withdraw_operator(&app, "owner@staffroom.example").await;
    held.finish().await.problem(404, "not_found");
    assert_eq!(app.count("control.tenants where status = 'suspended'").await, 0);
}

/// The command's word, heard by this process when this returns.
async fn withdraw_operator(app: &TestApp, email: &str) {
    let (heard, hears) = oneshot::channel();
    let (person, heard) = (app.person(email).await, std::sync::Mutex::new(Some(heard)));
    app.db.ground.feed.listen(move |change| {
        if change.kind == ChangeKind::Person && change.subject.to_string() == person {
            heard.lock().unwrap().take().map(|heard| heard.send(()));
        }
    });
    let (mut administrator, email) = (app.db.administrator().await, EmailAddress::parse(email).unwrap());
    tenants::cli::set_operator(&mut administrator, &app.db.ground, &email, false).await.unwrap();
    hears.await.unwrap();
}

/// An invitation that is accepted with a session that was ended meanwhile is accepted by nobody: the form is asked of
/// whoever is signed in, and then of nobody.
#[tokio::test]
async fn an_ended_session_is_nobodys_also_where_everybody_may_come() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (bob, mut elsewhere, mut ada) = (globex.owner().await, globex.owner().await, acme.owner().await);
    let email = globex.person().email.as_str();
    ada.post("app", &acme.console("members/invite"), &[("email", email), ("role", "MEMBER")]).await.expect(303);
    let mail = app.mail.mailbox().next_to(email).await;
    let token = mail.text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let form = [("token", token.as_str()), ("name", ""), ("password", PASSWORD)];
    let held = bob.call("POST", "app", "/-/invitation").same_origin().form(&form).hold_open().await;
    elsewhere.post::<&str>("app", "/-/account/sessions/revoke-others", &[]).await.expect(303);
    held.finish().await.expect(303);
    let joined =
        "control.memberships m join control.persons p using (person_id) where p.email_lower = 'owner@globex.example'";
    assert_eq!(app.count(joined).await, 1, "sent to sign in, and no member");
}
