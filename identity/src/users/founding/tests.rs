//! Stories of workspaces that a command makes for somebody (ID-3, AC-11, AUD-2).

use http::StatusCode;
use tenantry_core::email::EmailAddress;
use tenantry_identity::tenants::Reason;
use tenantry_identity::users::import::{Newcomer, import};
use tenantry_identity::users::{self, Founded, Founding, Wanted};
use tenantry_platform::permit::{Acting, Actor, Origin};
use tenantry_platform::problem::Problem;

use crate::house::{CENTRAL, House, PASSWORD, Sent};

const GRACE: &str = "grace@example.com";
const CLOSED: &str = "[sign_up]\nopen = false\n";

const fn wanted(slug: &'static str, owner: &'static str) -> Wanted<'static> {
    Wanted { slug, name: "Works", owner, owner_name: Some("Grace Example") }
}

async fn found(house: &House, wanted: Wanted<'_>) -> Result<Founded, Problem> {
    let founding = Founding::check(&wanted, &house.identity.options).expect("good options");
    house.identity.found(founding).await
}

async fn count(house: &House, table: &str) -> i64 {
    let sql = format!("select count(*) from control.{table}");
    house.db.administrator().await.query_one(sql.as_str(), &[]).await.expect("a row").get(0)
}

/// What the link of the only mail is good for: a password.
async fn choose_password(house: &House, mails: &[Sent]) -> StatusCode {
    let [mail] = mails else { panic!("{mails:?}") };
    assert!(mail.to == GRACE && mail.subject == "Your workspace with Demo", "{mail:?}");
    let (_, rest) = mail.text.split_once(&format!("{CENTRAL}/-/reset-password?token=")).expect("a link");
    let token = rest.split_whitespace().next().expect("a token");
    let form = [("token", token), ("password", PASSWORD)];
    house.browser().post(&format!("{CENTRAL}/-/reset-password"), &form).await.status
}

#[tokio::test]
async fn whoever_has_no_account_is_let_in_by_the_mailed_link_alone() {
    let house = House::with(CLOSED).await;
    let founded = found(&house, wanted("acme", GRACE)).await.expect("a workspace");
    assert!(founded.is_mailed);
    assert_eq!(house.browser().sign_in(GRACE, PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mails = house.mails().await;
    assert_eq!(choose_password(&house, &mails).await, StatusCode::OK);
    let mut grace = house.browser();
    assert_eq!(grace.sign_in(GRACE, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_eq!(grace.hand_off("http://acme.localhost:8600").await.location(), "/orders");
}

#[tokio::test]
async fn whoever_has_an_account_owns_it_at_once() {
    let house = House::new().await;
    house.account("acme").await;
    let founded = found(&house, wanted("globex", "ADA@acme.example")).await.expect("a workspace");
    assert!(!founded.is_mailed && house.mails().await.is_empty());
    assert_eq!((count(&house, "persons").await, count(&house, "memberships").await), (1, 2));
    let mut ada = house.browser();
    ada.sign_in("ada@acme.example", PASSWORD).await;
    assert_eq!(ada.hand_off("http://globex.localhost:8600").await.location(), "/orders");
}

#[tokio::test]
async fn whoever_was_brought_in_unproven_is_mailed_the_link_at_the_address_that_is_stored() {
    let house = House::new().await;
    let line = format!(r#"{{"email":"{GRACE}","name":"Grace"}}"#);
    let newcomer = Newcomer::read(line.as_bytes()).expect("a good line");
    import(&house.identity.ground, &house.identity.options.roles, &newcomer, false).await.expect("imported");
    assert!(found(&house, wanted("acme", "GRACE@EXAMPLE.COM")).await.expect("a workspace").is_mailed);
    assert_eq!(count(&house, "persons").await, 1);
    let mails = house.mails().await;
    assert_eq!(choose_password(&house, &mails).await, StatusCode::OK);
}

#[tokio::test]
async fn the_log_says_that_no_person_did_it_and_the_app_hears() {
    let house = House::new().await;
    found(&house, wanted("acme", GRACE)).await.expect("a workspace");
    let outside = house.db.administrator().await;
    let rows = outside.query("select action, actor_type || ' ' || actor_kind from control.audit order by 1", &[]).await;
    let rows: Vec<(String, String)> = rows.expect("rows").iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected =
        ["member.joined", "person.created", "tenant.created"].map(|act| (act.to_owned(), "SYSTEM cli".to_owned()));
    assert_eq!(rows, expected);
    let told = outside.query("select type from control.events order by 1", &[]).await.expect("rows");
    let told: Vec<String> = told.iter().map(|row| row.get(0)).collect();
    assert_eq!(told, ["member.joined", "tenant.created", "user.created"]);
}

#[tokio::test]
async fn a_slug_that_is_taken_or_looks_like_one_leaves_nothing_behind() {
    let house = House::new().await;
    house.account("acme").await;
    for slug in ["acme", "acrne"] {
        assert_eq!(found(&house, wanted(slug, GRACE)).await.expect_err("refused").code, "slug_taken");
    }
    assert_eq!((count(&house, "persons").await, count(&house, "tenants").await), (1, 1));
    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn nobody_who_is_deactivated_owns_another_workspace() {
    let house = House::new().await;
    let owner = house.account("acme").await;
    house.member(&owner, "globex", "OWNER").await;
    let by = Acting { actor: Actor::system("cli", "people deactivate"), origin: Origin::default() };
    let ground = &house.identity.ground;
    let person = users::named(ground, &EmailAddress::parse("ada@acme.example").expect("an address")).await;
    let reason = Reason::parse("left").expect("a reason");
    users::deactivate(ground, by, person.expect("somebody"), &reason).await.expect("deactivated");
    let refused = found(&house, wanted("initech", "ada@acme.example")).await.expect_err("refused");
    assert!(refused.detail.contains("`tenantry people reactivate ada@acme.example`"), "{}", refused.detail);
    assert_eq!(count(&house, "tenants").await, 2);
}

#[tokio::test]
async fn options_are_judged_as_a_sign_up_is() {
    let house = House::new().await;
    let refused = |wanted: Wanted<'_>| Founding::check(&wanted, &house.identity.options).expect_err("a fault");
    let good = wanted("acme", GRACE);
    for slug in ["app", "API", "1ogin", "a", "acme--test", "acmé"] {
        let why = refused(Wanted { slug, ..good });
        assert!(why.starts_with("--slug: ") && why.ends_with('.'), "{slug}: {why}");
    }
    assert_eq!(refused(Wanted { name: " ", ..good }), "--name: Fill this in.");
    assert!(refused(Wanted { owner: "grace", ..good }).starts_with("--owner: Write an e-mail address"));
    assert!(refused(Wanted { owner_name: Some("a\nb"), ..good }).starts_with("--owner-name: "));
    assert!(Founding::check(&Wanted { owner_name: None, ..good }, &house.identity.options).is_ok());
}
