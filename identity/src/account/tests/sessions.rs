use http::StatusCode;
use serde_json::{Value, json};
use tenantry_identity::account::{Place, Reach, device};
use tenantry_identity::sessions::Known;

use super::*;

const LIST: &str = "/-/account/sessions";
const TENANT: &str = "http://acme.localhost:8600";

async fn root_of(browser: &Browser<'_>) -> String {
    let Known::Verified(session) = browser.known(CENTRAL).await else { panic!("signed in") };
    session.root.to_string()
}

async fn revoke(browser: &mut Browser<'_>, id: &str) -> Answer {
    browser.post::<&str>(&at(&format!("{LIST}/{id}/revoke")), &[]).await
}

#[tokio::test]
async fn a_person_sees_where_they_are_signed_in_and_which_one_this_is() {
    let house = House::new().await;
    let mut here = ada(&house).await;
    here.hand_off(TENANT).await.location();
    let there = signed_in(&house).await;
    let page = here.get(&at(LIST)).await;
    assert!(page.body.contains("acme.localhost:8600") && page.body.contains("127.0.0.0/24"), "{}", page.body);
    assert_eq!(page.body.matches("This one").count(), 1);
    assert!(page.body.contains(&root_of(&there).await) && !page.body.contains(&root_of(&here).await));
}

#[tokio::test]
async fn a_session_that_is_ended_from_the_list_is_dead_on_every_host_at_once() {
    let house = House::new().await;
    let (mut here, mut there) = (ada(&house).await, signed_in(&house).await);
    there.hand_off(TENANT).await.location();
    assert_eq!(revoke(&mut here, &root_of(&there).await).await.location(), "/-/account/sessions?done=ended");
    for host in [CENTRAL, TENANT] {
        let known = house.identity.sessions.known(&there.headers(host), host);
        assert!(!matches!(known, Known::Verified(_)), "from memory, at once, at {host}");
        assert!(!there.is_signed_in(host).await);
    }
    assert!(here.is_signed_in(CENTRAL).await);
    assert_eq!((house.actions().await["session.ended"], events(&house, "session.revoked").await), (1, 1));
}

#[tokio::test]
async fn another_persons_session_does_not_exist() {
    let house = House::new().await;
    let mut ada = ada(&house).await;
    house.account("globex").await;
    let mut eve = house.browser();
    eve.sign_in("ada@globex.example", PASSWORD).await.location();
    for id in [root_of(&ada).await, uuid::Uuid::nil().to_string(), "1".to_owned()] {
        assert_eq!(revoke(&mut eve, &id).await.status, StatusCode::NOT_FOUND, "{id}");
    }
    assert!(ada.is_signed_in(CENTRAL).await && ada.get(&at(LIST)).await.body.matches("/revoke\"").count() == 0);
}

/// A child is ended with its root and not by itself: "ended" was said of it, and every cache believed it.
#[tokio::test]
async fn a_part_of_a_sign_in_is_none_of_the_list_and_is_not_ended_alone() {
    let house = House::new().await;
    let (mut here, mut there) = (ada(&house).await, signed_in(&house).await);
    there.hand_off(TENANT).await.location();
    let Known::Verified(child) = there.known(TENANT).await else { panic!("signed in") };
    assert_ne!(child.id, child.root);
    assert_eq!(revoke(&mut here, &child.id.to_string()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.one::<i64>("select count(*) from control.sessions where ended_at is not null").await, 0);
    assert!(there.is_signed_in(TENANT).await);
}

#[tokio::test]
async fn all_others_end_together_and_none_twice() {
    let house = House::new().await;
    let mut here = ada(&house).await;
    let others = [signed_in(&house).await, signed_in(&house).await];
    for _ in 0..2 {
        here.post::<&str>(&at("/-/account/sessions/revoke-others"), &[]).await.location();
    }
    for other in others {
        assert!(!other.is_signed_in(CENTRAL).await);
    }
    assert!(here.is_signed_in(CENTRAL).await);
    assert_eq!(told(&house, "session.revoked").await, [json!({ "count": 2, "reason": "revoked" })]);
}

#[tokio::test]
async fn all_others_end_for_the_same_work_however_many_and_each_workspace_hears_of_it_once() {
    let (few, few_told) = end_all_others(1, 2).await;
    let (many, many_told) = end_all_others(90, 2).await;
    assert_eq!(few, many, "statements and waits do not depend on sessions");
    assert_eq!(few_told, vec![json!({ "count": 2, "reason": "revoked" }); 3]);
    assert_eq!(many_told, vec![json!({ "count": 91, "reason": "revoked" }); 3]);
    let (of_many_workspaces, told) = end_all_others(1, 40).await;
    assert_eq!((few.1, 41), (of_many_workspaces.1, told.len()), "waits do not depend on workspaces either");
}

/// Statements and waits of "sign out everywhere else", and what the apps were told: of somebody who signed in so often,
/// in so many more workspaces.
async fn end_all_others(sign_ins: i32, workspaces: i32) -> ((u64, u64), Vec<Value>) {
    let house = House::new().await;
    let mut here = ada(&house).await;
    join_more(&house, workspaces, EMAIL).await;
    sign_in_more(&house, sign_ins, "1 hour").await;
    signed_in(&house).await;
    sign_in_more(&house, 3, "-1 hour").await;
    // Each log's keys are in memory from the first act on: the second one is measured.
    let id: uuid::Uuid = house.one(ONE_MORE).await;
    revoke(&mut here, &id.to_string()).await.location();
    sign_in_more(&house, 1, "1 hour").await;
    clear_events(&house).await;
    let before = house.sent();
    here.post::<&str>(&at("/-/account/sessions/revoke-others"), &[]).await.location();
    let after = house.sent();
    assert_eq!(house.one::<i64>(OVER_BUT_NOT_ENDED).await, 3, "what is over by the clock is not ended once more");
    ((after.0 - before.0, after.1 - before.1), told(&house, "session.revoked").await)
}

const ONE_MORE: &str = "
    select id from control.sessions where user_agent = 'more' and expires_at > last_seen_at limit 1";
const OVER_BUT_NOT_ENDED: &str = "
    select count(*) from control.sessions where user_agent = 'more' and ended_at is null and expires_at < last_seen_at";

#[tokio::test]
async fn one_sign_in_too_many_ends_the_session_that_was_not_used_for_the_longest_time() {
    let house = House::new().await;
    ada(&house).await;
    sign_in_more(&house, 99, "1 hour").await;
    let oldest = "update control.sessions set last_seen_at = last_seen_at - interval '1 day' where id = (
        select id from control.sessions where user_agent = 'more' limit 1) returning id";
    let oldest: uuid::Uuid = house.one(oldest).await;
    assert_eq!(house.one::<i64>(LIVING).await, 100);
    let here = signed_in(&house).await;
    assert!(here.is_signed_in(CENTRAL).await);
    assert_eq!(house.one::<i64>(LIVING).await, 100);
    assert_eq!(house.one::<uuid::Uuid>("select id from control.sessions where end_reason = 'too_many'").await, oldest);
    assert_eq!(told(&house, "session.revoked").await, [json!({ "count": 1, "reason": "too_many" })]);
    assert_eq!(house.actions().await["session.ended"], 1);
}

const LIVING: &str = "select count(*) from control.sessions where ended_at is null";

/// So many more sessions of whoever is signed in, that live so long from now.
async fn sign_in_more(house: &House, many: i32, live: &str) {
    let sql = format!(
        "insert into control.sessions (person_id, id, root_id, realm, host, rotated_at, auth_time, amr, user_agent,
             created_at, last_seen_at, expires_at)
         select s.person_id, u.id, u.id, 'staff', s.host, s.rotated_at, s.auth_time, s.amr, 'more',
             s.created_at, s.last_seen_at, s.last_seen_at + interval '{live}'
         from (select * from control.sessions where parent_id is null and user_agent is distinct from 'more' limit 1) s
         cross join lateral (select gen_random_uuid() as id, n from generate_series(1, {many}) n where s.id is not null) u"
    );
    house.db.administrator().await.batch_execute(&sql).await.expect("more sessions");
}

/// What apps were told, without whom it is about.
async fn told(house: &House, kind: &str) -> Vec<Value> {
    let sql = "select data - 'id' - 'person_id' from control.events where type = $1 order by id";
    let rows = house.db.administrator().await.query(sql, &[&kind]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn clear_events(house: &House) {
    house.db.administrator().await.batch_execute("delete from control.events").await.expect("cleared");
}

#[tokio::test]
async fn what_is_over_by_the_clock_is_not_listed() {
    let house = House::new().await;
    ada(&house).await;
    house.advance(8 * 24 * 3_600);
    let mut here = signed_in(&house).await;
    assert_eq!(here.get(&at(LIST)).await.body.matches("<th scope=\"row\">").count(), 1);
}

#[test]
fn a_browser_is_named_in_words_and_an_unknown_one_is_not_guessed() {
    let gecko = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0";
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
    let android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36";
    assert_eq!(device(gecko), (Some("Firefox"), Some("Linux")));
    assert_eq!(device(edge), (Some("Edge"), Some("Windows")));
    assert_eq!(device(phone), (Some("Safari"), Some("iPhone")));
    assert_eq!(device(android), (Some("Chrome"), Some("Android")));
    assert_eq!(device("Stories/1.0"), (None, None));
}

#[test]
fn an_address_is_shown_as_its_network() {
    for (address, network, reach) in [
        ("203.0.113.77", "203.0.113.0/24", Reach::Public),
        ("::ffff:203.0.113.77", "203.0.113.0/24", Reach::Public),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48", Reach::Public),
        ("192.168.1.9", "192.168.1.0/24", Reach::Private),
        ("100.64.7.1", "100.64.7.0/24", Reach::Private),
        ("100.128.7.1", "100.128.7.0/24", Reach::Public),
        ("fd00::1", "fd00::/48", Reach::Private),
        ("::1", "::/48", Reach::Loopback),
    ] {
        let place = Place::of(address.parse().expect("an address"));
        assert_eq!((place.to_string().as_str(), place.reach), (network, reach), "{address}");
    }
}
