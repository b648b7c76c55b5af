use http::StatusCode;

use super::*;

const ESTIMATE: &str = "/-/password-strength";

#[tokio::test]
async fn another_password_ends_every_other_session_and_this_one_goes_on() {
    let house = House::new().await;
    let mut here = ada(&house).await;
    let there = signed_in(&house).await;
    assert_eq!(change_password(&mut here, PASSWORD, NEW_PASSWORD).await.location(), "/-/account/password?done=changed");
    assert!(here.is_signed_in(CENTRAL).await && !there.is_signed_in(CENTRAL).await);
    assert!(!may_sign_in(&house, EMAIL, PASSWORD).await && may_sign_in(&house, EMAIL, NEW_PASSWORD).await);
    assert!(house.mails().await.iter().any(|mail| mail.to == EMAIL && mail.subject.contains("was changed")));
    assert_eq!((house.actions().await["user.password_changed"], events(&house, "user.password_changed").await), (1, 1));
}

#[tokio::test]
async fn without_the_present_password_nothing_changes_and_the_log_hears_of_it() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    let refused = change_password(&mut browser, "not the right password", NEW_PASSWORD).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("current-error"));
    assert!(!refused.body.contains(NEW_PASSWORD) && may_sign_in(&house, EMAIL, PASSWORD).await);
    house.identity.afterwards.settle().await;
    assert_eq!(house.actions().await.get("session.refused"), Some(&1));
}

#[tokio::test]
async fn of_two_changes_at_once_one_begins_with_a_password_that_is_gone() {
    let house = House::new().await;
    let (mut left, mut right) = (ada(&house).await, signed_in(&house).await);
    let (one, two) = tokio::join!(
        change_password(&mut left, PASSWORD, NEW_PASSWORD),
        change_password(&mut right, PASSWORD, "twelve lanterns drift uphill")
    );
    let mut statuses = [one.status, two.status];
    statuses.sort();
    assert_eq!(statuses[0], StatusCode::SEE_OTHER);
    assert_ne!(statuses[1], StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_password_takes_away_links_that_wait() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    ask_email(&mut browser, NEW_EMAIL, PASSWORD).await;
    let email = link(&house.mails().await, NEW_EMAIL, "/-/confirm-email");
    let token = reset_link(&house).await;
    change_password(&mut browser, PASSWORD, NEW_PASSWORD).await.location();
    assert_eq!(reset(&house, &token, PASSWORD).await.code(), "link_gone");
    assert_eq!(use_link(&mut browser, "/-/confirm-email", &email).await.code(), "link_gone");
}

#[tokio::test]
async fn whoever_is_not_signed_in_changes_nothing() {
    let house = House::new().await;
    house.account("acme").await;
    let refused = change_password(&mut house.browser(), PASSWORD, NEW_PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_estimate_says_what_the_form_would_say() {
    let house = House::new().await;
    let mut browser = house.browser();
    for (password, score, accepted) in [
        ("short", 0..=2, false),
        ("passwordpassword", 0..=2, false),
        ("ada@acme.example", 0..=2, false),
        (NEW_PASSWORD, 3..=4, true),
    ] {
        let answer = browser.post(&at(ESTIMATE), &[("password", password), ("about", EMAIL)]).await;
        let said: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert!(score.contains(&said["score"].as_u64().expect("a number")), "{password}: {said}");
        assert!(said["accepted"] == accepted && !said["sentence"].as_str().expect("words").is_empty(), "{said}");
        assert!(answer.headers["cache-control"] == "no-store" && !answer.body.contains(password));
    }
    assert_eq!(house.work(), (0, 0), "no statement and no hash");
}

#[tokio::test]
async fn an_estimate_of_nonsense_is_refused_and_of_too_much_is_short() {
    let house = House::new().await;
    let mut browser = house.browser();
    assert_eq!(browser.post::<&str>(&at(ESTIMATE), &[]).await.status, StatusCode::BAD_REQUEST);
    let long = "x".repeat(20_000);
    let about = vec![("about", long.as_str()); 2];
    let answer = browser.post(&at(ESTIMATE), &[vec![("password", long.as_str())], about].concat()).await;
    assert!(answer.status == StatusCode::OK && answer.body.contains("256 characters"), "{}", answer.body);
}

#[tokio::test]
async fn every_page_that_takes_a_new_password_may_ask_its_own_origin_and_no_other() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    let token = reset_link(&house).await;
    let link = format!("/-/reset-password?token={token}");
    let mut nobody = house.browser();
    let pages = [
        nobody.get(&at("/-/sign-up")).await,
        nobody.get(&at(&link)).await,
        browser.get(&at("/-/account/password")).await,
    ];
    for page in pages {
        let policy = page.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.ends_with("connect-src 'self'") && policy.starts_with("default-src 'none'"), "{policy}");
        assert!(page.body.contains("data-strength=") && page.body.contains("/-/assets/strength."), "{}", page.body);
    }
}
