use http::StatusCode;
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
    assert_eq!(events(&house, "session.revoked").await, 2);
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
