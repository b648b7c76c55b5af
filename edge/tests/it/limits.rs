//! Limits: together or not at all, told exactly, generous to a crowd [RL-1, RL-2].

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use proptest::prelude::*;
use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::random::Entropy;
use tenantry_core::window::Limit;
use tenantry_edge::limits::{Charge, Charges, Limiter, Subject, Tariff, Verdict, Whom, announce, too_many};
use tenantry_platform::config::{Config, TierId};
use tenantry_platform::own_limits::OwnLimits;
use tenantry_platform::permit::{Credential, Parts, Principal, Realm, TenantRef, TenantStatus};

use crate::kit::{clock, config};

const NOW: u64 = 1_781_524_800_000;
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn limiter() -> Limiter {
    Limiter::in_memory(&config("").limits, &Entropy::seeded(1))
}

/// One request of a subject, by the tier's own limit.
fn one(tier: TierId, subject: Subject) -> Charge {
    limiter().charge(tier, subject)
}

fn key(number: u64) -> Subject {
    Subject::Key(KeyId::new(&clock(), &Entropy::seeded(number)))
}

/// An API request of a key from an address.
fn api(key: Subject, client: IpAddr) -> [Charge; 2] {
    [one(TierId::API_KEY, key), one(TierId::API_IP, Subject::Address(client))]
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

/// Without a store that outlives it, a process knows nothing of the one before.
#[test]
fn counters_in_memory_begin_anew_with_the_process() {
    for process in [limiter(), limiter()] {
        assert_eq!(admitted(&process, NOW, &api(key(1), CLIENT), 100), 60);
    }
}

#[test]
fn a_refused_request_is_charged_nowhere() {
    let limiter = limiter();
    admitted(&limiter, NOW, &api(key(1), CLIENT), 60);
    assert_eq!(admitted(&limiter, NOW, &api(key(1), CLIENT), 1_000), 0);
    let left = limiter.ask(NOW, &[one(TierId::API_IP, Subject::Address(CLIENT))]);
    assert_eq!(left.tightest().unwrap().standing.remaining, 60);
}

/// What the app's one route of this text charges a key.
fn charged(config: &Config, limiter: &Limiter, number: u64) -> Charges {
    let (id, tenant) = (KeyId::new(&clock(), &Entropy::seeded(number)), None);
    let principal = Principal::vouch(Parts {
        realm: Realm::Staff,
        credential: Credential::Key(id),
        tenant,
        mode: None,
        person: None,
        roles: Vec::new(),
        permissions: Arc::default(),
        auth_time: None,
        amr: Vec::new(),
    });
    limiter.charges(config.routes.route(0).into(), Whom { principal: Some(&principal), ..Whom::at(CLIENT) })
}

fn route(lines: &str) -> (Config, Limiter) {
    let config = config(&format!("{lines}[[routes]]\npath = \"/ask\"\nguard = \"key\"\n"));
    let limiter = Limiter::in_memory(&config.limits, &Entropy::seeded(1));
    (config, limiter)
}

fn with(lines: &str) -> (Config, Limiter) {
    let config = config(&format!("[[routes]]\npath = \"/ask\"\nguard = \"key\"\n{lines}"));
    let limiter = Limiter::in_memory(&config.limits, &Entropy::seeded(1));
    (config, limiter)
}

#[test]
fn a_request_may_cost_more_than_one() {
    let (config, limiter) = with("cost = 25\n");
    assert_eq!(admitted(&limiter, NOW, &charged(&config, &limiter, 1), 100), 2);
    let left = limiter.ask(NOW, &[one(TierId::API_IP, Subject::Address(CLIENT))]);
    assert_eq!(
        left.tightest().unwrap().standing.remaining,
        120 - 50,
        "of each window, and nothing for what was refused"
    );
}

#[test]
fn a_route_is_limited_whoever_asks() {
    let tier = "[limits.tiers.all]\nlimit = 7\nwindow_s = 60\nper = \"route\"\n";
    let (config, limiter) =
        with(&format!("tiers = \"all\"\n[[routes]]\npath = \"/b\"\nguard = \"key\"\ntiers = \"all\"\n{tier}"));
    assert_eq!(
        (1..=20).map(|number| admitted(&limiter, NOW, &charged(&config, &limiter, number), 1)).sum::<usize>(),
        7
    );
    let other = limiter.charges(config.routes.route(1).into(), Whom::at(CLIENT));
    assert_eq!(admitted(&limiter, NOW, &other, 20), 7, "another route has its own");
}

/// The tenant's own limit before its plan's, and that before the tier's.
#[test]
fn a_tenant_has_the_limits_of_its_plan_and_its_own() {
    let config = config(
        "[plans.pro.limits.api_key]\nlimit = 600\n[plans.pro.limits.api_ip]\nwindow_s = 30\n[[routes]]\npath = \"/a\"\nguard = \"key\"\n",
    );
    let limiter = Limiter::in_memory(&config.limits, &Entropy::seeded(1)).with_plans(&config.plans);
    let limits = |plan: &str, own: OwnLimits| {
        let id = TenantId::new(&clock(), &Entropy::seeded(1));
        let (slug, name, status) = ("acme".to_owned(), "Acme".to_owned(), TenantStatus::Active);
        let tenant = TenantRef { id, slug, name, plan: plan.to_owned(), limits: own, status };
        let whom = Whom { host: Some(&tenant), ..Whom::at(CLIENT) };
        let of = |id| limiter.charges(Tariff::of(&[id]), whom).first().map(|charge| charge.limit);
        of(TierId::API_IP).map(|limit| (limit.max, limit.window_ms / 1_000))
    };
    let own = || OwnLimits::default().with("api_ip", Some(Limit { max: 5, window_ms: 1_000 }));
    assert_eq!(limits("free", OwnLimits::default()), Some((120, 60)));
    assert_eq!(limits("pro", OwnLimits::default()), Some((120, 30)));
    assert_eq!(limits("pro", own()), Some((5, 1)));
    assert_eq!(limits("pro", OwnLimits::from_stored(&own().to_stored())), Some((5, 1)));
    assert_eq!(limits("pro", own().with("api_ip", None)), Some((120, 30)));
}

#[test]
fn each_form_has_a_limit_of_its_own() {
    let form = |path: &str| {
        format!(
            "[[routes]]\npath = \"{path}\"\nmethods = \"POST\"\nguard = \"public\"\npublic_because = \"Strangers write to us\"\ntiers = \"public_form_ip\"\n"
        )
    };
    let config = config(&(form("/contact") + &form("/wish")));
    let limiter = Limiter::in_memory(&config.limits, &Entropy::seeded(1));
    for route in config.routes.iter() {
        let charges = limiter.charges(route.into(), Whom::at(CLIENT));
        assert_eq!(admitted(&limiter, NOW, &charges, 10), 5, "{}", route.pattern.as_str());
    }
}

#[test]
fn what_stands_in_shadow_says_what_it_would_refuse_and_lets_pass() {
    let (config, limiter) = route("[limits.tiers.api_ip]\nlimit = 3\nshadow = true\n");
    let charges = charged(&config, &limiter, 1);
    let verdicts: Vec<Verdict> = (0..70).map(|_| limiter.decide(NOW, &charges)).collect();
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_admitted()).count(), 60, "the others limit as before");
    let told: Vec<bool> = verdicts.iter().map(|verdict| verdict.shadow().is_some()).collect();
    assert_eq!(told, [vec![false; 3], vec![true; 57], vec![false; 10]].concat());
    assert_eq!(limiter.shadowed().map(|(tier, count)| (&*tier.name, count)).collect::<Vec<_>>(), [("api_ip", 57)]);
    let mut headers = HeaderMap::new();
    announce(&verdicts[5], limiter.limits(), NOW, &mut headers);
    assert_eq!(headers["ratelimit-policy"], "\"api_key\";q=60;w=60", "callers are not told");
}

#[test]
fn a_route_in_shadow_refuses_nobody() {
    let (config, limiter) = with("shadow = true\n");
    let charges = charged(&config, &limiter, 1);
    assert_eq!(admitted(&limiter, NOW, &charges, 200), 200);
    assert_eq!(limiter.shadowed().map(|(_, count)| count).sum::<u64>(), 140);
}

#[test]
fn asking_spends_nothing() {
    let limiter = limiter();
    let charge = [one(TierId::CREDENTIAL_FAILURE_IP, Subject::Address(CLIENT))];
    assert!((0..1_000).all(|_| limiter.ask(NOW, &charge).is_admitted()));
    assert_eq!(admitted(&limiter, NOW, &charge, 100), 30);
    assert!(!limiter.ask(NOW, &charge).is_admitted(), "a spent budget refuses before any look-up");
}

#[test]
fn two_hundred_people_behind_one_address_load_a_page_of_sixty_assets() {
    let limiter = limiter();
    let charge = |tier| [one(tier, Subject::Address(CLIENT))];
    assert_eq!(admitted(&limiter, NOW, &charge(TierId::PAGE_IP), 200), 200);
    assert_eq!(admitted(&limiter, NOW, &charge(TierId::ASSET_IP), 200 * 60), 200 * 60);
}

#[test]
fn a_customers_whole_network_is_one_address() {
    let limiter = limiter();
    let charge = |ip: &str| [one(TierId::SIGN_UP_IP, Subject::Address(ip.parse().unwrap()))];
    assert_eq!(admitted(&limiter, NOW, &charge("2001:db8:1:2::1"), 10), 5);
    assert_eq!(admitted(&limiter, NOW, &charge("2001:db8:1:2:ffff::9"), 10), 0);
    assert_eq!(admitted(&limiter, NOW, &charge("2001:db8:1:3::1"), 10), 5);
    assert_eq!(admitted(&limiter, NOW, &charge("192.0.2.9"), 10), 5);
    assert_eq!(admitted(&limiter, NOW, &charge("::ffff:192.0.2.9"), 10), 0, "IPv4 in IPv6 is IPv4");
}

#[test]
fn after_retry_after_the_request_passes_and_a_second_before_it_does_not() {
    let limiter = limiter();
    let charge = [one(TierId::SIGN_IN_IP, Subject::Address(CLIENT))];
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

/// What a charge has spent: when, and how much.
type Spent = Vec<(Subject, Vec<(u64, u32)>)>;

/// The estimate of the formula, on everything that was admitted, times the window's length.
fn fits(spent: &[(u64, u32)], limit: Limit, now_ms: u64, cost: u32) -> bool {
    let window = u64::from(limit.window_ms);
    let (period, left) = (now_ms / window, window - now_ms % window);
    let sum = |of: u64| spent.iter().filter(|(at, _)| at / window == of).map(|(_, cost)| u64::from(*cost)).sum::<u64>();
    (sum(period) + u64::from(cost)) * window + sum(period - 1) * left <= u64::from(limit.max) * window
}

proptest! {
    /// The table against brute force: callers who share an address, whose requests cost different amounts.
    #[test]
    fn keys_and_addresses_are_counted_as_the_formula_says(
        of_key in 1..9_u32, of_address in 1..12_u32,
        steps in prop::collection::vec((0..30_000_u64, 0..3_u64, 0..2_u8, 1..4_u32), 1..80),
    ) {
        let limits = [Limit { max: of_key, window_ms: 60_000 }, Limit { max: of_address, window_ms: 45_000 }];
        let (limiter, mut spent, mut now_ms) = (limiter(), Spent::new(), NOW);
        for (pause_ms, number, last, cost) in steps {
            now_ms += pause_ms;
            let subjects = [key(number), Subject::Address([192, 0, 2, last].into())];
            let charges = [(TierId::API_KEY, 0), (TierId::API_IP, 1)]
                .map(|(tier, at)| Charge { cost, ..Charge::new(tier, limits[at], subjects[at]) });
            let so_far = |subject| spent.iter().find(|(of, _)| *of == subject).map_or(&[][..], |(_, spent)| spent);
            let expected = (0..2).all(|at| fits(so_far(subjects[at]), limits[at], now_ms, cost));
            prop_assert_eq!(limiter.ask(now_ms, &charges).is_admitted(), expected);
            prop_assert_eq!(limiter.decide(now_ms, &charges).is_admitted(), expected, "at {}", now_ms);
            for subject in subjects.into_iter().filter(|_| expected) {
                match spent.iter_mut().find(|(of, _)| *of == subject) {
                    Some((_, spent)) => spent.push((now_ms, cost)),
                    None => spent.push((subject, vec![(now_ms, cost)])),
                }
            }
        }
    }
}
