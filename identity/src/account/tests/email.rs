use http::StatusCode;

use super::*;

const CONFIRM: &str = "/-/confirm-email";
const UNDO: &str = "/-/undo-email";

/// Ada's address is the new one. Answers the token that undoes it.
async fn moved(house: &House, browser: &mut Browser<'_>) -> String {
    assert_eq!(ask_email(browser, NEW_EMAIL, PASSWORD).await.status, StatusCode::OK);
    let token = link(&house.mails().await, NEW_EMAIL, CONFIRM);
    assert_eq!(use_link(browser, CONFIRM, &token).await.status, StatusCode::OK);
    link(&house.mails().await, EMAIL, UNDO)
}

#[tokio::test]
async fn an_address_changes_when_its_new_mailbox_confirms_and_both_are_told() {
    let house = House::new().await;
    let (mut browser, other) = (ada(&house).await, signed_in(&house).await);
    assert_eq!(ask_email(&mut browser, NEW_EMAIL, PASSWORD).await.status, StatusCode::OK);
    let mails = house.mails().await;
    assert!(mails.len() == 2 && mails.iter().any(|mail| mail.to == EMAIL && !mail.text.contains("token=")));
    let token = link(&mails, NEW_EMAIL, CONFIRM);
    let page = browser.get(&at(&format!("{CONFIRM}?token={token}"))).await;
    assert!(page.body.contains(NEW_EMAIL) && may_sign_in(&house, EMAIL, PASSWORD).await, "looking changes nothing");
    assert_eq!(use_link(&mut browser, CONFIRM, &token).await.status, StatusCode::OK);
    assert!(may_sign_in(&house, NEW_EMAIL, PASSWORD).await && !may_sign_in(&house, EMAIL, PASSWORD).await);
    assert!(browser.is_signed_in(CENTRAL).await && !other.is_signed_in(CENTRAL).await);
    assert_eq!((house.actions().await["user.email_changed"], events(&house, "user.email_changed").await), (1, 1));
}

#[tokio::test]
async fn confirmed_from_another_browser_every_session_ends() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    ask_email(&mut browser, NEW_EMAIL, PASSWORD).await;
    let token = link(&house.mails().await, NEW_EMAIL, CONFIRM);
    assert_eq!(use_link(&mut house.browser(), CONFIRM, &token).await.status, StatusCode::OK);
    assert!(!browser.is_signed_in(CENTRAL).await);
}

#[tokio::test]
async fn a_taken_address_gets_the_same_answer_for_the_same_work_and_its_owner_is_told() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    house.account("globex").await;
    let mut seen = Vec::new();
    // The first of a process also reads a key that is remembered then.
    ask_email(&mut browser, "warm@acme.example", PASSWORD).await;
    house.mails().await;
    for email in ["nobody@acme.example", "ada@globex.example"] {
        let before = house.work();
        let answer = ask_email(&mut browser, email, PASSWORD).await;
        let after = house.work();
        seen.push((answer.status, answer.body.replace(email, "(address)"), after.0 - before.0, after.1 - before.1));
    }
    assert_eq!(seen[0], seen[1]);
    let mails = house.mails().await;
    let told = mails.iter().find(|mail| mail.to == "ada@globex.example").expect("its owner hears of it");
    assert!(!told.text.contains("token=") && mails.iter().filter(|mail| mail.to == EMAIL).count() == 2, "{mails:?}");
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_stays_its_owners() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    ask_email(&mut browser, "ada@globex.example", PASSWORD).await;
    let token = link(&house.mails().await, "ada@globex.example", CONFIRM);
    house.account("globex").await;
    assert_eq!(use_link(&mut browser, CONFIRM, &token).await.code(), "address_in_use");
    assert!(may_sign_in(&house, EMAIL, PASSWORD).await && may_sign_in(&house, "ada@globex.example", PASSWORD).await);
}

#[tokio::test]
async fn of_two_who_want_one_address_one_gets_it() {
    let house = House::new().await;
    let mut first = ada(&house).await;
    house.account("globex").await;
    let mut second = house.browser();
    second.sign_in("ada@globex.example", PASSWORD).await.location();
    let mut tokens = Vec::new();
    for browser in [&mut first, &mut second] {
        ask_email(browser, NEW_EMAIL, PASSWORD).await;
        tokens.push(link(&house.mails().await, NEW_EMAIL, CONFIRM));
    }
    let (one, two) =
        tokio::join!(use_link(&mut first, CONFIRM, &tokens[0]), use_link(&mut second, CONFIRM, &tokens[1]));
    let mut statuses = [one.status, two.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);
    assert_eq!(house.one::<i64>("select count(*) from control.emails").await, 2);
}

#[tokio::test]
async fn without_the_present_password_no_mail_leaves() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    let refused = ask_email(&mut browser, NEW_EMAIL, "not the right password").await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("current-error"));
    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn a_link_of_an_address_works_once() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    ask_email(&mut browser, NEW_EMAIL, PASSWORD).await;
    let token = link(&house.mails().await, NEW_EMAIL, CONFIRM);
    let mut twin = browser.clone();
    let (one, two) = tokio::join!(use_link(&mut browser, CONFIRM, &token), use_link(&mut twin, CONFIRM, &token));
    let mut statuses = [one.status, two.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::NOT_FOUND]);
}

#[tokio::test]
async fn the_old_mailbox_takes_the_account_back_from_whoever_knew_the_password() {
    let house = House::new().await;
    let mut thief = ada(&house).await;
    let undo = moved(&house, &mut thief).await;
    assert_eq!(use_link(&mut house.browser(), UNDO, &undo).await.status, StatusCode::OK);
    assert!(!thief.is_signed_in(CENTRAL).await);
    for email in [EMAIL, NEW_EMAIL] {
        assert!(!may_sign_in(&house, email, PASSWORD).await, "the password that the thief knows is gone: {email}");
    }
    let token = link(&house.mails().await, EMAIL, "/-/reset-password");
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.status, StatusCode::OK);
    assert!(may_sign_in(&house, EMAIL, NEW_PASSWORD).await);
    assert_eq!(use_link(&mut house.browser(), UNDO, &undo).await.code(), "link_gone");
}

#[tokio::test]
async fn a_thief_who_changes_address_and_password_again_and_again_is_undone_all_the_same() {
    let house = House::new().await;
    let mut thief = ada(&house).await;
    let undo = moved(&house, &mut thief).await;
    change_password(&mut thief, PASSWORD, NEW_PASSWORD).await.location();
    ask_email(&mut thief, "ada@third.example", NEW_PASSWORD).await;
    let token = link(&house.mails().await, "ada@third.example", CONFIRM);
    assert_eq!(use_link(&mut thief, CONFIRM, &token).await.status, StatusCode::OK);
    let thiefs = link(&house.mails().await, NEW_EMAIL, UNDO);
    assert_eq!(use_link(&mut house.browser(), UNDO, &undo).await.status, StatusCode::OK);
    assert_eq!(use_link(&mut thief, UNDO, &thiefs).await.code(), "link_gone", "nor does the thief undo that");
    assert_eq!(house.one::<String>("select email from control.persons").await, EMAIL);
}

#[tokio::test]
async fn after_some_days_a_change_is_for_good() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    let undo = moved(&house, &mut browser).await;
    house.advance(72 * 3_600);
    assert_eq!(use_link(&mut house.browser(), UNDO, &undo).await.code(), "link_gone");
}

#[tokio::test]
async fn a_reset_link_of_the_old_address_is_void_after_the_change() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    let token = reset_link(&house).await;
    moved(&house, &mut browser).await;
    assert_eq!(reset(&house, &token, NEW_PASSWORD).await.code(), "link_gone");
}
