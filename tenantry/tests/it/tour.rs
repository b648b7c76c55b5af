//! A newcomer's first ten minutes, as the README tells them.

use serde_json::Value;

use crate::app::{TestApp, Wanted};
use crate::client::{Answer, Browser};

const EMAIL: &str = "nora@newcomer.example";
const PASSWORD: &str = "seven quiet lanterns drift";

/// [ID-3, KEY-1, KEY-2, RL-1, AC-5, AC-9, AUD-1, AUD-3]
#[tokio::test]
async fn a_newcomer_signs_up_calls_the_app_meets_a_limit_and_another_tenant_and_reads_all_of_it() {
    let app = TestApp::with(Wanted { shop: true, dev: true, ..Wanted::default() }).await;
    let globex = app.tenant("globex").await;
    let mut nora = app.browser();
    sign_up(&app, &mut nora).await;

    let key = create_key(&mut nora).await;
    let products = app.call("GET", "api", "/api/products").bearer(&key).send().await.expect(200);
    assert_eq!(products.json().as_array().unwrap().len(), 3);
    let shop = nora.hand_off("newco").await;
    let page = nora.follow("newco", &shop).await.1.expect(200);
    assert!(page.text().contains("Filter coffee") && page.text().contains("Nora Newcomer"), "{}", page.body);

    for _ in 1..60 {
        app.call("GET", "api", "/api/products").bearer(&key).send().await.expect(200);
    }
    let call = app.call("GET", "api", "/api/products").bearer(&key);
    refused_by_the_limit(&app, &call.clone().send().await);
    app.advance(60);
    call.clone().send().await.expect(429);
    app.advance(1);
    call.send().await.expect(200);
    app.advance(60);
    app.call("GET", "globex", "/api/products").bearer(&key).send().await.problem(404, "not_found");
    nora.get("app", &globex.console("keys")).await.expect(404);

    app.flush().await;
    app.advance(1);
    reads_the_log(&app, &mut nora).await;
}

/// Form, mail, link, confirmation; then out and in again.
async fn sign_up(app: &TestApp, nora: &mut Browser<'_>) {
    let form = [
        ("name", "Nora Newcomer"),
        ("email", EMAIL),
        ("password", PASSWORD),
        ("workspace", "New Company"),
        ("slug", "newco"),
    ];
    let sent = nora.post("app", "/-/sign-up", &form).await.expect(200);
    assert!(sent.text().contains(EMAIL), "{}", sent.body);
    nora.sign_in(EMAIL, PASSWORD).await.expect(422);
    let mail = app.mail.mailbox().next_to(EMAIL).await;
    let (host, path) = app.place("app", &mail.links[0]);
    let token = nora.get(&host, &path).await.expect(200).field("token");
    let verified = nora.post("app", "/-/verify", &[("token", &token)]).await;
    assert_eq!(verified.location(), "/-/console/newco");
    nora.post("app", "/-/verify", &[("token", &token)]).await.expect(404);
    nora.post::<&str>("app", "/-/sign-out", &[]).await.expect(303);
    assert_eq!(nora.sign_in(EMAIL, PASSWORD).await.location(), "/-/console/newco");
}

/// By the console's form; the plaintext is on the page that answers it, and on no other.
async fn create_key(nora: &mut Browser<'_>) -> String {
    let fields = [("name", "Laptop"), ("scopes", "products:read"), ("expires", "30")];
    let made = nora.post("app", "/-/console/newco/live/keys/new", &fields).await.expect(200);
    let at = made.body.find("sk_live_").expect("the key");
    let key: String = made.body[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let list = nora.get("app", "/-/console/newco/live/keys").await.expect(200);
    assert!(list.body.contains("Laptop") && !list.body.contains(&key));
    key
}

/// The 61st call within a minute. The clock stands at the beginning of a window, so each number is exact: a second
/// after the window, the sliding sum has room for one.
fn refused_by_the_limit(app: &TestApp, answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_requests"), "{}", answer.body);
    let reset = (app.db.ground.clock.now_s() + 61).to_string();
    let expected = [
        ("retry-after", "61"),
        ("x-ratelimit-limit", "60"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", &reset),
        ("ratelimit", "\"api_key\";r=0;t=61"),
        ("ratelimit-policy", "\"api_key\";q=60;w=60, \"api_ip\";q=120;w=60"),
    ];
    assert_eq!(expected.map(|(name, _)| (name, answer.header(name))), expected);
}

/// Every act of the story, on the page and in the file.
async fn reads_the_log(app: &TestApp, nora: &mut Browser<'_>) {
    const ACTS: [&str; 8] = [
        "tenant.created",
        "person.verified",
        "session.created",
        "session.ended",
        "api_key.created",
        "app.request_allowed",
        "limit.exceeded",
        "access.refused",
    ];
    let export = nora.get("app", "/-/console/newco/live/audit/export").await.expect(200);
    let lines: Vec<Value> = export.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for act in ACTS {
        assert!(lines.iter().any(|line| line["action"] == act), "{act} is in the export: {}", export.body);
        let page = nora.get("app", &format!("/-/console/newco/live/audit?action={act}")).await.expect(200);
        assert!(page.body.contains(act), "{act} is on the page");
    }
    assert!(!export.body.contains("globex"), "nothing of another tenant");
    let created = lines.iter().find(|line| line["action"] == "api_key.created").unwrap();
    assert_eq!((&created["actor"]["type"], &created["personal"]["actor_email"]), (&"USER".into(), &EMAIL.into()));
    assert_eq!((&created["plane"], &created["personal"]["ip"]), (&"live".into(), &app.client.to_string().into()));
}
