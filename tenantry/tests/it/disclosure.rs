//! What a stranger who found a weakness is told (EV-4).

use crate::app::{TestApp, Wanted};

const WRITTEN: &str = "[security_txt]\npolicy = \"https://example.com/found-something?a=1&b=2\"\nanswer_days = 1\n";

/// The only line of security.txt that begins so.
async fn policy(app: &TestApp) -> String {
    let answer = app.call("GET", "app", "/.well-known/security.txt").send().await.expect(200);
    let lines: Vec<&str> = answer.body.lines().filter_map(|line| line.strip_prefix("Policy: ")).collect();
    let [policy] = lines[..] else { panic!("{}", answer.body) };
    policy.to_owned()
}

async fn promise(app: &TestApp) -> String {
    app.call("GET", "app", "/security/disclosure").send().await.expect(200).text()
}

#[tokio::test]
async fn a_stranger_is_led_to_our_own_page_where_nothing_else_is_written() {
    let app = TestApp::new().await;
    assert_eq!(policy(&app).await, format!("{}/security/disclosure", app.origin("app")));
    assert!(promise(&app).await.contains("within 3 working days."));
}

#[tokio::test]
async fn a_stranger_is_led_to_the_policy_that_is_written_and_promised_what_is_written() {
    let app = TestApp::with(Wanted { settings: WRITTEN, ..Wanted::default() }).await;
    assert_eq!(policy(&app).await, "https://example.com/found-something?a=1&b=2");
    assert!(promise(&app).await.contains("within 1 working day."));
}
