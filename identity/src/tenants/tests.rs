//! Tenants: found, stopped, served again; and who may do that.

use http::Method;
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_core::slug::Slug;
use tenantry_identity::apikeys::{Presented, Refusal};
use tenantry_identity::tenants::{self, Reason, Search};
use tenantry_platform::cache::Known;
use tenantry_platform::db::Live;
use tenantry_platform::permit::TenantStatus;

use crate::calls::WORDS;
use crate::house::House;

fn slug(text: &str) -> Slug {
    Slug::from_stored(text).expect("a slug")
}

async fn status(house: &House, text: &str) -> Option<TenantStatus> {
    house.identity.tenants.find(&slug(text)).await.expect("an answer").map(|tenant| tenant.status)
}

#[tokio::test]
async fn a_host_that_was_nobodys_is_found_as_soon_as_it_is_somebodys() {
    let house = House::with(WORDS).await;
    assert_eq!(status(&house, "acme").await, None);
    assert!(matches!(house.identity.tenants.known(&slug("acme")), Known::No));
    house.account("acme").await;
    assert_eq!(status(&house, "acme").await, Some(TenantStatus::Active));
}

#[tokio::test]
async fn a_suspended_tenant_is_stopped_from_memory_and_its_data_is_not_touched() {
    let house = House::with(WORDS).await;
    let acme = house.account("acme").await;
    let (_, token) = house.key::<Live>(&acme).await;
    house.principal(&token).await;
    let ground = &house.db.ground;
    tenants::cli::suspend(ground, &slug("acme"), &Reason::parse("Unpaid").expect("a reason")).await.expect("suspended");
    assert_eq!(status(&house, "acme").await, Some(TenantStatus::Suspended));
    let before = ground.db.live.statements();
    let Presented::Refused(Refusal::TenantStopped(tenant)) = house.present(&token).await else { panic!("stopped") };
    assert_eq!(tenants::stopped(&tenant).map(|problem| problem.code.into_owned()).as_deref(), Some("tenant_suspended"));
    assert_eq!(ground.db.live.statements(), before, "no key of a stopped tenant is read");
    house.advance(60);
    tenants::cli::reactivate(ground, &slug("acme")).await.expect("reactivated");
    house.principal(&token).await;
    let acts: Vec<String> =
        house.one("select array_agg(action order by id) from control.audit where actor_kind = 'cli'").await;
    assert_eq!(acts, ["tenant.suspended", "tenant.reactivated"]);
}

/// The table for people is the table that is kept.
const TABLE: &str = include_str!("../../../docs/tenant-status.md");

#[test]
fn a_status_that_nobody_knows_is_read_as_deactivated() {
    for word in ["resting", "ACTIVE", ""] {
        let read = TenantStatus::from_stored(word);
        assert!(read == TenantStatus::Deactivated && !read.is_served(), "{word}");
    }
}

#[tokio::test]
async fn each_status_does_what_its_line_in_the_documentation_says() {
    let house = House::with(WORDS).await;
    let acme = house.account("acme").await;
    let (_, token) = house.key::<Live>(&acme).await;
    let rows: Vec<Vec<&str>> = TABLE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let (status, works, code) = (row[1].trim_matches('`'), row[2] == "yes", row[5].split('`').nth(1));
        assert!(row[2..5].iter().all(|cell| *cell == row[2]), "one answer for every door: {row:?}");
        let sql = format!("update control.tenants set status = '{status}'");
        house.db.administrator().await.batch_execute(&sql).await.expect("changed");
        house.db.ground.feed.void_all();
        let tenant = house.identity.tenants.find(&slug("acme")).await.expect("an answer").expect("there");
        assert_eq!(
            (tenant.status.as_str(), tenants::stopped(&tenant).map(|problem| problem.code.into_owned()).as_deref()),
            (status, code)
        );
        assert_eq!(matches!(house.present(&token).await, Presented::Verified(_)), works, "{status}");
    }
}

#[tokio::test]
async fn a_status_changes_once() {
    let house = House::with(WORDS).await;
    house.account("acme").await;
    let (ground, reason) = (&house.db.ground, Reason::parse("Unpaid").expect("a reason"));
    assert_eq!(tenants::cli::reactivate(ground, &slug("acme")).await.expect_err("active").code, "tenant_status");
    tenants::cli::suspend(ground, &slug("acme"), &reason).await.expect("suspended");
    assert_eq!(tenants::cli::suspend(ground, &slug("acme"), &reason).await.expect_err("twice").code, "tenant_status");
    assert_eq!(tenants::cli::suspend(ground, &slug("nobody"), &reason).await.expect_err("unknown").status(), 404);
    for bad in ["", "  ", "two\nlines", &"x".repeat(501)] {
        assert!(Reason::parse(bad).is_err());
    }
}

#[tokio::test]
async fn a_tenant_comes_back_as_what_it_was() {
    let house = House::with(WORDS).await;
    house.account("acme").await;
    let sql = "update control.tenants set status = 'past_due'";
    house.db.administrator().await.batch_execute(sql).await.expect("changed");
    let (ground, reason) = (&house.db.ground, Reason::parse("Unpaid").expect("a reason"));
    tenants::cli::suspend(ground, &slug("acme"), &reason).await.expect("suspended");
    let back = tenants::cli::reactivate(ground, &slug("acme")).await.expect("reactivated");
    assert_eq!(back.status, TenantStatus::PastDue);
}

#[tokio::test]
async fn for_everybody_else_the_operators_pages_do_not_exist() {
    let house = House::with(WORDS).await;
    let acme = house.account("acme").await;
    let (_, token) = house.key_with::<Live>(&acme, &["tenant:manage"]).await;
    let (ada, program) = (house.person(&acme, ModeWord::Live).await, house.principal(&token).await);
    let id = acme.tenant.id;
    for who in [&ada, &program] {
        for (method, path) in [
            (Method::GET, "/-/operator/tenants".to_owned()),
            (Method::GET, format!("/-/operator/tenants/{id}/suspend")),
            (Method::POST, format!("/-/operator/tenants/{id}/suspend")),
            (Method::POST, format!("/-/operator/tenants/{id}/reactivate")),
        ] {
            let told = house.ask(who, method, &path, "reason=x&confirm=acme").await;
            assert_eq!(told.status, 404, "{path}");
        }
    }
    assert_eq!(status(&house, "acme").await, Some(TenantStatus::Active));
}

#[tokio::test]
async fn an_operator_suspends_by_name_and_reason_and_serves_again() {
    let house = House::with(WORDS).await;
    let (acme, staff) = (house.account("acme").await, house.account("operators-own").await);
    let address = EmailAddress::parse(&staff.person.email).expect("an address");
    let mut owner = house.db.login("tenantry_migrate").await;
    assert!(tenants::cli::set_operator(&mut owner, &house.db.ground, &address, true).await.expect("set").is_some());
    let olga = house.person(&staff, ModeWord::Live).await;
    let list = house.read(&olga, "/-/operator/tenants?q=ACM&status=active").await;
    assert!(list.body.contains("ada@acme.example") && list.body.matches("/suspend\"").count() == 1, "{}", list.body);
    let (path, id) = (format!("/-/operator/tenants/{}/suspend", acme.tenant.id), acme.tenant.id);
    for wrong in ["reason=Unpaid&confirm=acne", "reason=&confirm=acme"] {
        assert_eq!(house.ask(&olga, Method::POST, &path, wrong).await.status, 422);
    }
    let done = house.ask(&olga, Method::POST, &path, "reason=Unpaid&confirm=acme").await;
    assert_eq!(done.location, "/-/operator/tenants?done=suspended", "{}", done.body);
    assert_eq!(status(&house, "acme").await, Some(TenantStatus::Suspended));
    assert!(house.read(&olga, "/-/operator/tenants?status=suspended").await.body.contains("/reactivate"));
    house.ask(&olga, Method::POST, &format!("/-/operator/tenants/{id}/reactivate"), "").await;
    assert_eq!(status(&house, "acme").await, Some(TenantStatus::Active));
    let row: String = house.one("select actor_kind || ' ' || (metadata->>'reason') || ' ' || (changes->'status')::text from control.audit where action = 'tenant.suspended'").await;
    assert_eq!(row, r#"operator Unpaid ["active", "suspended"]"#);
}

#[tokio::test]
async fn an_operator_is_made_and_unmade_by_whoever_has_the_machine() {
    let house = House::with(WORDS).await;
    let staff = house.account("acme").await;
    let (ground, mut owner) = (&house.db.ground, house.db.login("tenantry_migrate").await);
    let address = EmailAddress::parse(&staff.person.email).expect("an address");
    let nobody = EmailAddress::parse("nobody@acme.example").expect("an address");
    assert!(tenants::cli::set_operator(&mut owner, ground, &nobody, true).await.expect("an answer").is_none());
    for wanted in [true, false] {
        assert!(tenants::cli::set_operator(&mut owner, ground, &address, wanted).await.expect("set").is_some());
        assert_eq!(house.one::<bool>("select operator from control.persons").await, wanted);
    }
    let log = tenants::cli::platform_log(ground).await.expect("the platform's log");
    let told: Vec<(&str, &str)> = log.iter().map(|act| (act.action.as_str(), act.login.as_str())).collect();
    assert_eq!(told, [("operator.revoked", "tenantry_migrate"), ("operator.granted", "tenantry_migrate")]);
    assert!(log.iter().all(|act| act.subject == staff.person.id.to_string()), "nobody's address made no row");
}

#[tokio::test]
async fn the_operators_list_has_pages() {
    let house = House::with(WORDS).await;
    house.account("acme").await;
    let sql = "insert into control.tenants (tenant_id, slug, name, status_at, created_at)
               select gen_random_uuid(), 'many-' || n, 'Many ' || n, now(), now() from generate_series(1, 60) n";
    house.db.administrator().await.batch_execute(sql).await.expect("inserted");
    let (ground, roles) = (&house.db.ground, &house.identity.options.roles);
    let search = Search { query: "Many".to_owned(), ..Search::default() };
    let (first, more) = tenants::cli::list(ground, roles, search.clone()).await.expect("a page");
    let before = first.last().map(|last| last.tenant.id);
    let (second, end) = tenants::cli::list(ground, roles, Search { before, ..search }).await.expect("a page");
    assert_eq!((first.len(), more, second.len(), end), (50, true, 10, false));
}

#[tokio::test]
async fn the_home_of_a_workspace_says_what_to_do_next_and_who_is_there() {
    let house = House::with(WORDS).await;
    let acme = house.account("acme").await;
    let ada = house.person(&acme, ModeWord::Live).await;
    let home = house.read(&ada, "/-/console/acme").await;
    for word in ["Create an API key", "http://acme.localhost:8600", "OWNER", "Ada Example", "(you)"] {
        assert!(home.body.contains(word), "{word}: {}", home.body);
    }
    house.key::<Live>(&acme).await;
    let offers = |body: &str| body.matches("Create an API key").count();
    let with_a_key = house.read(&ada, "/-/console/acme/live").await.body;
    assert!(offers(&with_a_key) < offers(&home.body), "the step is done: {with_a_key}");
}

#[tokio::test]
async fn programs_are_told_who_and_where_they_are() {
    let house = House::with(WORDS).await;
    let acme = house.account("acme").await;
    let (key, token) = house.key::<Live>(&acme).await;
    let (_, other) = house.key_with::<Live>(&acme, &["members:read"]).await;
    let (program, other) = (house.principal(&token).await, house.principal(&other).await);
    let me = house.read(&program, "/-/api/v1/whoami").await.json();
    assert_eq!(
        (&me["actor"]["id"], &me["tenant"]["slug"], &me["mode"]),
        (&key.id.to_string().into(), &"acme".into(), &"live".into())
    );
    assert_eq!(house.read(&program, "/-/api/v1/tenant").await.json()["status"], "active");
    assert_eq!(house.read(&program, "/-/api/v1/members").await.problem(), (403, "missing_permission".to_owned()));
    let members = house.read(&other, "/-/api/v1/members").await.json();
    assert_eq!((&members["data"][0]["role"], members.get("next_after")), (&"OWNER".into(), None));
}
