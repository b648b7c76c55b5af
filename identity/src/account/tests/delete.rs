use http::StatusCode;

use super::*;

const DELETE: &str = "/-/account/delete";

async fn delete(browser: &mut Browser<'_>, current: &str) -> Answer {
    browser.post(&at(DELETE), &[("current", current)]).await
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_sessions_are_dead_at_once() {
    let house = House::new().await;
    let mut browser = bob(&house).await;
    let kept = browser.clone();
    assert_eq!(delete(&mut browser, NEW_PASSWORD).await.status, StatusCode::OK);
    let known = house.identity.sessions.known(&kept.headers(CENTRAL), CENTRAL);
    assert!(!matches!(known, tenantry_identity::sessions::Known::Verified(_)), "from memory, at once");
    assert!(!kept.is_signed_in(CENTRAL).await && !may_sign_in(&house, BOB, NEW_PASSWORD).await);
    for table in ["persons", "emails", "memberships", "identities"] {
        assert_eq!(house.one::<i64>(&format!("select count(*) from control.{table}")).await, 1, "Ada alone: {table}");
    }
    assert_eq!((house.actions().await["user.deleted"], events(&house, "user.deleted").await), (1, 1));
    let mails = house.mails().await;
    assert!(mails.len() == 1 && mails[0].to == BOB && mails[0].subject.contains("deleted"));
}

#[tokio::test]
async fn the_address_of_a_deleted_account_is_free_and_opens_nothing_of_the_old_one() {
    let house = House::new().await;
    let mut browser = bob(&house).await;
    delete(&mut browser, NEW_PASSWORD).await;
    forget(&house, BOB).await;
    assert!(house.mails().await.iter().all(|mail| !mail.text.contains("reset-password")));
    let mut form = crate::house::fields("bobs");
    form[1].1 = BOB.to_owned();
    house.browser().post(&at("/-/sign-up"), &form).await;
    let token = link(&house.mails().await, BOB, "/-/verify");
    let mut anew = house.browser();
    anew.post(&at("/-/verify"), &[("token", token.as_str()), ("password", PASSWORD)]).await.location();
    assert_eq!(house.one::<i64>("select count(*) from control.memberships").await, 2, "Bob's own, and not Ada's");
}

#[tokio::test]
async fn the_last_owner_is_told_which_workspaces_need_another_one() {
    let house = House::new().await;
    let mut browser = ada(&house).await;
    let page = browser.get(&at(DELETE)).await;
    assert!(page.body.contains("Works") && !page.body.contains("type=\"password\""), "{}", page.body);
    let refused = delete(&mut browser, PASSWORD).await;
    assert!(refused.status == StatusCode::CONFLICT && refused.body.contains("/-/console/acme"));
    assert!(browser.is_signed_in(CENTRAL).await && may_sign_in(&house, EMAIL, PASSWORD).await);
    assert_eq!(events(&house, "user.deleted").await, 0);
}

#[tokio::test]
async fn without_the_present_password_an_account_stays() {
    let house = House::new().await;
    let mut browser = bob(&house).await;
    let refused = delete(&mut browser, "not the right password").await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("current-error"));
    assert!(browser.is_signed_in(CENTRAL).await);
}

#[tokio::test]
async fn whoever_leaves_many_workspaces_is_waited_for_no_longer() {
    let mut waits = Vec::new();
    for many in [1, 30] {
        let house = House::new().await;
        let mut browser = bob(&house).await;
        join_more(&house, many, BOB).await;
        let before = house.sent().1;
        assert_eq!(delete(&mut browser, NEW_PASSWORD).await.status, StatusCode::OK);
        waits.push(house.sent().1 - before);
        let (told, left) = (events(&house, "user.deleted").await, events(&house, "member.left").await);
        assert_eq!((told, left), (i64::from(many) + 1, i64::from(many) + 1));
        let rows = house.actions().await;
        assert_eq!((rows["user.deleted"], rows["member.left"]), (told, left));
    }
    assert_eq!(waits[0], waits[1]);
}
