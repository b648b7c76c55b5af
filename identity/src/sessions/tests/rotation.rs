//! Refresh tokens: rotation, its grace, and what reuse costs (ID-8, ID-9).

use futures_util::future::join_all;
use tenantry_core::random::Entropy;
use tenantry_identity::sessions::{ACCESS_COOKIE, REFRESH_COOKIE, Refreshed, Reuse};
use tenantry_identity::users::Enrolled;
use tenantry_platform::permit::Origin;

use super::{sign_in, signed_in};
use crate::house::{Browser, CENTRAL, House};

const TENANT: &str = "http://acme.localhost:8600";

async fn refresh(house: &House, browser: &Browser<'_>) -> Refreshed {
    refresh_at(CENTRAL, house, browser).await
}

async fn refresh_at(host: &str, house: &House, browser: &Browser<'_>) -> Refreshed {
    house.identity.sessions.refresh(&browser.headers(host), host, Origin::default()).await.expect("an answer")
}

/// The refresh token that a refresh gave.
fn token_of(refreshed: &Refreshed) -> String {
    let lines = refreshed.cookies.iter().map(|cookie| cookie.to_str().expect("ASCII").to_owned());
    let line = lines.into_iter().find(|line| line.starts_with(REFRESH_COOKIE)).expect("a refresh cookie");
    line[REFRESH_COOKIE.len() + 1..].split(';').next().expect("a value").to_owned()
}

/// The browser after it took both cookies.
fn took<'a>(browser: &Browser<'a>, refreshed: &Refreshed) -> Browser<'a> {
    took_at(CENTRAL, browser, refreshed)
}

fn took_at<'a>(host: &str, browser: &Browser<'a>, refreshed: &Refreshed) -> Browser<'a> {
    let mut next = browser.clone();
    next.take(host, &refreshed.cookies);
    next
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_successor() {
    let house = House::new().await;
    let browser = signed_in(&house).await;
    let answers = join_all((0..8).map(|_| refresh(&house, &browser))).await;
    let tokens: Vec<String> = answers.iter().map(token_of).collect();
    assert!(answers.iter().all(|answer| answer.session.is_some()));
    assert!(!format!("{answers:?}").contains(&tokens[0]), "a token never reaches a log by way of `Debug`");
    assert!(tokens.iter().all(|other| *other == tokens[0]), "no sibling is ever minted");
}

#[tokio::test]
async fn the_predecessor_gives_the_same_successor_until_that_was_used_and_ten_seconds_more() {
    let house = House::new().await;
    let first = signed_in(&house).await;
    let successor = refresh(&house, &first).await;
    // The answer was lost, and the laptop slept for a day.
    house.advance(24 * 3_600);
    let again = refresh(&house, &first).await;
    assert_eq!(token_of(&again), token_of(&successor));
    assert!(took(&first, &again).is_signed_in(CENTRAL).await, "the first use of what it gave");
    house.identity.afterwards.settle().await;
    house.advance(10);
    assert_eq!(token_of(&refresh(&house, &first).await), token_of(&successor));
    house.advance(1);
    assert_eq!(refresh(&house, &first).await.reuse, Reuse::TreeEnded);
}

#[tokio::test]
async fn whoever_presents_an_old_token_ends_the_whole_tree() {
    let house = House::new().await;
    let mut first = signed_in(&house).await;
    first.hand_off(TENANT).await.location();
    let second = took(&first, &refresh(&house, &first).await);
    let third = took(&second, &refresh(&house, &second).await);
    assert!(third.is_signed_in(CENTRAL).await && third.is_signed_in(TENANT).await);
    let caught = refresh(&house, &first).await;
    assert_eq!((caught.reuse, caught.session.is_none()), (Reuse::TreeEnded, true));
    assert!(!third.is_signed_in(CENTRAL).await && !third.is_signed_in(TENANT).await);
    assert!(refresh(&house, &third).await.session.is_none(), "the newest token is over as well");
    assert_eq!(house.actions().await.get("session.reuse_detected"), Some(&1), "told once");
}

/// Both workspaces hear of it, and the other one not where else the person works.
#[tokio::test]
async fn the_host_of_a_stolen_session_stands_in_the_log_of_its_own_workspace_alone() {
    let house = House::new().await;
    let (acme, globex) = (house.account("acme").await, house.account("globex").await);
    house.join(&acme, &globex, "MEMBER").await;
    let mut first = sign_in(&house).await;
    first.hand_off(TENANT).await.location();
    let second = took_at(TENANT, &first, &refresh_at(TENANT, &house, &first).await);
    refresh_at(TENANT, &house, &second).await;
    assert_eq!(refresh_at(TENANT, &house, &first).await.reuse, Reuse::TreeEnded);
    let host = async |of: &Enrolled| -> Option<String> {
        let (row, id) =
            ("select metadata->>'host' from control.audit where action = 'session.reuse_detected'", of.tenant.id);
        house.one(&format!("{row} and tenant_id = '{id}'")).await
    };
    assert_eq!((host(&acme).await.as_deref(), host(&globex).await), (Some(TENANT), None));
}

#[tokio::test]
async fn many_old_tokens_at_once_are_told_once() {
    let house = House::new().await;
    let first = signed_in(&house).await;
    let second = took(&first, &refresh(&house, &first).await);
    refresh(&house, &second).await;
    let caught = join_all((0..6).map(|_| refresh(&house, &first))).await;
    assert!(caught.iter().all(|answer| answer.session.is_none()));
    assert_eq!(house.actions().await.get("session.reuse_detected"), Some(&1));
}

#[tokio::test]
async fn a_token_ahead_of_its_row_is_refused_and_ends_nothing() {
    let house = House::new().await;
    let first = signed_in(&house).await;
    let second = took(&first, &refresh(&house, &first).await);
    let restored = "update control.sessions set counter = 0, successor_used_at = null";
    house.db.administrator().await.batch_execute(restored).await.expect("an older copy");
    let refused = refresh(&house, &second).await;
    assert_eq!((refused.reuse, refused.session.is_none()), (Reuse::None, true));
    assert!(refresh(&house, &first).await.session.is_some());
}

#[tokio::test]
async fn a_forged_token_is_nobodys() {
    let house = House::new().await;
    let mut browser = signed_in(&house).await;
    let genuine = browser.cookie(CENTRAL, REFRESH_COOKIE).expect("a token").clone();
    let before = house.work().0;
    for at in [0, 3, 30, 50, 60, 90] {
        let mut forged = genuine.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        browser.set(CENTRAL, REFRESH_COOKIE, str::from_utf8(&forged).expect("ASCII"));
        assert!(refresh(&house, &browser).await.session.is_none(), "{at}");
    }
    assert_eq!(house.work().0, before, "and costs no statement");
}

#[tokio::test]
async fn the_use_of_a_token_is_written_once_a_rotation() {
    let house = House::new().await;
    let first = signed_in(&house).await;
    let second = took(&first, &refresh(&house, &first).await);
    house.identity.afterwards.settle().await;
    let before = house.work().0;
    for _ in 0..50 {
        assert!(second.is_signed_in(CENTRAL).await);
    }
    house.identity.afterwards.settle().await;
    assert_eq!(house.work().0 - before, 1, "fifty requests, one row");
}

#[tokio::test]
async fn an_access_token_of_the_predecessor_proves_no_use_of_the_successor() {
    let house = House::new().await;
    let first = signed_in(&house).await;
    let successor = refresh(&house, &first).await;
    assert!(first.is_signed_in(CENTRAL).await, "the old access token lives until its own end");
    house.identity.afterwards.settle().await;
    house.advance(60);
    assert_eq!(token_of(&refresh(&house, &first).await), token_of(&successor));
    assert_ne!(first.cookie(CENTRAL, ACCESS_COOKIE), took(&first, &successor).cookie(CENTRAL, ACCESS_COOKIE));
}

/// The rules of this room's first page, without a database.
#[derive(Default)]
struct Oracle {
    newest: i64,
    used_at: Option<u64>,
    over: bool,
}

impl Oracle {
    /// The rotation that presenting a token gives, if any.
    fn present(&mut self, token: i64, now_s: u64) -> Option<i64> {
        let in_grace = self.used_at.is_none_or(|used| now_s <= used + 10);
        match self.newest - token {
            _ if self.over => return None,
            0 => (self.newest, self.used_at) = (self.newest + 1, None),
            1 if in_grace => {}
            _ => self.over = true,
        }
        (!self.over).then_some(self.newest)
    }

    /// A request with the access token of a rotation.
    fn request(&mut self, token: i64, now_s: u64) {
        if token == self.newest && token > 0 && !self.over {
            self.used_at.get_or_insert(now_s);
        }
    }
}

#[tokio::test]
async fn any_order_of_tabs_thieves_and_clocks_goes_as_the_rules_say() {
    let house = House::new().await;
    house.account("acme").await;
    let chance = Entropy::seeded(42);
    let mut reuses = 0;
    for _ in 0..24 {
        let mut held = vec![sign_in(&house).await];
        let mut oracle = Oracle::default();
        for step in 0..24 {
            let [what, back, wait] = chance.bytes::<3>().map(i64::from);
            let newest = i64::try_from(held.len()).expect("few") - 1;
            // Mostly the newest, as browsers do; now and then the one before it, seldom a stolen one.
            let behind = match back % 16 {
                0 => 2,
                1..=4 => 1,
                _ => 0,
            };
            let token = (newest - behind).max(0);
            let browser = held[usize::try_from(token).expect("from zero")].clone();
            let now_s = house.db.ground.clock.now_s();
            match what % 4 {
                0 | 1 => {
                    let given = refresh(&house, &browser).await;
                    let wanted = oracle.present(token, now_s);
                    assert_eq!(given.session.is_some(), wanted.is_some(), "step {step}, token {token} of {newest}");
                    match wanted {
                        Some(next) if next > newest => held.push(took(&browser, &given)),
                        Some(next) => assert_eq!(token_held(&held, next), token_of(&given), "the same successor"),
                        None => {}
                    }
                }
                2 => {
                    oracle.request(token, now_s);
                    assert_eq!(browser.is_signed_in(CENTRAL).await, !oracle.over);
                    house.identity.afterwards.settle().await;
                }
                _ => house.advance(u64::try_from(wait % 9).expect("from zero")),
            }
        }
        reuses += i64::from(oracle.over);
    }
    assert_eq!(house.actions().await.get("session.reuse_detected"), Some(&reuses));
    assert!((4..20).contains(&reuses), "both fates were met: {reuses}");
}

fn token_held(held: &[Browser<'_>], rotation: i64) -> String {
    let at = usize::try_from(rotation).expect("from zero");
    held[at].cookie(CENTRAL, REFRESH_COOKIE).expect("a token").clone()
}
