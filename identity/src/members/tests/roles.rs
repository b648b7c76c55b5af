//! Stories of roles and of the end of a membership.

use http::StatusCode;

use super::{Team, code};
use crate::house::{CENTRAL, House, PASSWORD};

const ACME: &str = "http://acme.localhost:8600";

#[tokio::test]
async fn a_changed_role_counts_at_once_in_every_session() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let bob = team.member("bob", "ADMIN").await;
    let mut browser = house.browser();
    browser.sign_in(&bob.email, PASSWORD).await;
    let may = async |browser: &crate::house::Browser<'_>| {
        let tenantry_identity::sessions::Known::Verified(session) = browser.known(CENTRAL).await else { panic!("in") };
        let here = session.principal_in("acme", tenantry_core::mode::Mode::Live).expect("a workspace");
        here.parts().permissions.contains("members:manage")
    };
    assert!(may(&browser).await);
    team.change(&team.ada(), &bob, "MEMBER").await.expect("demoted");
    assert!(!may(&browser).await);
    let actions = house.actions().await;
    assert_eq!(actions["member.role_changed"], 1);
}

#[tokio::test]
async fn nobody_gives_or_takes_what_stands_above_them_nor_changes_their_own() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (bob, max) = (team.member("bob", "ADMIN").await, team.member("max", "MEMBER").await);
    assert_eq!(code(team.change(&bob, &max, "OWNER").await), "above_ceiling");
    assert_eq!(code(team.change(&bob, &bob, "OWNER").await), "own_role");
    assert_eq!(code(team.change(&max, &bob, "MEMBER").await), "missing_permission");
    assert_eq!(code(team.change(&bob, &max, "NOBODY").await), "invalid");
    team.change(&bob, &max, "ADMIN").await.expect("their own role");
}

/// [AC-3]
#[tokio::test]
async fn an_owner_is_neither_demoted_nor_removed_not_even_by_another_owner() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (bob, eve) = (team.member("bob", "ADMIN").await, team.member("eve", "OWNER").await);
    for who in [&bob, &eve] {
        assert_eq!(code(team.change(who, &team.ada(), "MEMBER").await), "owner_protected");
        assert_eq!(code(team.remove(who, &team.ada()).await), "owner_protected");
    }
    assert_eq!(code(team.remove(&eve, &eve).await), "not_oneself");
}

#[tokio::test]
async fn of_two_changes_from_one_version_the_second_is_told() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, max) = (team.ada(), team.member("max", "MEMBER").await);
    let first = team.change_from(&ada, &max, "ADMIN", Some(1)).await.expect("changed");
    assert_eq!(first.version, 2);
    assert_eq!(code(team.change_from(&ada, &max, "MEMBER", Some(1)).await), "changed_meanwhile");
    let same = team.change_from(&ada, &max, "ADMIN", Some(2)).await.expect("nothing to change");
    assert_eq!((same.version, house.actions().await["member.role_changed"]), (2, 1));
}

#[tokio::test]
async fn a_person_of_another_workspace_does_not_exist() {
    let house = House::new().await;
    let (team, globex) = (Team::new(&house).await, house.account("globex").await.person);
    assert_eq!(code(team.change(&team.ada(), &globex, "MEMBER").await), "not_found");
    assert_eq!(code(team.remove(&team.ada(), &globex).await), "not_found");
    assert_eq!(code(team.change(&globex, &team.ada(), "MEMBER").await), "missing_permission");
}

#[tokio::test]
async fn a_removed_members_living_sessions_end_at_once_and_do_not_come_back() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let max = team.member("max", "MEMBER").await;
    let mut browser = house.browser();
    browser.sign_in(&max.email, PASSWORD).await;
    browser.hand_off(ACME).await;
    assert!(browser.is_signed_in(ACME).await);
    team.remove(&team.ada(), &max).await.expect("removed");
    assert!(!browser.is_signed_in(ACME).await && browser.is_signed_in(CENTRAL).await);
    assert_eq!(browser.get(&format!("{ACME}/-/sign-in")).await.status, StatusCode::SEE_OTHER);
    let link = team.link(&max.email, "MEMBER").await;
    let token = link.split_once("token=").expect("a token").1;
    assert_eq!(
        browser.post(&format!("{CENTRAL}/-/invitation"), &[("token", token)]).await.location(),
        "/-/console/acme"
    );
    assert!(!browser.is_signed_in(ACME).await, "they sign in there anew");
}

/// Of two who remove one another, one is there to do it.
#[tokio::test]
async fn of_two_who_remove_one_another_one_stays() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (bob, eve) = (team.member("bob", "ADMIN").await, team.member("eve", "ADMIN").await);
    let (left, right) = tokio::join!(team.remove(&bob, &eve), team.remove(&eve, &bob));
    assert_eq!([left.is_ok(), right.is_ok()].into_iter().filter(|done| *done).count(), 1);
    assert_eq!([team.role(&bob).await, team.role(&eve).await].iter().flatten().count(), 1);
}

#[tokio::test]
async fn every_act_stands_in_the_log_with_before_and_after_and_among_the_events() {
    let house = House::new().await;
    let team = Team::new(&house).await;
    let (ada, bob, max) = (team.ada(), team.member("bob", "ADMIN").await, team.member("max", "MEMBER").await);
    team.change(&ada, &max, "ADMIN").await.expect("changed");
    team.remove(&ada, &max).await.expect("removed");
    team.transfer(&ada, &bob).await.expect("handed over");
    team.leave(&ada).await.expect("left");
    let changes = async |action: &str| -> String {
        house.one(&format!("select changes::text from control.audit where action = '{action}'")).await
    };
    assert_eq!(changes("member.role_changed").await, r#"{"role": ["MEMBER", "ADMIN"]}"#);
    assert_eq!(changes("member.removed").await, r#"{"role": ["ADMIN", null]}"#);
    assert_eq!(changes("member.left").await, r#"{"role": ["ADMIN", null]}"#);
    assert!(changes("ownership.transferred").await.contains(&ada.id.to_string()));
    let events =
        "select string_agg(distinct type, ' ' order by type) from control.events where type ~ '^(member|owner)'";
    assert_eq!(
        house.one::<String>(events).await,
        "member.joined member.left member.removed member.role_changed ownership.transferred"
    );
}
