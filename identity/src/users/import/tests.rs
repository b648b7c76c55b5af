//! Stories of people from elsewhere (ID-2, ID-3).

use http::StatusCode;
use serde_json::json;
use tenantry_core::password_hash::Recipe;
use tenantry_identity::users::import::{Imported, Newcomer, import};

use crate::house::House;

const HASH: &str = "$2a$08$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm";
const PASSWORD: &str = "plum orbit kettle seven";

fn newcomer(line: &serde_json::Value) -> Newcomer {
    Newcomer::read(line.to_string().as_bytes()).unwrap_or_else(|fault| panic!("{line}: {fault}"))
}

fn grace() -> serde_json::Value {
    json!({ "email": "grace@acme.example", "name": "Grace", "password_hash": HASH, "email_verified": true,
            "workspace": "acme", "role": "MEMBER" })
}

async fn bring(house: &House, line: &serde_json::Value, is_trial: bool) -> Result<Imported, String> {
    let roles = &house.identity.options.roles;
    let imported = import(&house.identity.ground, roles, &newcomer(line), is_trial).await;
    imported.map_err(|problem| format!("{:?}", problem.fields))
}

async fn count(house: &House, table: &str) -> i64 {
    let sql = format!("select count(*) from control.{table}");
    house.db.administrator().await.query_one(sql.as_str(), &[]).await.expect("a row").get(0)
}

#[tokio::test]
async fn whoever_is_brought_in_signs_in_with_the_password_they_have() {
    let house = House::new().await;
    house.account("acme").await;
    assert_eq!(bring(&house, &grace(), false).await, Ok(Imported::New(Some(Recipe::Bcrypt { cost: 8 }))));
    assert_eq!(house.browser().sign_in("grace@acme.example", PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_eq!((count(&house, "memberships").await, house.actions().await["person.imported"]), (2, 1));
}

#[tokio::test]
async fn a_trial_says_the_same_and_writes_nothing() {
    let house = House::new().await;
    house.account("acme").await;
    assert_eq!(bring(&house, &grace(), true).await, Ok(Imported::New(Some(Recipe::Bcrypt { cost: 8 }))));
    assert_eq!(
        (count(&house, "persons").await, count(&house, "emails").await, count(&house, "memberships").await),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn an_address_that_has_an_account_keeps_it_as_it_is() {
    let house = House::new().await;
    house.account("acme").await;
    let mut ada = grace();
    ada["email"] = json!("ADA@acme.example");
    assert_eq!(bring(&house, &ada, false).await, Ok(Imported::Known));
    assert_eq!(count(&house, "persons").await, 1);
    assert_eq!(house.browser().sign_in("ada@acme.example", crate::house::PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_unverified_address_gives_no_access() {
    let house = House::new().await;
    house.account("acme").await;
    let mut line = grace();
    line["email_verified"] = json!(false);
    bring(&house, &line, false).await.expect("imported");
    assert_eq!(house.browser().sign_in("grace@acme.example", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_line_for_a_place_that_is_not_there_leaves_nothing_behind() {
    let house = House::new().await;
    house.account("acme").await;
    for (field, value) in [("workspace", "globex"), ("role", "EMPEROR")] {
        let mut line = grace();
        line[field] = json!(value);
        let refusal = bring(&house, &line, false).await.expect_err("refused");
        assert!(refusal.contains(field) && refusal.contains(value), "{refusal}");
    }
    assert_eq!((count(&house, "persons").await, count(&house, "emails").await), (1, 1));
}

#[test]
fn a_line_with_a_fault_is_refused_without_showing_it() {
    let refusal = |line: &str| Newcomer::read(line.as_bytes()).expect_err("a fault").to_string();
    assert!(refusal(r#"{"email":"grace","name":"Grace"}"#).starts_with("email:"));
    assert!(refusal(r#"{"email":"grace@acme.example","name":" "}"#).starts_with("name:"));
    assert!(
        refusal(r#"{"email":"grace@acme.example","name":"Grace","password":"hunter2hunter2"}"#)
            .contains("object with email")
    );
    assert!(refusal(r#"{"email":"grace@acme.example","name":"Grace","role":"OWNER"}"#).starts_with("role:"));
    let digest =
        refusal(r#"{"email":"grace@acme.example","name":"Grace","password_hash":"5f4dcc3b5aa765d61d8327deb882cf99"}"#);
    assert!(digest.contains("bare digest") && !digest.contains("5f4dcc"), "{digest}");
}
