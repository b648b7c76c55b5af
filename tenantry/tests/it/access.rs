//! Who may call what: every route, by everybody, against a checked-in table (AC-1, AC-4, AC-15, KEY-1).
//!
//! The rows come from the route tables themselves, so that a new route cannot be forgotten; the columns are the
//! answers of a running system. A change of `access.txt` or `access-app.txt` is a change that a person reads.

use std::fmt::Write as _;

use tenantry::routes::{Access, On, OwnRoute, OwnRoutes};
use tenantry_identity::directory::cli::Scope;
use tenantry_platform::config::{Guard, Route};
use tenantry_platform::page::assets;

use crate::app::{Key, Tenant, TestApp, Wanted};
use crate::checked_in::expect_file;
use crate::client::{Answer, Browser, Call};
use crate::presets::FIVE;

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
    people: Vec<(String, Browser<'a>)>,
    keys: Vec<(&'static str, Key<'a>)>,
    /// Credentials that are good elsewhere: another tenant's, and of the other mode. Where tenants' hosts have the
    /// route they are shown at this one of acme's; the API's host would take each for what it is. On a live host a
    /// key names its mode itself.
    misplaced: Vec<(&'static str, Key<'a>, &'static str)>,
    /// Owner and key of a workspace that was stopped after they had come in; they ask for what is theirs.
    halted: (Browser<'a>, Key<'a>),
}

/// What callers are answered, by name.
type Answers = Vec<(String, Answer)>;

impl<'a> Cast<'a> {
    async fn of(app: &'a TestApp) -> Self {
        let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
        let mut people = Vec::new();
        for role in app.server.app.config.roles.iter() {
            let name = role.role.name.as_str();
            let browser = if role.is_owner { signed_in_at(&acme).await } else { acme.member(name).await };
            people.push((name.to_owned(), browser));
        }
        people.push(("stranger".to_owned(), signed_in_at(&globex).await));
        people.push(("operator".to_owned(), app.operator().await));
        let keys = vec![
            ("bare-key", acme.key(["products:write"]).await),
            ("full-key", acme.full_key().await),
            ("test-key", acme.full_test_key().await),
            ("list-key", app.management_key(&[Scope::Users]).await),
            ("token", owners_token(app, &acme).await),
        ];
        let misplaced =
            vec![("foreign-key", globex.full_key().await, "acme"), ("other-mode", acme.full_key().await, "acme--test")];
        let key_id = acme.key(["products:read"]).await.id.to_string();
        Self { app, acme, key_id, people, keys, misplaced, halted: halted(app).await }
    }

    /// A route's path with this cast's names in it.
    fn path(&self, pattern: &str) -> String {
        let id = if pattern.contains("/operator/") { self.acme.id().to_string() } else { self.key_id.clone() };
        filled(pattern, &id)
    }

    /// What each caller is answered at `host`, and whoever is out of place at `astray`.
    async fn ask(&self, method: &str, (host, astray): (&str, &str), path: &str) -> Answers {
        let mut answers = vec![("nobody".to_owned(), empty(self.app.call(method, host, path)).await)];
        for (name, browser) in &self.people {
            answers.push((name.clone(), empty(browser.call(method, host, path)).await));
        }
        for (name, key) in &self.keys {
            answers.push(((*name).to_owned(), empty(key.call(method, host, path)).await));
        }
        for (name, key, at) in &self.misplaced {
            let at = if astray == "acme" { *at } else { astray };
            answers.push(((*name).to_owned(), empty(key.call(method, at, path)).await));
        }
        let (owner, key) = &self.halted;
        let (host, path) = (host.replace("acme", HALTED), path.replace("/acme", &format!("/{HALTED}")));
        answers.push(("halted-owner".to_owned(), empty(owner.call(method, &host, &path)).await));
        answers.push(("halted-key".to_owned(), empty(key.call(method, &host, &path)).await));
        answers
    }

    /// Whether the role of this name holds the word.
    fn holds(&self, role: &str, word: &str) -> Option<bool> {
        let found = self.app.server.app.config.roles.find(role)?;
        Some(found.role.permissions.contains(word))
    }
}

/// The slug of a workspace that is suspended.
const HALTED: &str = "initech";

async fn halted(app: &TestApp) -> (Browser<'_>, Key<'_>) {
    let tenant = app.tenant(HALTED).await;
    let both = (signed_in_at(&tenant).await, tenant.full_key().await);
    tenant.suspend().await;
    both
}

/// The owner on both hosts: the central one and the tenant's.
async fn signed_in_at<'a>(tenant: &Tenant<'a>) -> Browser<'a> {
    let mut browser = tenant.owner().await;
    browser.hand_off(tenant.slug()).await.expect(303);
    browser
}

/// What the owner's session is exchanged for.
async fn owners_token<'a>(app: &'a TestApp, tenant: &Tenant<'a>) -> Key<'a> {
    let issued = signed_in_at(tenant).await.fetch("POST", tenant.slug(), "/-/token").await.expect(200).json();
    app.shown(issued["access_token"].as_str().unwrap())
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

/// Where a credential that is out of place is shown.
fn astray(route: &OwnRoute) -> &'static str {
    match (route.on, route.access) {
        (On::Tenant, _) | (On::All, Access::Key(_)) => "acme",
        _ => host(route),
    }
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
    let table = own_table(&Cast::of(&app).await, |_| true).await;
    expect_file("tenantry/tests/it/access.txt", &table);
}

#[tokio::test]
async fn every_route_of_the_app_answers_each_caller_as_the_table_says() {
    let app = TestApp::with(Wanted { settings: GENEROUS, ..Wanted::default() }).await;
    let table = app_table(&Cast::of(&app).await).await;
    expect_file("tenantry/tests/it/access-app.txt", &table);
}

/// [AC-2]
#[tokio::test]
async fn the_five_roles_of_the_preset_meet_the_same_guards() {
    let wanted = Wanted { settings: GENEROUS, roles: Some(FIVE), ..Wanted::default() };
    let app = TestApp::with(wanted).await;
    let cast = Cast::of(&app).await;
    let console = own_table(&cast, |route| matches!(route.access, Access::Workspace(_))).await;
    expect_file("tenantry/tests/it/access-five.txt", &format!("{console}\n{}", app_table(&cast).await));
}

/// A row a route of ours.
async fn own_table(cast: &Cast<'_>, is_wanted: impl Fn(&OwnRoute) -> bool) -> String {
    let mut table = String::new();
    for route in own_routes().iter().filter(|route| !ends_sessions(route) && is_wanted(route)) {
        let (method, path) = (route.method.as_str(), cast.path(route.path));
        let answers = cast.ask(method, (host(route), astray(route)), &path).await;
        judge(cast, route, &answers);
        add_row(&mut table, &format!("{method} {}", route.path), word_of(route), &answers);
    }
    table
}

/// A row a route of the app, from the table that the gateway goes by.
async fn app_table(cast: &Cast<'_>) -> String {
    let mut table = String::new();
    for route in cast.app.server.app.config.routes.iter() {
        let path = route.pattern.as_str().replace("{id}", "1").replace('*', "shop.css");
        for method in route.methods.iter().filter(|method| method.as_str() != "HEAD") {
            let answers = cast.ask(method.as_str(), ("acme", "acme"), &path).await;
            judge_app(cast, route, &answers);
            let word = route.permission.as_ref().map_or("", |word| word.as_str());
            add_row(&mut table, &format!("{} {}", method.as_str(), route.pattern.as_str()), word, &answers);
        }
    }
    table
}

/// What a row needs; nothing where a credential suffices or none is asked for.
fn word_of(route: &OwnRoute) -> &'static str {
    match route.access {
        Access::Workspace(word) | Access::Key(word) => word.unwrap_or_default(),
        Access::Management(word) => word,
        Access::Operator => "operator",
        Access::Public(_) | Access::SignedIn => "",
    }
}

#[track_caller]
fn status(answers: &Answers, who: &str) -> u16 {
    answers.iter().find(|(name, _)| name == who).map(|(_, answer)| answer.status).unwrap()
}

/// What holds for every row, whatever the table says: a table that is wrong cannot be accepted.
#[track_caller]
fn judge(cast: &Cast<'_>, route: &OwnRoute, answers: &Answers) {
    let title = format!("{} {}", route.method.as_str(), route.path);
    let all = |who: &[&str], expected: u16| {
        who.iter().for_each(|who| assert_eq!(status(answers, who), expected, "{title} by {who}"));
    };
    let roles: Vec<&str> = cast.app.server.app.config.roles.iter().map(|role| role.role.name.as_str()).collect();
    match route.access {
        Access::Public(_) => {
            let served = answers.iter().filter(|(who, _)| !who.ends_with("-key") && !who.starts_with("halted"));
            assert!(served.into_iter().all(|(_, answer)| answer.status != 401), "{title}");
        }
        Access::SignedIn => all(&["nobody", "full-key", "token"], 401),
        Access::Workspace(_) => {
            all(
                &["nobody", "bare-key", "full-key", "test-key", "foreign-key", "other-mode", "halted-key", "token"],
                401,
            );
            all(&["stranger", "operator"], 404);
            all(&["halted-owner"], 403);
        }
        Access::Operator => {
            all(&["nobody", "full-key", "test-key", "halted-key", "token"], 401);
            all(&roles, 404);
            all(&["stranger", "halted-owner"], 404);
        }
        Access::Management(scope) => {
            all(&["nobody", "stranger", "operator", "bare-key", "full-key", "foreign-key", "test-key", "token"], 401);
            all(&roles, 401);
            all(&["list-key"], if scope == Scope::Users.as_str() { 200 } else { 403 });
        }
        Access::Key(scope) => {
            all(&["nobody", "stranger", "operator", "list-key", "token"], 401);
            all(&roles, 401);
            all(&["bare-key"], if scope.is_some() { 403 } else { 200 });
            all(&["foreign-key", "other-mode"], 404);
            all(&["halted-key"], 403);
        }
    }
    roles_pass_as_they_hold(cast, route, answers, &title);
    outsiders_get_nothing(word_of(route), answers, &title);
    if route.path.contains("{id}") && !word_of(route).is_empty() {
        assert!(status(answers, "test-key") >= 400, "{title}: a live row, changed or read from test mode");
    }
    missing_words_are_named(route, answers, &title);
}

/// A role that holds the word is not refused for want of it; one that lacks it is.
#[track_caller]
fn roles_pass_as_they_hold(cast: &Cast<'_>, route: &OwnRoute, answers: &Answers, title: &str) {
    let Access::Workspace(Some(word)) = route.access else { return };
    for (who, answer) in answers {
        match cast.holds(who, word) {
            Some(true) => assert!(!matches!(answer.status, 401 | 403), "{title} by {who}: {}", answer.status),
            Some(false) => assert_eq!(answer.status, 403, "{title} by {who}"),
            None => {}
        }
    }
}

/// Where something is needed, whoever has it nowhere, elsewhere, or in a stopped workspace gets nothing.
#[track_caller]
fn outsiders_get_nothing(word: &str, answers: &Answers, title: &str) {
    let outsiders = ["nobody", "stranger", "foreign-key", "other-mode", "halted-owner", "halted-key"];
    for who in outsiders.iter().filter(|_| !word.is_empty()) {
        assert!(status(answers, who) >= 400, "{title} by {who}: {}", status(answers, who));
    }
}

/// What the gateway does with a route of the app follows from its guards and its word alone.
#[track_caller]
fn judge_app(cast: &Cast<'_>, route: &Route, answers: &Answers) {
    let title = route.pattern.as_str();
    let word = route.permission.as_ref().map_or("", |word| word.as_str());
    assert_eq!((status(answers, "halted-owner"), status(answers, "halted-key")), (403, 403), "{title}");
    if route.guards.is_public() {
        return;
    }
    outsiders_get_nothing("any", answers, title);
    for (who, answer) in answers {
        let Some(holds) = cast.holds(who, word) else { continue };
        let expected = match (route.guards.contains(Guard::Session), holds || word.is_empty()) {
            (false, _) => 401,
            (true, false) => 403,
            (true, true) => 200,
        };
        assert_eq!(answer.status, expected, "{title} by {who}");
    }
    assert_eq!(status(answers, "token") == 401, !route.guards.contains(Guard::Jwt), "{title}");
    let expected = if route.guards.contains(Guard::Key) { (200, 404, 404) } else { (401, 401, 401) };
    let of = |who: &str| status(answers, who);
    let found = (of("full-key"), of("foreign-key"), of("other-mode"));
    assert!(found == expected || (found.0 == 401 && !route.guards.contains(Guard::Key)), "{title}: {found:?}");
}

/// A 403 says which word is missing.
#[track_caller]
fn missing_words_are_named(route: &OwnRoute, answers: &Answers, title: &str) {
    let (Access::Workspace(Some(word)) | Access::Key(Some(word))) = route.access else { return };
    // A stopped workspace lacks no word, nor does a test key that would change people.
    let lacks = |who: &str| !who.starts_with("halted") && who != "test-key";
    for (who, answer) in answers.iter().filter(|(who, answer)| answer.status == 403 && lacks(who)) {
        assert!(answer.body.contains(word), "{title} by {who}: {}", answer.body);
    }
}

/// A line a route: what it needs, and a column a caller. The first line names them.
fn add_row(table: &mut String, title: &str, word: &str, answers: &Answers) {
    if table.is_empty() {
        let names: String = answers.iter().map(|(who, _)| format!(" {who:>12}")).collect();
        let _ = writeln!(table, "{:<64}{:<16}{names}", "", "needs");
    }
    let word = if word.is_empty() { "-" } else { word };
    let statuses: String = answers.iter().map(|(_, answer)| format!(" {:>12}", answer.status)).collect();
    let _ = writeln!(table, "{title:<64}{word:<16}{statuses}");
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
        let path = route.path.replace("{id}", "1").replace("{name}", "1");
        for host in ["app", "api"] {
            empty(served.call(route.method.as_str(), host, &path)).await.problem(404, "not_found");
        }
    }
    dev.get("app", "/-/dev/mail").await.expect(200);
}
