//! Limits: together or not at all, told exactly, generous to a crowd [RL-1, RL-2].

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use tenantry_core::ids::KeyId;
use tenantry_core::random::Entropy;
use tenantry_edge::limits::{Charge, Limiter, Subject, announce, too_many};
use tenantry_platform::config::TierId;

use crate::kit::{clock, config};

const NOW: u64 = 1_781_524_800_000;
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn limiter() -> Limiter {
    Limiter::in_memory(&config("").limits, &Entropy::seeded(1))
}

fn key(number: u64) -> Subject {
    Subject::Key(KeyId::new(&clock(), &Entropy::seeded(number)))
}

/// An API request of a key from an address.
fn api(key: Subject, client: IpAddr) -> [Charge; 2] {
    [Charge::new(TierId::API_KEY, key), Charge::new(TierId::API_IP, Subject::Address(client))]
}

fn admitted(limiter: &Limiter, now_ms: u64, charges: &[Charge], times: usize) -> usize {
    (0..times).filter(|_| limiter.decide(now_ms, charges).is_admitted()).count()
}

#[test]
fn sixty_a_minute_for_a_key_and_a_hundred_and_twenty_for_an_address() {
    let limiter = limiter();
    assert_eq!(admitted(&limiter, NOW, &api(key(1), CLIENT), 100), 60);
    assert_eq!(admitted(&limiter, NOW, &api(key(2), CLIENT), 100), 60);
    assert_eq!(admitted(&limiter, NOW, &api(key(3), CLIENT), 100), 0, "the address is spent");
    assert_eq!(admitted(&limiter, NOW, &api(key(3), [192, 0, 2, 2].into()), 100), 60);
}

#[test]
fn a_refused_request_is_charged_nowhere() {
    let limiter = limiter();
    admitted(&limiter, NOW, &api(key(1), CLIENT), 60);
    assert_eq!(admitted(&limiter, NOW, &api(key(1), CLIENT), 1_000), 0);
    let left = limiter.ask(NOW, &[Charge::new(TierId::API_IP, Subject::Address(CLIENT))]);
    assert_eq!(left.tightest().unwrap().standing.remaining, 60);
}

#[test]
fn asking_spends_nothing() {
    let limiter = limiter();
    let charge = [Charge::new(TierId::CREDENTIAL_FAILURE_IP, Subject::Address(CLIENT))];
    assert!((0..1_000).all(|_| limiter.ask(NOW, &charge).is_admitted()));
    assert_eq!(admitted(&limiter, NOW, &charge, 100), 30);
    assert!(!limiter.ask(NOW, &charge).is_admitted(), "a spent budget refuses before any look-up");
}

#[test]
fn two_hundred_people_behind_one_address_load_a_page_of_sixty_assets() {
    let limiter = limiter();
    let charge = |tier| [Charge::new(tier, Subject::Address(CLIENT))];
    assert_eq!(admitted(&limiter, NOW, &charge(TierId::PAGE_IP), 200), 200);
    assert_eq!(admitted(&limiter, NOW, &charge(TierId::ASSET_IP), 200 * 60), 200 * 60);
}

#[test]
fn a_customers_whole_network_is_one_address() {
    let limiter = limiter();
    let charge = |ip: &str| [Charge::new(TierId::SIGN_UP_IP, Subject::Address(ip.parse().unwrap()))];
    assert_eq!(admitted(&limiter, NOW, &charge("2001:db8:1:2::1"), 10), 5);
    assert_eq!(admitted(&limiter, NOW, &charge("2001:db8:1:2:ffff::9"), 10), 0);
    assert_eq!(admitted(&limiter, NOW, &charge("2001:db8:1:3::1"), 10), 5);
    assert_eq!(admitted(&limiter, NOW, &charge("192.0.2.9"), 10), 5);
    assert_eq!(admitted(&limiter, NOW, &charge("::ffff:192.0.2.9"), 10), 0, "IPv4 in IPv6 is IPv4");
}

#[test]
fn after_retry_after_the_request_passes_and_a_second_before_it_does_not() {
    let limiter = limiter();
    let charge = [Charge::new(TierId::SIGN_IN_IP, Subject::Address(CLIENT))];
    admitted(&limiter, NOW + 123, &charge, 10);
    let refused = limiter.decide(NOW + 5_000, &charge);
    let wait_ms = refused.retry_after_s().unwrap() * 1_000;
    assert!(!limiter.ask(NOW + 5_000 + wait_ms - 1_000, &charge).is_admitted());
    assert!(limiter.ask(NOW + 5_000 + wait_ms, &charge).is_admitted());
}

#[test]
fn an_answer_says_where_the_caller_stands_in_both_dialects() {
    let limiter = limiter();
    let verdict = limiter.decide(NOW + 20_000, &api(key(1), CLIENT));
    let mut headers = HeaderMap::new();
    announce(&verdict, limiter.limits(), NOW + 20_000, &mut headers);
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!((said("x-ratelimit-limit"), said("x-ratelimit-remaining")), (Some("60"), Some("59")));
    assert_eq!(said("x-ratelimit-reset"), Some("1781524860"));
    assert_eq!(said("ratelimit"), Some("\"api_key\";r=59;t=40"));
    assert_eq!(said("ratelimit-policy"), Some("\"api_key\";q=60;w=60, \"api_ip\";q=120;w=60"));
    assert_eq!(said("retry-after"), None);
}

#[test]
fn a_refusal_names_one_moment_everywhere_and_says_what_to_do() {
    let limiter = limiter();
    admitted(&limiter, NOW, &api(key(1), CLIENT), 60);
    let verdict = limiter.decide(NOW + 500, &api(key(1), CLIENT));
    let mut headers = HeaderMap::new();
    announce(&verdict, limiter.limits(), NOW + 500, &mut headers);
    let wait = verdict.retry_after_s().unwrap();
    assert_eq!(headers["retry-after"], wait.to_string());
    assert_eq!(headers["ratelimit"], format!("\"api_key\";r=0;t={wait}"));
    let reset: u64 = headers["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
    assert_eq!(reset, (NOW + 500) / 1_000 + wait);
    let problem = too_many(&verdict, limiter.limits());
    assert_eq!((problem.status().as_u16(), problem.retry_after_s), (429, Some(wait)));
    assert!(problem.detail.contains("60 in 60 seconds for one API key"), "{problem}");
}

#[test]
fn threads_together_never_exceed_the_limit() {
    let limiter = Arc::new(limiter());
    let workers = (0..4).map(|number| {
        let limiter = Arc::clone(&limiter);
        // Each thread its own key and all one address: two shards, taken in any order.
        std::thread::spawn(move || admitted(&limiter, NOW, &api(key(number), CLIENT), 500))
    });
    let workers: Vec<_> = workers.collect();
    assert_eq!(workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>(), 120);
}
