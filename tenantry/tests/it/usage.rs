//! What a workspace uses, on its home page, and the settings that it changes itself (OBS-3, AC-1, AC-15).

use http::HeaderValue;
use serde_json::json;
use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode;
use tenantry_edge::csp;

use crate::app::{TestApp, Wanted};

/// A key that may ask twice a minute.
const NARROW: &str = "\n[limits.tiers.api_key]\nlimit = 2\n";

impl TestApp {
    /// Everything that was counted is in the tables when this returns.
    async fn write_usage(&self) {
        self.db.ground.usage.flush(&self.db.ground).await.unwrap();
    }

    /// How often something was counted in a mode, by the day.
    async fn used(&self, schema: &str, kind: &str) -> i64 {
        let sql = format!(
            "select coalesce(sum(total), 0)::bigint from {schema}.usage where kind = '{kind}' and grain = 'day' and subject = '00000000-0000-0000-0000-000000000000'"
        );
        self.db.administrator().await.query_one(&sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn requests_and_refusals_are_counted_by_reason_in_the_mode_of_the_key() {
    let app = TestApp::with(Wanted { settings: NARROW, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (key, bare, other) =
        (acme.key(["products:read"]).await, acme.key(["orders:read"]).await, acme.test_key(["products:read"]).await);
    for _ in 0..3 {
        key.get("/api/products").await;
    }
    bare.get("/api/products").await.expect(403);
    app.call("GET", "acme", "/api/products").bearer("sk_live_nonsense").send().await.expect(401);
    other.get("/api/products").await.expect(200);
    app.write_usage().await;
    let mut live = Vec::new();
    for kind in ["requests", "limited", "forbidden", "unauthorized", "malformed"] {
        live.push(app.used("live", kind).await);
    }
    assert_eq!(live, [5, 1, 1, 1, 0]);
    assert_eq!((app.used("test", "requests").await, app.used("control", "requests").await), (1, 0));
}

#[tokio::test]
async fn anothers_key_at_a_tenants_host_is_a_refusal_of_the_host_and_not_of_the_key() {
    let app = TestApp::new().await;
    let (_acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let theirs = globex.key(["products:read"]).await;
    theirs.call("GET", "acme", "/api/products").send().await.expect(404);
    app.write_usage().await;
    assert_eq!(
        (
            app.used("live", "requests").await,
            app.count("live.usage where kind = 'requests' and subject <> '00000000-0000-0000-0000-000000000000'").await
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn sign_ins_are_counted_for_each_workspace_of_the_person() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut owner = acme.owner().await;
    owner.sign_in(&acme.person().email.clone(), "not this one at all").await.expect(422);
    app.server.app.identity.afterwards.settle().await;
    app.write_usage().await;
    assert_eq!((app.used("control", "sign_ins").await, app.used("control", "sign_ins_failed").await), (1, 1));
}

#[tokio::test]
async fn the_home_page_draws_what_was_used_and_says_it_as_a_table() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let key = acme.key(["products:read"]).await;
    let (mut owner, mut other) = (acme.owner().await, globex.owner().await);
    let home = "/-/console/acme/live";
    let empty = owner.get("app", home).await.expect(200);
    assert!(
        empty.body.contains("No requests yet") && empty.body.contains("Authorization: Bearer sk_live_…"),
        "{}",
        empty.body
    );
    for _ in 0..7 {
        key.get("/api/products").await.expect(200);
    }
    app.write_usage().await;
    for span in ["hour", "day", "week"] {
        let page = owner.get("app", &format!("{home}?span={span}")).await.expect(200);
        assert!(
            page.body.contains("<desc id=\"usage-requests-desc\">Requests: 7. none before</desc>"),
            "{span}: {}",
            page.body
        );
        assert!(page.body.contains("data-label=\"Passed\">7</td>") && !page.body.contains("No requests yet"), "{span}");
    }
    let theirs = other.get("app", "/-/console/globex/live").await.expect(200);
    assert!(!theirs.body.contains("usage-requests") && theirs.body.contains("No requests yet"), "{}", theirs.body);
}

#[tokio::test]
async fn whoever_may_not_read_the_log_sees_no_charts() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let mut member = acme.member("MEMBER").await;
    let home = member.get("app", "/-/console/acme/live").await.expect(200);
    assert!(!home.body.contains("usage-requests"), "{}", home.body);
}

#[tokio::test]
async fn a_workspace_is_renamed_once_by_two_who_change_it_at_once() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut owner, path) = (acme.owner().await, acme.console("settings"));
    let (first, second) = (owner.get("app", &path).await.expect(200), owner.get("app", &path).await.expect(200));
    let new = |name: &'static str, form: &crate::client::Answer| {
        [("name", name.to_owned()), ("version", form.field("version"))]
    };
    let done = owner.post("app", &path, &new("Acme Limited", &first)).await;
    assert_eq!(done.location(), format!("{path}?done=renamed"));
    let late = owner.post("app", &path, &new("Acme & Sons", &second)).await.expect(412);
    assert!(late.text().contains("Somebody changed this after you had read it"), "{}", late.body);
    assert!(owner.get("app", &path).await.body.contains("Acme Limited"));
    let row = "select (changes->'name')::text from control.audit where action = 'tenant.updated'";
    let changed: String = app.db.administrator().await.query_one(row, &[]).await.unwrap().get(0);
    assert_eq!(
        (changed.as_str(), app.count("control.events where type = 'tenant.updated'").await),
        (r#"["acme Works", "Acme Limited"]"#, 1)
    );
}

#[tokio::test]
async fn a_name_that_fits_no_line_is_told_at_its_field() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let (mut owner, path) = (acme.owner().await, acme.console("settings"));
    for (name, told) in [("", "Fill this in."), ("two\nlines", "line breaks"), (&*"x".repeat(101), "at most 100")] {
        let page = owner.post("app", &path, &[("name", name), ("version", "1")]).await.expect(422);
        assert!(page.body.contains(told) && page.body.contains("aria-invalid"), "{name}: {}", page.body);
    }
    assert_eq!(app.count("control.audit where action = 'tenant.updated'").await, 0);
}

#[tokio::test]
async fn settings_are_for_those_who_manage_the_workspace_and_exist_for_nobody_elses() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (mut admin, mut stranger, path) = (acme.member("ADMIN").await, globex.owner().await, acme.console("settings"));
    let told = admin.get("app", &path).await.expect(403);
    assert!(told.body.contains("tenant:manage"), "{}", told.body);
    stranger.get("app", &path).await.expect(404);
    stranger.post("app", &path, &[("name", "Mine now"), ("version", "1")]).await.expect(404);
    assert_eq!(app.count("control.tenants where name = 'Mine now'").await, 0);
}

/// [WEB-1]
#[tokio::test]
async fn what_browsers_report_is_grouped_for_the_workspace_whose_page_it_was() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (mut owner, mut other, mut admin) = (acme.owner().await, globex.owner().await, acme.member("ADMIN").await);
    let report = |host: &'static str, blocked: &str| {
        let body = json!({ "csp-report": { "document-uri": "https://x.example/orders?token=secret", "effective-directive": "script-src-elem", "blocked-uri": blocked, "disposition": "enforce" } });
        app.call("POST", host, "/-/csp-reports")
            .bytes(HeaderValue::from_static("application/csp-report"), body.to_string())
    };
    for blocked in ["https://cdn.example/a.js", "https://cdn.example/b.js", "inline"] {
        report("acme", blocked).send().await.expect(204);
    }
    report("globex", "eval").send().await.expect(204);
    report("acme--test", "blob").send().await.expect(204);
    app.server.app.reports.flush(&app.db.ground).await.unwrap();
    let page = owner.get("app", &acme.console("csp")).await.expect(200);
    for told in [
        "<code>script-src-elem</code> https://cdn.example",
        ">2</td>",
        "csp_sources of the route for script-src.",
        "Give its tag the nonce",
        "<code>/orders</code>",
    ] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    for hidden in ["secret", "eval", "blob"] {
        assert!(!page.text().contains(hidden), "{hidden}: {}", page.text());
    }
    assert!(other.get("app", &globex.console("csp")).await.expect(200).body.contains("makes code out of text"));
    other.get("app", &acme.console("csp")).await.expect(404);
    assert!(admin.get("app", &acme.console("csp")).await.expect(403).body.contains("tenant:manage"));
}

/// So many reports of things that are on no page, each otherwise, and then these.
async fn invent(app: &TestApp, tenant: TenantId, paths: std::ops::Range<usize>, real: usize) {
    let note = |path: &str| {
        let body = format!("{{\"csp-report\": {{ \"document-uri\": \"https://x.example/{path}\" }} }}");
        let report = csp::parse("application/csp-report", body.as_bytes()).unwrap().remove(0);
        app.server.app.reports.note(Some((tenant, Mode::Live)), report, app.db.ground.now());
    };
    (0..real).for_each(|_| note("real"));
    paths.for_each(|path| note(&path.to_string()));
    app.server.app.reports.flush(&app.db.ground).await.unwrap();
}

#[tokio::test]
async fn invented_reports_fill_no_table_and_it_is_said_how_many_gave_way() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    for ten in 0..10 {
        invent(&app, acme.id(), ten * 40..ten * 40 + 40, 0).await;
    }
    assert_eq!(app.count("live.csp_reports").await, 201, "two hundred, and the row of the rest");
    let page = acme.owner().await.get("app", &acme.console("csp")).await.expect(200);
    assert!(page.text().contains("And 200 reports more"), "{}", page.text());
}

#[tokio::test]
async fn whoever_invents_reports_hides_no_real_one() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    for four in 0..4 {
        invent(&app, acme.id(), four * 50..four * 50 + 50, 0).await;
    }
    // They go on inventing, in the same ten seconds, more than there are places for, and after the real ones.
    for many in 4..14 {
        invent(&app, acme.id(), many * 100..many * 100 + 100, 12).await;
    }
    let page = acme.owner().await.get("app", &acme.console("csp")).await.expect(200);
    assert!(page.body.contains("<code>/real</code>"), "{}", page.text());
}

/// Open: a page that is still broken reports again.
#[tokio::test]
async fn reports_that_cannot_be_written_are_lost_and_the_next_ones_are_not() {
    let app = TestApp::new().await;
    app.tenant("acme").await;
    let database = app.db.administrator().await;
    let body = r#"{ "csp-report": { "document-uri": "https://x.example/", "effective-directive": "img-src" } }"#;
    for (login, rows) in [("revoke insert on live.csp_reports from", 0), ("grant insert on live.csp_reports to", 1)] {
        database.batch_execute(&format!("{login} tenantry_live")).await.unwrap();
        let kind = HeaderValue::from_static("application/csp-report");
        app.call("POST", "acme", "/-/csp-reports").bytes(kind, body.to_owned()).send().await.expect(204);
        app.server.app.reports.flush(&app.db.ground).await.unwrap();
        assert_eq!(app.count("live.csp_reports").await, rows);
    }
}

#[tokio::test]
async fn a_program_renames_only_what_it_has_read() {
    let app = TestApp::new().await;
    let acme = app.tenant("acme").await;
    let key = acme.key(["tenant:manage"]).await;
    let patch = |name: &str| key.call("PATCH", "api", "/-/api/v1/tenant").json(&json!({ "name": name }));
    let read = key.get("/-/api/v1/tenant").await.expect(200);
    assert_eq!((read.header("etag"), &read.json()["version"]), ("\"1\"", &json!(1)));
    let done = patch("Acme Limited").with("if-match", "\"1\"").send().await.expect(200);
    assert_eq!((done.header("etag"), &done.json()["name"]), ("\"2\"", &json!("Acme Limited")));
    patch("Acme & Sons").with("if-match", "\"1\"").send().await.problem(412, "changed_meanwhile");
    patch("").send().await.problem(422, "invalid");
    assert_eq!(key.get("/-/api/v1/whoami").await.json()["tenant"]["name"], "Acme Limited");
    let bare = acme.key(["keys:read"]).await;
    bare.call("PATCH", "api", "/-/api/v1/tenant")
        .json(&json!({ "name": "x" }))
        .send()
        .await
        .problem(403, "missing_permission");
}
