//! Letters before the end: who gets them, when, and how often (KEY-3, KEY-5).

use futures_util::future::join_all;
use tenantry_identity::apikeys::Presented;
use tenantry_identity::members;
use tenantry_identity::users::Enrolled;
use tenantry_platform::db::{Control, Live, Test};
use tenantry_platform::permit::ManageMembers;

use super::{house, revoke};
use crate::house::{CENTRAL, House, PASSWORD};

const DAY_S: u64 = 86_400;

/// Runs the schedule once on each of so many nodes, at the same time.
async fn run(house: &House, nodes: usize) -> usize {
    let done = join_all((0..nodes).map(|_| house.identity.warn_of_ending_keys())).await;
    done.into_iter().map(|warned| warned.expect("the schedule")).sum()
}

#[tokio::test]
async fn people_are_told_three_times_each_once_however_many_nodes_and_runs() {
    let (house, acme) = house().await;
    house.key_until::<Live>(&acme, 30 * DAY_S).await;
    assert_eq!(run(&house, 1).await, 0, "too early");
    for (wait, subject) in [(16, "in 14 days"), (11, "in 3 days"), (2, "in 1 day")] {
        house.advance(wait * DAY_S);
        assert_eq!(run(&house, 4).await + run(&house, 1).await, 1);
        let mails = house.mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        assert!(mails[0].to == acme.person.email && mails[0].subject.contains(subject), "{mails:?}");
        assert!(mails[0].text.contains("/-/console/acme/live/keys/"), "{}", mails[0].text);
    }
    house.advance(DAY_S);
    assert_eq!(run(&house, 1).await, 0, "it has ended");
    let acts: Vec<String> = house
        .one("select array_agg(actor_type || ' ' || (metadata->>'days') order by at) from live.audit where action = 'api_key.expiring'")
        .await;
    assert_eq!(acts, ["SYSTEM 14", "SYSTEM 3", "SYSTEM 1"]);
    let events: i64 = house.one("select count(*) from live.events where type = 'api_key.expiring'").await;
    assert_eq!(events, 3);
}

#[tokio::test]
async fn after_a_long_outage_one_letter_tells_what_is_left() {
    let (house, acme) = house().await;
    house.key_until::<Test>(&acme, 30 * DAY_S).await;
    house.advance(28 * DAY_S);
    assert_eq!((run(&house, 1).await, run(&house, 1).await), (1, 0));
    let mails = house.mails().await;
    assert!(mails.len() == 1 && mails[0].subject.contains("in 2 days"), "{mails:?}");
}

#[tokio::test]
async fn nobody_is_told_of_what_was_meant_to_be_short_or_is_over() {
    let (house, acme) = house().await;
    let (short, _) = house.key_until::<Live>(&acme, 3 * DAY_S).await;
    let (revoked, _) = house.key_until::<Live>(&acme, 10 * DAY_S).await;
    revoke(&house, &acme, revoked.id).await.expect("revoked");
    house.key::<Live>(&acme).await;
    house.advance(60);
    assert_eq!(run(&house, 1).await, 0);
    house.advance(2 * DAY_S);
    assert_eq!(run(&house, 1).await, 1, "a day before the end of {}", short.id);
}

#[tokio::test]
async fn where_the_maker_has_left_the_owners_are_told() {
    let (house, acme) = house().await;
    house.key_until::<Live>(&acme, 20 * DAY_S).await;
    let heir = house.forget_maker(&acme).await;
    house.advance(10 * DAY_S);
    assert_eq!(run(&house, 1).await, 1);
    let mails = house.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [heir.person.email.as_str()]);
}

/// [KEY-1] By the verbs themselves: the key belongs to the workspace, and its end is the business of who manages its keys.
#[tokio::test]
async fn a_key_works_on_when_its_maker_leaves_or_deletes_the_account_and_the_owners_are_told_of_its_end() {
    for is_gone in [false, true] {
        let (house, acme) = house().await;
        let bob = house.account("bobs").await;
        house.join(&bob, &acme, "OWNER").await;
        house.join(&acme, &bob, "OWNER").await;
        let in_acme = Enrolled { person: bob.person.clone(), tenant: acme.tenant.clone() };
        let (_, token) = house.key_until::<Live>(&in_acme, 20 * DAY_S).await;
        if is_gone {
            delete_account(&house, &bob).await
        } else {
            leave(&house, &in_acme).await
        }
        house.mails().await;
        assert!(matches!(house.present(&token).await, Presented::Verified(_)), "the day after");
        house.advance(10 * DAY_S);
        assert_eq!(run(&house, 1).await, 1);
        let told: Vec<String> = house.mails().await.into_iter().map(|mail| mail.to).collect();
        assert_eq!(told, [acme.person.email]);
        assert!(matches!(house.present(&token).await, Presented::Verified(_)), "until its own end");
        house.advance(10 * DAY_S);
        assert!(!matches!(house.present(&token).await, Presented::Verified(_)));
    }
}

async fn leave(house: &House, who: &Enrolled) {
    let mut tx = house.permit::<ManageMembers, Control>(who).begin(&house.db.ground);
    members::leave(&mut tx, &house.db.ground, who.person.id).await.expect("left");
    tx.commit_and_fence(&house.db.ground).await.expect("committed");
}

async fn delete_account(house: &House, who: &Enrolled) {
    let mut browser = house.browser();
    browser.sign_in(&who.person.email, PASSWORD).await.location();
    let answer = browser.post(&format!("{CENTRAL}/-/account/delete"), &[("current", PASSWORD)]).await;
    assert_eq!(answer.status, http::StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn a_maker_who_may_no_longer_manage_keys_is_not_told_but_the_owners_are() {
    let (house, acme) = house().await;
    house.key_until::<Live>(&acme, 20 * DAY_S).await;
    let heir = house.account("heirs").await;
    house.join(&heir, &acme, "OWNER").await;
    let admin = house.db.administrator().await;
    let demote =
        "update control.memberships set role = 'MEMBER', owner = false where tenant_id = $1 and person_id = $2";
    admin.execute(demote, &[&acme.tenant.id.uuid(), &acme.person.id.uuid()]).await.expect("demoted");
    house.advance(10 * DAY_S);
    run(&house, 1).await;
    let mails = house.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [heir.person.email.as_str()]);
}

#[tokio::test]
async fn keys_of_a_stopped_workspace_end_in_silence() {
    let (house, acme) = house().await;
    house.key_until::<Live>(&acme, 20 * DAY_S).await;
    house
        .db
        .administrator()
        .await
        .batch_execute("update control.tenants set status = 'suspended'")
        .await
        .expect("stopped");
    house.advance(10 * DAY_S);
    assert_eq!(run(&house, 1).await, 0);
}
