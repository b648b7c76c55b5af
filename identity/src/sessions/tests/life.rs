//! How a session begins, is believed, and ends (ID-5, ID-8, ID-11).

use http::StatusCode;
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_core::token::TokenFault;
use tenantry_identity::sessions::{ACCESS_COOKIE, Known, REFRESH_COOKIE, Refusal, end_everything, sweep};
use tenantry_platform::db::{Context, Control};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tenantry_platform::signing::Rings;

use super::{sign_in, signed_in};
use crate::house::{CENTRAL, House, PASSWORD};

const TENANT: &str = "http://acme.localhost:8600";
const MINUTE_S: u64 = 60;
const DAY_S: u64 = 24 * 3_600;

fn refusal(known: &Known) -> Option<Refusal> {
    match known {
        Known::Refused(refusal) => Some(*refusal),
        _ => None,
    }
}

#[tokio::test]
async fn the_console_acts_in_each_workspace_and_the_central_host_in_none() {
    let house = House::new().await;
    let browser = signed_in(&house).await;
    let Known::Verified(session) = browser.known(CENTRAL).await else { panic!("signed in") };
    assert!(session.principal().parts().tenant.is_none() && session.principal().parts().permissions.is_empty());
    let there = session.principal_in("acme", Mode::Test).expect("a member");
    assert_eq!(there.parts().mode, Some(Mode::Test));
    assert!(there.parts().permissions.contains("keys:manage") && there.parts().roles[0].as_str() == "OWNER");
    assert!(session.principal_in("other", Mode::Live).is_none());
}

/// Whoever has a role that the configuration does not have any more is a member still, and holds nothing.
#[tokio::test]
async fn a_role_that_the_configuration_has_lost_holds_nothing() {
    let house = House::new().await;
    let acme = house.account("acme").await;
    let member = house.member(&acme, "other", "ADMIN").await;
    let lost = "update control.memberships set role = 'GONE' where person_id = $1 and tenant_id = $2";
    let written = house.db.administrator().await.execute(lost, &[&member.id.uuid(), &acme.tenant.id.uuid()]).await;
    assert_eq!(written.expect("written"), 1);
    let mut browser = house.browser();
    browser.sign_in(&member.email, PASSWORD).await.location();
    let Known::Verified(session) = browser.known(CENTRAL).await else { panic!("signed in") };
    let there = session.principal_in("acme", Mode::Live).expect("a member");
    assert!(there.parts().permissions.is_empty());
}

#[tokio::test]
async fn a_token_of_one_host_is_refused_at_another() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    for name in [ACCESS_COOKIE, REFRESH_COOKIE] {
        let value = browser.cookie(CENTRAL, name).expect("a cookie").clone();
        browser.set(TENANT, name, &value);
    }
    assert_eq!(refusal(&browser.known(TENANT).await), Some(Refusal::Token(TokenFault::Audience)));
    assert!(browser.is_signed_in(CENTRAL).await, "the token is known now, and still of one host");
    assert_eq!(refusal(&browser.known(TENANT).await), Some(Refusal::Token(TokenFault::Audience)));
    browser.forget(TENANT, ACCESS_COOKIE);
    let refreshed =
        house.identity.sessions.refresh(&browser.headers(TENANT), TENANT, Origin::default()).await.expect("an answer");
    assert!(refreshed.session.is_none(), "nor does the refresh token open it");
    assert!(browser.is_signed_in(CENTRAL).await);
}

#[tokio::test]
async fn an_access_token_ends_by_the_clock_and_the_next_page_brings_another() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    house.advance(15 * MINUTE_S - 1);
    assert!(browser.is_signed_in(CENTRAL).await);
    house.advance(1);
    assert_eq!(refusal(&browser.known(CENTRAL).await), Some(Refusal::Stale));
    browser.get(&format!("{CENTRAL}/-/sign-in")).await.location();
    assert!(browser.is_signed_in(CENTRAL).await);
}

#[tokio::test]
async fn a_session_that_nobody_used_for_a_week_is_over() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    house.advance(7 * DAY_S - 1);
    browser.get(&format!("{CENTRAL}/-/sign-in")).await.location();
    house.advance(7 * DAY_S);
    assert!(browser.get(&format!("{CENTRAL}/-/sign-in")).await.body.contains("type=\"password\""));
    assert!(browser.cookie(CENTRAL, REFRESH_COOKIE).is_none());
}

#[tokio::test]
async fn no_session_lives_longer_than_a_month_however_much_it_is_used() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    for _ in 0..5 {
        house.advance(6 * DAY_S - 60);
        browser.get(&format!("{CENTRAL}/-/sign-in")).await;
        assert!(browser.is_signed_in(CENTRAL).await);
    }
    house.advance(5 * 60);
    assert!(!browser.is_signed_in(CENTRAL).await, "the last token ended with the session, not after 15 minutes");
    assert!(browser.get(&format!("{CENTRAL}/-/sign-in")).await.body.contains("type=\"password\""));
}

#[tokio::test]
async fn signing_out_anywhere_signs_out_everywhere() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    browser.hand_off(TENANT).await.location();
    assert!(browser.is_signed_in(TENANT).await);
    let thief = browser.clone();
    let gone = browser.post::<&str>(&format!("{TENANT}/-/sign-out"), &[]).await;
    assert_eq!(gone.status, StatusCode::OK, "a page: the next request would only begin to sign in again");
    assert!(
        !thief.is_signed_in(TENANT).await && !thief.is_signed_in(CENTRAL).await,
        "copies of the cookies are worth nothing"
    );
    assert!(browser.cookie(TENANT, REFRESH_COOKIE).is_none());
    assert_eq!(house.actions().await.get("session.ended"), Some(&1));
}

#[tokio::test]
async fn signing_out_works_after_the_access_token_is_over() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let thief = browser.clone();
    house.advance(16 * MINUTE_S);
    browser.post::<&str>(&format!("{CENTRAL}/-/sign-out"), &[]).await.location();
    let refreshed =
        house.identity.sessions.refresh(&thief.headers(CENTRAL), CENTRAL, Origin::default()).await.expect("an answer");
    assert!(refreshed.session.is_none());
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_that_the_browser_had() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let before = browser.clone();
    browser.sign_in("ada@acme.example", PASSWORD).await.location();
    assert!(browser.is_signed_in(CENTRAL).await && !before.is_signed_in(CENTRAL).await);
}

#[tokio::test]
async fn a_stand_in_has_the_role_that_was_asked_for() {
    let house = House::new().await;
    let acme = house.account("acme").await;
    let email = EmailAddress::parse("bob@acme.example").expect("an address");
    let mut browser = house.browser();
    for role in ["ADMIN", "MEMBER"] {
        let cookies = house
            .identity
            .stand_in((&acme.tenant, Mode::Live), &email, role, Origin::default())
            .await
            .expect("cookies");
        browser.take(TENANT, &cookies);
        let Known::Verified(session) = browser.known(TENANT).await else { panic!("signed in") };
        assert_eq!(session.principal().parts().roles[0].as_str(), role);
    }
    let refused = house.identity.stand_in((&acme.tenant, Mode::Live), &email, "KING", Origin::default()).await;
    assert_eq!(refused.expect_err("no such role").fields[0].field, "role");
}

#[tokio::test]
async fn ending_all_sessions_of_a_person_is_believed_when_the_call_returns() {
    let house = House::new().await;
    let (first, second) = (signed_in(&house).await, sign_in(&house).await);
    end_all(&house).await;
    for browser in [first, second] {
        let known = house.identity.sessions.known(&browser.headers(CENTRAL), CENTRAL);
        assert!(!matches!(known, Known::Verified(_)), "from memory, at once");
        assert!(!browser.is_signed_in(CENTRAL).await);
    }
}

#[tokio::test]
async fn a_look_up_that_began_before_the_end_brings_nothing_back() {
    let house = House::new().await;
    let browser = signed_in(&house).await;
    house.db.ground.feed.void_all();
    let mut admin = house.db.administrator().await;
    let hold = admin.transaction().await.expect("a transaction");
    hold.batch_execute("lock table control.memberships in access exclusive mode").await.expect("a lock");
    let late = async { browser.known(CENTRAL).await };
    let ending = async {
        let waits =
            "select exists (select from pg_locks where not granted and relation = 'control.memberships'::regclass)";
        // The look-up has read the session and stands before the memberships.
        while !hold.query_one(waits, &[]).await.expect("a row").get::<_, bool>(0) {}
        end_all(&house).await;
        hold.commit().await.expect("unlocked");
    };
    let (known, ()) = tokio::join!(late, ending);
    assert_eq!(refusal(&known), Some(Refusal::Ended));
}

#[tokio::test]
async fn a_key_that_was_taken_out_of_force_takes_its_tokens_with_it() {
    let house = House::new().await;
    let browser = signed_in(&house).await;
    let rings: &Rings = &house.db.ground.signing;
    rings.load([]);
    house.db.ground.feed.apply(&Change { kind: ChangeKind::SigningKeys, subject: uuid::Uuid::nil() });
    assert_eq!(refusal(&browser.known(CENTRAL).await), Some(Refusal::Stale), "remembered or not, it no longer counts");
}

#[tokio::test]
async fn what_is_long_over_is_swept_and_what_lives_stays() {
    let house = House::new().await;
    let old = signed_in(&house).await;
    house.advance(61 * DAY_S);
    let young = sign_in(&house).await;
    let admin = house.db.administrator().await;
    let fresh =
        "insert into control.change (id, at, kind, subject) values (gen_random_uuid(), $1, 'key', gen_random_uuid())";
    admin.execute(fresh, &[&house.db.ground.now()]).await.expect("told just now");
    assert_eq!(
        sweep(&house.db.ground).await.expect("a count"),
        3,
        "the old session, and what its sign-up told caches of two things"
    );
    assert!(young.is_signed_in(CENTRAL).await && !old.is_signed_in(CENTRAL).await);
    let told = admin.query("select 1 from control.change", &[]).await.expect("read");
    assert_eq!(told.len(), 1, "what others may not have heard yet is kept");
}

async fn end_all(house: &House) {
    let person = house
        .db
        .administrator()
        .await
        .query_one("select person_id from control.persons", &[])
        .await
        .expect("one person")
        .get(0);
    let person = tenantry_core::ids::PersonId::from_uuid(person);
    let context = Context { tenant: None, person: Some(person) };
    let permit = Permit::<Authenticate, Control>::system(context, Actor::system("test", "test"), Origin::default());
    let mut tx = permit.begin(&house.db.ground);
    end_everything(&mut tx, &house.db.ground, person, "test").await.expect("ended");
    tx.commit_and_fence(&house.db.ground).await.expect("committed");
}
