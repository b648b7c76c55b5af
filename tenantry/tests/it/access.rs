//! Who may call what: every route, by everybody, against a checked-in table (AC-1, AC-4, AC-15, KEY-1).
//!
//! The rows come from the route tables themselves, so that a new route cannot be forgotten; the columns are the
//! answers of a running system. A change of `access.txt` or `access-app.txt` is a change that a person reads.

use std::fmt::Write as _;

use tenantry::routes::{Access, On, OwnRoute, OwnRoutes};
use tenantry_identity::directory::cli::Scope;
use tenantry_platform::page::assets;

use crate::app::{Key, Tenant, TestApp, Wanted};
use crate::checked_in::expect_file;
use crate::client::{Answer, Browser, Call};

/// Every route by every caller is more than a minute's worth.
const GENEROUS: &str = "
[limits.tiers.api_ip]\nlimit = 1000000\n[limits.tiers.api_key]\nlimit = 1000000\n[limits.tiers.page_ip]\nlimit = 1000000
[limits.tiers.sign_in_ip]\nlimit = 1000\n[limits.tiers.sign_up_ip]\nlimit = 1000\n[limits.tiers.verification_ip]\nlimit = 1000
[limits.tiers.credential_failure_ip]\nlimit = 1000\n[limits.tiers.reset_ip]\nlimit = 1000\n";

/// Everybody that the tables have a column for.
struct Cast<'a> {
    app: &'a TestApp,
    acme: Tenant<'a>,
    /// An id that the row's `{id}` stands for: a key of acme's.
    key_id: String,
    people: Vec<(&'static str, Browser<'a>)>,
    keys: Vec<(&'static str, Key<'a>)>,
}

impl<'a> Cast<'a> {
    async fn of(app: &'a TestApp) -> Self {
        let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
        let people = vec![
            ("MEMBER", acme.member("MEMBER").await),
            ("ADMIN", acme.member("ADMIN").await),
            ("OWNER", signed_in_at(&acme).await),
            ("stranger", signed_in_at(&globex).await),
            ("operator", app.operator().await),
        ];
        let keys = vec![
            ("bare-key", acme.key(["products:write"]).await),
            ("full-key", acme.full_key().await),
            ("foreign-key", globex.full_key().await),
            ("list-key", app.management_key(&[Scope::Users]).await),
        ];
        let key_id = acme.key(["products:read"]).await.id.to_string();
        Self { app, acme, key_id, people, keys }
    }

    /// A route's path with this cast's names in it.
    fn path(&self, pattern: &str) -> String {
        let id = if pattern.contains("/operator/") { self.acme.id().to_string() } else { self.key_id.clone() };
        filled(pattern, &id)
    }

    /// What each caller is answered, by name.
    async fn ask(&self, method: &str, host: &str, path: &str) -> Vec<(&'static str, Answer)> {
        let mut answers = vec![("nobody", empty(self.app.call(method, host, path)).await)];
        for (name, browser) in &self.people {
            answers.push((name, empty(browser.call(method, host, path)).await));
        }
        for (name, key) in &self.keys {
            answers.push((name, empty(key.call(method, host, path)).await));
        }
        answers
    }
}

/// The owner on both hosts: the central one and the tenant's.
async fn signed_in_at<'a>(tenant: &Tenant<'a>) -> Browser<'a> {
    let mut browser = tenant.owner().await;
    browser.hand_off(tenant.slug()).await.expect(303);
    browser
}

/// The guard judges before any handler reads a form: an empty one tells what it says, and does nothing.
async fn empty(call: Call<'_>) -> Answer {
    call.same_origin().form::<&str>(&[]).send().await
}

/// Where a route is asked for: on the first kind of host that has it.
fn host(route: &OwnRoute) -> &'static str {
    match (route.on, route.access) {
        (On::Tenant, _) => "acme",
        (On::All, Access::Key(_)) | (On::Platform, _) => "api",
        (On::Central | On::People | On::All, _) => "app",
    }
}

/// A path of acme's live mode.
fn filled(pattern: &str, id: &str) -> String {
    pattern.replace("{slug}", "acme").replace("{mode}", "live").replace("{id}", id).replace("{name}", stylesheet())
}

/// Its name holds its hash.
fn stylesheet() -> &'static str {
    assets::href("tenantry.css").trim_start_matches(assets::ROOT)
}

fn own_routes() -> Vec<OwnRoute> {
    OwnRoutes::new(false).unwrap().routes
}

/// Signing out ends what the other rows need; its own stories are told beside the sessions.
fn ends_sessions(route: &OwnRoute) -> bool {
    route.path == "/-/sign-out"
}

#[tokio::test]
async fn every_route_of_ours_answers_each_caller_as_the_table_says() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let cast = Cast::of(&app).await;
    let mut table = String::new();
    for route in own_routes().iter().filter(|route| !ends_sessions(route)) {
        let answers = cast.ask(route.method.as_str(), host(route), &cast.path(route.path)).await;
        judge(route, &answers);
        add_row(&mut table, &format!("{} {}", route.method.as_str(), route.path), &answers);
    }
    expect_file("tenantry/tests/it/access.txt", &table);
}

#[tokio::test]
async fn every_route_of_the_app_answers_each_caller_as_the_table_says() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let cast = Cast::of(&app).await;
    let mut table = String::new();
    for route in app.server.app.config.routes.iter() {
        let path = route.pattern.as_str().replace("{id}", "1").replace('*', "shop.css");
        for method in route.methods.iter().filter(|method| method.as_str() != "HEAD") {
            let answers = cast.ask(method.as_str(), "acme", &path).await;
            add_row(&mut table, &format!("{} {}", method.as_str(), route.pattern.as_str()), &answers);
        }
    }
    expect_file("tenantry/tests/it/access-app.txt", &table);
}

/// What holds for every row, whatever the table says: a table that is wrong cannot be accepted.
#[track_caller]
fn judge(route: &OwnRoute, answers: &[(&'static str, Answer)]) {
    let status = |who: &str| answers.iter().find(|(name, _)| *name == who).map(|(_, answer)| answer.status).unwrap();
    let title = format!("{} {}", route.method.as_str(), route.path);
    let all = |who: &[&str], expected: u16| {
        who.iter().for_each(|who| assert_eq!(status(who), expected, "{title} by {who}"));
    };
    match route.access {
        Access::Public(_) => assert!(answers.iter().all(|(_, answer)| answer.status != 401), "{title}"),
        Access::SignedIn => all(&["nobody", "full-key"], 401),
        Access::Workspace(_) => {
            all(&["nobody", "bare-key", "full-key", "foreign-key"], 401);
            all(&["stranger", "operator"], 404);
        }
        Access::Operator => {
            all(&["nobody", "full-key"], 401);
            all(&["MEMBER", "ADMIN", "OWNER", "stranger"], 404);
        }
        Access::Management(scope) => {
            all(&["nobody", "MEMBER", "OWNER", "stranger", "operator", "bare-key", "full-key", "foreign-key"], 401);
            all(&["list-key"], if scope == Scope::Users.as_str() { 200 } else { 403 });
        }
        Access::Key(scope) => {
            all(&["nobody", "MEMBER", "OWNER", "stranger", "operator", "list-key"], 401);
            all(&["bare-key"], if scope.is_some() { 403 } else { 200 });
        }
    }
    missing_words_are_named(route, answers, &title);
}

/// A 403 says which word is missing.
#[track_caller]
fn missing_words_are_named(route: &OwnRoute, answers: &[(&'static str, Answer)], title: &str) {
    let (Access::Workspace(Some(word)) | Access::Key(Some(word))) = route.access else { return };
    for (who, answer) in answers.iter().filter(|(_, answer)| answer.status == 403) {
        assert!(answer.body.contains(word), "{title} by {who}: {}", answer.body);
    }
}

/// A line a route, a column a caller. The first line names the callers.
fn add_row(table: &mut String, title: &str, answers: &[(&'static str, Answer)]) {
    if table.is_empty() {
        let names: String = answers.iter().map(|(who, _)| format!(" {who:>11}")).collect();
        let _ = writeln!(table, "{:<48}{names}", "");
    }
    let statuses: String = answers.iter().map(|(_, answer)| format!(" {:>11}", answer.status)).collect();
    let _ = writeln!(table, "{title:<48}{statuses}");
}

#[tokio::test]
async fn another_tenants_key_meets_nothing_on_this_tenants_host() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ours, theirs) = (acme.key(["products:read"]).await, globex.full_key().await);
    for route in own_routes().iter().filter(|route| matches!(route.access, Access::Key(_))) {
        let path = route.path.replace("{id}", &ours.id.to_string());
        empty(theirs.call(route.method.as_str(), "acme", &path)).await.problem(404, "not_found");
        if route.path.contains("{id}") {
            let answer = empty(theirs.call(route.method.as_str(), "api", &path)).await;
            // A change says in its body what to change: one that cannot be read is refused before anything is looked
            // for. What a stranger's good one is answered stands among the stories of each room.
            assert!(matches!(answer.status, 404 | 415), "{} {path}: {}", route.method.as_str(), answer.body);
        }
    }
    ours.get("/-/api/v1/whoami").await.expect(200);
}

#[tokio::test]
async fn a_route_does_not_exist_on_another_kind_of_host() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (owner, key) = (signed_in_at(&acme).await, acme.full_key().await);
    let routes = own_routes();
    let hosts = [
        ("app", [On::Tenant].as_slice()),
        ("acme", &[On::Central, On::Platform]),
        ("api", &[On::Central, On::Tenant, On::People]),
    ];
    for (host, foreign) in hosts {
        for route in routes.iter().filter(|route| foreign.contains(&route.on) && route.path != "/") {
            // The same path with another method may be there; `/` is the app's on a tenant's host.
            let path = filled(route.path, &key.id.to_string());
            for call in [owner.call(route.method.as_str(), host, &path), key.call(route.method.as_str(), host, &path)] {
                let answer = empty(call).await;
                assert!(
                    matches!(answer.status, 404 | 405),
                    "{} {path} on {host}: {}",
                    route.method.as_str(),
                    answer.status
                );
            }
        }
    }
}

/// [AC-12]
#[tokio::test]
async fn a_suspended_tenant_is_stopped_on_every_route_and_comes_back() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let acme = app.tenant("acme").await;
    let (owner, key) = (signed_in_at(&acme).await, acme.full_key().await);
    acme.suspend().await;
    // Whoever reads anything of a tenant now fails, and would not answer as below.
    let administrator = app.db.administrator().await;
    administrator.batch_execute("revoke usage on schema live, test from tenantry_live, tenantry_test").await.unwrap();
    for route in own_routes().iter().filter(|route| !ends_sessions(route)) {
        let path = filled(route.path, &key.id.to_string());
        let method = route.method.as_str();
        let mut calls = Vec::new();
        match route.access {
            Access::Key(_) => calls.push(key.call(method, "api", &path)),
            Access::Workspace(_) => calls.push(owner.call(method, "app", &path)),
            Access::Public(_) | Access::SignedIn | Access::Operator | Access::Management(_) => {}
        }
        if matches!(route.on, On::All | On::Tenant | On::People) {
            calls.push(owner.call(method, "acme", &path));
            calls.push(app.call(method, "acme--test", &path));
        }
        for call in calls {
            empty(call).await.problem(403, "tenant_suspended");
        }
    }
    for path in ["/", "/api/products", "/api/status", "/assets/shop.css"] {
        owner.call("GET", "acme", path).send().await.problem(403, "tenant_suspended");
        key.call("GET", "acme", path).send().await.problem(403, "tenant_suspended");
    }
    key.get("/api/products").await.problem(403, "tenant_suspended");

    administrator.batch_execute("grant usage on schema live to tenantry_live").await.unwrap();
    acme.reactivate().await;
    owner.call("GET", "acme", "/api/products").send().await.expect(200);
    owner.call("GET", "app", &acme.console("keys")).send().await.expect(200);
    key.get("/api/products").await.expect(200);
    key.get("/-/api/v1/keys").await.expect(200);
}

#[tokio::test]
async fn what_only_dev_has_does_not_exist_elsewhere() {
    let (served, dev) = (TestApp::new().await, TestApp::with(Wanted { dev: true, ..Wanted::default() }).await);
    let is_in_both =
        |route: &&OwnRoute| own_routes().iter().any(|own| own.path == route.path && own.method == route.method);
    let all = OwnRoutes::new(true).unwrap().routes;
    let only_dev: Vec<&OwnRoute> = all.iter().filter(|route| !is_in_both(route)).collect();
    assert!(only_dev.len() >= 3 && only_dev.iter().all(|route| route.path.starts_with("/-/dev/")), "{only_dev:?}");
    for route in only_dev {
        let path = route.path.replace("{id}", "1");
        for host in ["app", "api"] {
            empty(served.call(route.method.as_str(), host, &path)).await.problem(404, "not_found");
        }
    }
    dev.get("app", "/-/dev/mail").await.expect(200);
}
