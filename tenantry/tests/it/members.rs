//! Members over HTTP: the console, the API, the mailed link, and the switcher (AC-3, AC-16, RL-4, WEB-8).

use serde_json::json;

use crate::app::{Key, PASSWORD, Tenant, TestApp, Wanted};
use crate::client::{Answer, Browser};

const MEMBERS: &str = "/-/api/v1/members";
const INVITATIONS: &str = "/-/api/v1/invitations";
const GRACE: &str = "grace@elsewhere.example";

/// A key that may give what a MEMBER of the demo's configuration holds.
async fn manager<'a>(tenant: &Tenant<'a>) -> Key<'a> {
    tenant.key(["members:manage", "members:read", "orders:read", "orders:write", "products:read"]).await
}

async fn invite(key: &Key<'_>, email: &str, role: &str) -> Answer {
    key.call("POST", "api", INVITATIONS).json(&json!({ "email": email, "role": role })).send().await
}

/// Path and query of the newest mail's link, once it has arrived.
async fn link(app: &TestApp, to: &str) -> String {
    let mail = app.mail.mailbox().next_to(to).await;
    let start = mail.text.find("/-/invitation?token=").expect("a link");
    mail.text[start..].split_whitespace().next().unwrap().to_owned()
}

fn token(link: &str) -> &str {
    link.split_once("token=").unwrap().1
}

/// The id of a member, as the API tells it.
async fn id_of(key: &Key<'_>, email: &str) -> String {
    let list = key.get(MEMBERS).await.expect(200).json();
    let found =
        list["data"].as_array().unwrap().iter().find(|member| member["email"] == email).expect("a member").clone();
    found["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_by_the_api_is_mailed_listed_accepted_and_gone() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = manager(&acme).await;
    let made = invite(&key, GRACE, "MEMBER").await.expect(201).json();
    assert_eq!((made["state"].as_str(), made["invited_by"].is_null()), (Some("open"), true));
    assert_eq!(key.get(INVITATIONS).await.expect(200).json()["data"][0]["id"], made["id"]);
    let (link, mut grace) = (link(&app, GRACE).await, app.browser());
    grace.get("app", &link).await.expect(200);
    let form = [("token", token(&link)), ("name", "Grace Example"), ("password", PASSWORD)];
    assert_eq!(grace.post("app", "/-/invitation", &form).await.location(), "/-/console/acme");
    grace.get("app", "/-/console/acme/live").await.expect(200);
    grace.hand_off("acme").await.expect(303);
    assert_eq!(key.get(INVITATIONS).await.expect(200).json()["data"], json!([]));
    assert_eq!(grace.post("app", "/-/invitation", &form).await.status, 404);
}

#[tokio::test]
async fn a_revoked_invitation_opens_nothing_and_is_nobody_elses() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (key, foreign) = (manager(&acme).await, manager(&globex).await);
    let made = invite(&key, GRACE, "MEMBER").await.expect(201).json();
    let path = format!("{INVITATIONS}/{}", made["id"].as_str().unwrap());
    foreign.delete(&path).await.problem(404, "not_found");
    assert_eq!(foreign.get(INVITATIONS).await.expect(200).json()["data"], json!([]));
    key.delete(&path).await.expect(200);
    key.delete(&path).await.problem(404, "not_found");
    assert!(app.browser().get("app", &link(&app, GRACE).await).await.expect(404).text().contains("withdrawn"));
}

#[tokio::test]
async fn a_key_grants_no_more_than_its_scopes_never_an_owner_and_a_test_key_nothing() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (key, full) = (manager(&acme).await, acme.full_key().await);
    invite(&key, GRACE, "ADMIN").await.problem(403, "above_ceiling");
    invite(&full, GRACE, "OWNER").await.problem(403, "above_ceiling");
    let test = acme.test_key(["members:manage", "members:read"]).await;
    invite(&test, GRACE, "MEMBER").await.problem(403, "live_only");
    test.get(MEMBERS).await.expect(200);
    invite(&acme.key(["members:read"]).await, GRACE, "MEMBER").await.problem(403, "missing_permission");
    assert_eq!(app.count("control.invitations").await, 0);
}

#[tokio::test]
async fn what_is_no_invitation_is_refused_at_its_field() {
    let app = TestApp::new().await;
    let key = manager(&app.tenant("acme").await).await;
    for (email, role, field) in [
        ("grace", "MEMBER", "email"),
        (GRACE, "EMPEROR", "role"),
        ("a@b.example\r\nBcc: x@y.example", "MEMBER", "email"),
    ] {
        let problem = invite(&key, email, role).await.problem(422, "invalid").json();
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let unknown = json!({ "email": GRACE, "role": "MEMBER", "owner": true });
    key.call("POST", "api", INVITATIONS).json(&unknown).send().await.expect(422);
}

/// Seats of a plan: members and open invitations [RL-4].
#[tokio::test]
async fn nobody_is_invited_or_joins_beyond_the_seats_of_the_plan() {
    let settings = "\n[plans.free]\nseats = 2\n";
    let app = TestApp::with(Wanted { settings, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let key = manager(&acme).await;
    invite(&key, GRACE, "MEMBER").await.expect(201);
    let refused = invite(&key, "more@elsewhere.example", "MEMBER").await.problem(409, "no_seats");
    assert!(refused.body.contains("All 2 seats"), "{}", refused.body);
    invite(&key, GRACE, "MEMBER").await.expect(201);
}

/// [RL-4]
#[tokio::test]
async fn invitations_have_a_budget_of_their_own_by_person_and_by_workspace() {
    let settings = "\n[limits.tiers.invite_user]\nlimit = 2\n[limits.tiers.invite_tenant]\nlimit = 3\n";
    let app = TestApp::with(Wanted { settings, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (mut ada, key, path) = (acme.owner().await, manager(&acme).await, acme.console("members/invite"));
    for n in 0..2 {
        let email = format!("{n}@elsewhere.example");
        ada.post("app", &path, &[("email", email.as_str()), ("role", "MEMBER")]).await.expect(303);
    }
    ada.post("app", &path, &[("email", GRACE), ("role", "MEMBER")]).await.expect(429);
    invite(&key, GRACE, "MEMBER").await.expect(201);
    invite(&key, "more@elsewhere.example", "MEMBER").await.expect(429);
    key.get(INVITATIONS).await.expect(200);
}

#[tokio::test]
async fn a_role_is_changed_from_the_version_that_was_read() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (member, full) = (acme.member("MEMBER").await, acme.full_key().await);
    let path = format!("{MEMBERS}/{}", id_of(&full, "owner@acme-member.example").await);
    let read = full.get(&path).await.expect(200);
    let patch = |version: &str, role: &str| {
        full.call("PATCH", "api", &path).with("if-match", version).json(&json!({ "role": role }))
    };
    let changed = patch(read.header("etag"), "ADMIN").send().await.expect(200);
    assert_eq!((changed.header("etag"), changed.json()["member"]["role"].as_str()), ("\"2\"", Some("ADMIN")));
    patch(read.header("etag"), "MEMBER").send().await.problem(412, "changed_meanwhile");
    patch("2", "MEMBER").send().await.expect(400);
    let foreign = app.tenant("globex").await.full_key().await;
    let theirs = foreign.call("PATCH", "api", &path).json(&json!({ "role": "MEMBER" })).send().await;
    theirs.problem(404, "not_found");
    member.call("GET", "app", &acme.console("members/invite")).send().await.expect(200);
}

#[tokio::test]
async fn a_change_that_is_sent_again_has_its_effect_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    acme.member("MEMBER").await;
    let key = acme.full_key().await;
    let path = format!("{MEMBERS}/{}", id_of(&key, "owner@acme-member.example").await);
    let remove = || key.call("DELETE", "api", &path).with("idempotency-key", "once").send();
    let first = remove().await.expect(200).json();
    let again = remove().await.expect(200);
    assert_eq!(
        (first["member"].clone(), again.header("idempotency-replayed")),
        (again.json()["member"].clone(), "true")
    );
    key.delete(&path).await.problem(404, "not_found");
}

/// [AC-3]
#[tokio::test]
async fn an_owner_is_protected_from_keys_and_from_the_console() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (key, mut admin) = (acme.full_key().await, acme.member("ADMIN").await);
    let owner = acme.person().id;
    let path = format!("{MEMBERS}/{owner}");
    key.delete(&path).await.problem(403, "owner_protected");
    let demoted = key.call("PATCH", "api", &path).json(&json!({ "role": "MEMBER" })).send().await;
    demoted.problem(403, "owner_protected");
    let form = [("role", "MEMBER"), ("version", "1")];
    let page = admin.post("app", &acme.console(&format!("members/{owner}/role")), &form).await.expect(403);
    assert!(page.text().contains("neither demoted nor removed"));
    admin.post("app", &acme.console(&format!("members/{owner}/transfer")), &[("confirm", "acme")]).await.expect(403);
}

#[tokio::test]
async fn a_removed_members_living_session_stops_at_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut member, mut ada, key) = (acme.member("MEMBER").await, acme.owner().await, acme.full_key().await);
    member.fetch("GET", "acme", "/api/products").await.expect(200);
    let email = "owner@acme-member.example";
    let path = acme.console(&format!("members/{}/remove", id_of(&key, email).await));
    ada.get("app", &path).await.expect(200);
    ada.post("app", &path, &[("confirm", "somebody")]).await.expect(422);
    let removed = ada.post("app", &path, &[("confirm", email)]).await;
    assert_eq!(removed.location(), format!("{}?done=removed", acme.console("members")));
    member.fetch("GET", "acme", "/api/products").await.expect(401);
    member.fetch("GET", "app", "/-/console/acme/live").await.expect(404);
    member.fetch("GET", "app", "/-/console/acme-member/live").await.expect(200);
}

#[tokio::test]
async fn the_console_hands_a_workspace_over_to_whoever_types_its_name() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut member, mut ada, key) = (acme.member("MEMBER").await, acme.owner().await, acme.full_key().await);
    let path = acme.console(&format!("members/{}/transfer", id_of(&key, "owner@acme-member.example").await));
    assert!(ada.get("app", &path).await.expect(200).text().contains("you become ADMIN"));
    ada.post("app", &path, &[("confirm", "globex")]).await.expect(422);
    ada.post("app", &path, &[("confirm", "acme")]).await.expect(303);
    ada.get("app", &path).await.expect(403);
    let leave = acme.console("members/leave");
    member.post("app", &leave, &[("confirm", "acme")]).await.expect(409);
    ada.post("app", &leave, &[("confirm", "acme")]).await.expect(303);
    ada.get("app", &acme.console("members")).await.expect(404);
}

#[tokio::test]
async fn the_pages_show_who_belongs_and_offer_what_the_visitor_may() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut ada, mut member) = (acme.owner().await, acme.member("MEMBER").await);
    let list = acme.console("members");
    ada.post("app", &acme.console("members/invite"), &[("email", GRACE), ("role", "ADMIN")]).await.expect(303);
    let page = ada.get("app", &list).await.expect(200);
    for words in ["owner@acme-member.example", GRACE, "/role\"", "/remove\"", "/transfer\"", "/resend\"", "/revoke\""] {
        assert!(page.body.contains(words), "{words}");
    }
    let page = member.get("app", &list).await.expect(200).body;
    assert!(page.contains("owner@acme.example") && page.contains("/members/leave"));
    for act in ["/invite\"", "/role\"", "/remove\"", "/transfer\"", "/resend\"", "/revoke\""] {
        assert!(!page.contains(act), "{act}");
    }
    let twice = ada
        .post("app", &acme.console("members/invite"), &[("email", "owner@acme-member.example"), ("role", "ADMIN")])
        .await;
    assert!(twice.expect(409).text().contains("a member of the workspace already"));
}

/// One person, two workspaces: the switcher names both, and the hand-off goes to either host.
#[tokio::test]
async fn a_person_in_two_workspaces_switches_between_them() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let key = manager(&acme).await;
    invite(&key, &globex.person().email, "MEMBER").await.expect(201);
    let (link, mut bob) = (link(&app, &globex.person().email).await, globex.owner().await);
    assert_eq!(bob.post("app", "/-/invitation", &[("token", token(&link))]).await.location(), "/-/console/acme");
    let home = bob.get("app", "/-/console/acme/live").await.expect(200).body;
    assert!(home.contains("href=\"/-/console/globex\"") && home.contains("href=\"/-/console/acme\" aria-current"));
    for host in ["acme", "globex"] {
        at_home(&mut bob, host).await;
    }
}

async fn at_home(browser: &mut Browser<'_>, host: &str) {
    browser.hand_off(host).await.expect(303);
    browser.fetch("GET", host, "/api/products").await.expect(200);
    let (_, console) = ("app", browser.get("app", &format!("/-/console/{host}/live")).await.expect(200));
    assert!(console.body.contains(&format!("href=\"/-/console/{host}\" aria-current")));
}
