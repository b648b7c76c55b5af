use http::StatusCode;
use tenantry_identity::tenants::Reason;
use tenantry_identity::users;
use tenantry_identity::users::import::{Newcomer, import};
use tenantry_platform::permit::{Acting, Actor};
use tokio::sync::oneshot;

use super::*;

#[tokio::test]
async fn a_mailed_link_sets_a_new_password_and_everybody_is_signed_out() {
    let house = House::new().await;
    let before = ada(&house).await;
    let token = reset_link(&house).await;
    let done = reset(&house, &token, NEW_PASSWORD).await;
    assert!(done.status == StatusCode::OK && done.body.contains("/-/sign-in"));
    assert!(!before.is_signed_in(CENTRAL).await, "dead at once");
    assert!(!may_sign_in(&house, EMAIL, PASSWORD).await && may_sign_in(&house, EMAIL, NEW_PASSWORD).await);
    let mails = house.mails().await;
    assert!(mails.iter().any(|mail| mail.to == EMAIL && mail.subject.contains("was changed")), "{mails:?}");
    assert_eq!(house.actions().await.get("user.password_changed"), Some(&1));
    assert_eq!(events(&house, "user.password_changed").await, 1);
}

#[tokio::test]
async fn whoever_asks_learns_nothing_of_an_address() {
    let house = House::new().await;
    bob(&house).await;
    deactivate(&house).await;
    let mut seen = Vec::new();
    for email in ["nobody@acme.example", EMAIL, "ADA@acme.example", BOB] {
        let before = house.work();
        let answer = house.browser().post(&at("/-/forgot-password"), &[("email", email)]).await;
        let (statements, hashes) = house.work();
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        seen.push((answer.status, answer.body.replace(email, "(address)"), names, hashes - before.1));
        assert_eq!(statements, before.0, "nothing is looked up before the answer");
        house.identity.afterwards.settle().await;
    }
    assert!(seen.iter().all(|answer| *answer == seen[0] && answer.0 == StatusCode::OK));
    let mails = house.mails().await;
    assert!(mails.len() == 2 && mails.iter().all(|mail| mail.to == EMAIL), "as stored, not as typed: {mails:?}");
}

/// What follows answers has room for so much; whoever asks for a password is told, and no address by it.
#[tokio::test]
async fn a_full_queue_is_told_to_whoever_asks_whatever_address_it_is() {
    let house = House::new().await;
    house.account("acme").await;
    let queue = &house.identity.afterwards;
    let ((began, is_held), (go_on, wait)) = (oneshot::channel(), oneshot::channel::<()>());
    let held = async move {
        began.send(()).expect("the test waits");
        let _ = wait.await;
        Ok(())
    };
    assert!(queue.push("a test", held));
    is_held.await.expect("it is under way");
    while queue.push("a test", async { Ok(()) }) {}
    for (number, email) in ["nobody@acme.example", EMAIL].into_iter().enumerate() {
        let answer = house.browser().post(&at("/-/forgot-password"), &[("email", email)]).await;
        assert_eq!((answer.status, queue.dropped()), (StatusCode::SERVICE_UNAVAILABLE, number as u64 + 2));
    }
    drop(go_on);
    queue.settle().await;
    let answer = house.browser().post(&at("/-/forgot-password"), &[("email", EMAIL)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    queue.settle().await;
    assert_eq!(house.mails().await.len(), 1);
}

#[tokio::test]
async fn looking_at_a_reset_link_changes_nothing() {
    let house = House::new().await;
    house.account("acme").await;
    let token = reset_link(&house).await;
    for _ in 0..3 {
        let page = house.browser().get(&at(&format!("/-/reset-password?token={token}"))).await;
        assert!(page.status == StatusCode::OK && page.body.contains("new-password"));
    }
    assert!(may_sign_in(&house, EMAIL, PASSWORD).await);
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_reset_link_works_once_also_when_two_use_it_at_the_same_time() {
    let house = House::new().await;
    house.account("acme").await;
    let token = reset_link(&house).await;
    let other = "twelve lanterns drift uphill";
    let (left, right) = tokio::join!(reset(&house, &token, NEW_PASSWORD), reset(&house, &token, other));
    let mut statuses = [left.status, right.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::NOT_FOUND]);
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.code(), "link_gone");
    let first_won = left.status == StatusCode::OK;
    assert!(may_sign_in(&house, EMAIL, if first_won { NEW_PASSWORD } else { other }).await);
}

#[tokio::test]
async fn a_reset_link_ends_by_the_clock() {
    let house = House::new().await;
    house.account("acme").await;
    let token = reset_link(&house).await;
    house.advance(30 * 60);
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.code(), "link_gone");
    assert!(may_sign_in(&house, EMAIL, PASSWORD).await);
}

#[tokio::test]
async fn a_used_link_takes_the_others_with_it() {
    let house = House::new().await;
    house.account("acme").await;
    let (first, second) = (reset_link(&house).await, reset_link(&house).await);
    assert_eq!(reset(&house, &second, NEW_PASSWORD).await.status, StatusCode::OK);
    assert_eq!(reset(&house, &first, "twelve lanterns drift uphill").await.code(), "link_gone");
}

#[tokio::test]
async fn a_token_of_another_kind_opens_nothing() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    ask_email(&mut browser, NEW_EMAIL, PASSWORD).await;
    let email = link(&house.mails().await, NEW_EMAIL, "/-/confirm-email");
    let reset_token = reset_link(&house).await;
    assert_eq!(reset(&house, &email, NEW_PASSWORD).await.code(), "link_gone");
    for path in ["/-/confirm-email", "/-/undo-email", "/-/verify"] {
        assert_eq!(use_link(&mut house.browser(), path, &reset_token).await.code(), "link_gone", "{path}");
    }
    assert_eq!(reset(&house, "", NEW_PASSWORD).await.code(), "link_gone");
}

#[tokio::test]
async fn a_weak_password_uses_no_link() {
    let house = House::new().await;
    house.account("acme").await;
    let token = reset_link(&house).await;
    for weak in ["short", "passwordpassword", "ada@acme.example ada@acme.example"] {
        let refused = reset(&house, &token, weak).await;
        assert!(
            refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("password-error"),
            "{weak}"
        );
    }
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_is_deactivated_after_asking_gets_no_new_password() {
    let house = House::new().await;
    bob(&house).await;
    forget(&house, BOB).await;
    let token = link(&house.mails().await, BOB, "/-/reset-password");
    deactivate(&house).await;
    assert_eq!(reset(&house, &token, "twelve lanterns drift uphill").await.code(), "link_gone");
}

#[tokio::test]
async fn an_address_gets_a_few_mails_an_hour_however_often_it_is_asked_for() {
    let house = House::new().await;
    house.account("acme").await;
    for _ in 0..8 {
        assert_eq!(forget(&house, EMAIL).await.status, StatusCode::OK, "the answer does not tell");
    }
    assert_eq!(house.mails().await.len(), 5);
    house.advance(3_601);
    forget(&house, EMAIL).await;
    assert_eq!(house.mails().await.len(), 1);
}

#[tokio::test]
async fn whoever_never_had_a_password_gets_one_by_mail() {
    let house = House::new().await;
    bob(&house).await;
    assert!(may_sign_in(&house, BOB, NEW_PASSWORD).await);
}

#[tokio::test]
async fn the_database_keeps_no_token_and_no_address_of_whoever_asked() {
    let house = House::new().await;
    house.account("acme").await;
    let token = reset_link(&house).await;
    let hit = |needle: &str| {
        format!(
            "select count(*) from control.links l, control.mail_budget b
             where position(convert_to('{needle}', 'UTF8') in l.data || l.digest || b.digest) > 0"
        )
    };
    assert_eq!(house.one::<i64>(&hit(&token)).await, 0);
    assert_eq!(house.one::<i64>(&hit(EMAIL)).await, 0);
}

async fn deactivate(house: &House) {
    let ground = &house.db.ground;
    let person = users::named(ground, &EmailAddress::parse(BOB).expect("an address")).await.expect("a person");
    let by = Acting { actor: Actor::system("test", "test"), origin: Origin::default() };
    users::deactivate(ground, by, person, &Reason::parse("lost laptop").expect("a reason")).await.expect("done");
}

#[tokio::test]
async fn whoever_was_brought_in_with_an_unproven_address_proves_it_by_the_link() {
    let house = House::new().await;
    house.account("acme").await;
    let line = br#"{"email":"grace@acme.example","name":"Grace","workspace":"acme"}"#;
    let newcomer = Newcomer::read(line).expect("a line");
    import(&house.identity.ground, &house.identity.options.roles, &newcomer, false).await.expect("imported");
    forget(&house, "grace@acme.example").await;
    let token = link(&house.mails().await, "grace@acme.example", "/-/reset-password");
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.status, StatusCode::OK);
    assert!(may_sign_in(&house, "grace@acme.example", NEW_PASSWORD).await);
}
