//! The sliding window against brute force (RL-1, RL-3).

use proptest::prelude::*;
use tenantry_core::window::{Charge, Counter, Decision, Limit, Retry, decide};

/// The formula on the list of all admitted requests, in fractions without rounding.
fn admits_by_formula(spent: &[(u64, u32)], limit: Limit, now_ms: u64, cost: u32) -> bool {
    let window = u64::from(limit.window_ms);
    let period = now_ms / window;
    let sum = |wanted: u64| -> i128 {
        spent.iter().filter(|(at, _)| at / window == wanted).map(|(_, cost)| i128::from(*cost)).sum()
    };
    let previous = if period == 0 { 0 } else { sum(period - 1) };
    let left = i128::from(window - now_ms % window);
    // current + previous × left ÷ window + cost ≤ max, multiplied by the window.
    (sum(period) + i128::from(cost)) * i128::from(window) + previous * left
        <= i128::from(limit.max) * i128::from(window)
}

fn one(limit: Limit, counter: &mut Counter, now_ms: u64, cost: u32) -> Decision {
    decide(now_ms, &mut [Charge { limit, counter, cost }])
}

fn limits() -> impl Strategy<Value = Limit> {
    (1..12_u32, 1..50_u32).prop_map(|(max, window_ms)| Limit { max, window_ms })
}

proptest! {
    #[test]
    fn the_counters_decide_as_the_formula_does(limit in limits(), steps in prop::collection::vec((0..40_u64, 0..4_u32), 1..80)) {
        let (mut counter, mut spent, mut now_ms) = (Counter::default(), Vec::new(), 0);
        for (pause_ms, cost) in steps {
            now_ms += pause_ms;
            let admitted = one(limit, &mut counter, now_ms, cost).is_admitted();
            prop_assert_eq!(admitted, admits_by_formula(&spent, limit, now_ms, cost), "at {} for {}", now_ms, cost);
            if admitted {
                spent.push((now_ms, cost));
            }
        }
    }

    #[test]
    fn several_windows_decide_as_the_formula_does_for_each(
        limits in prop::collection::vec(limits(), 1..5),
        steps in prop::collection::vec((0..40_u64, prop::collection::vec(0..4_u32, 5)), 1..60),
    ) {
        let (mut counters, mut spent, mut now_ms) = (vec![Counter::default(); 5], vec![Vec::new(); 5], 0);
        for (pause_ms, costs) in steps {
            now_ms += pause_ms;
            let windows = limits.iter().zip(&mut counters).zip(&costs);
            let mut charges: Vec<Charge<'_>> =
                windows.map(|((limit, counter), cost)| Charge { limit: *limit, counter, cost: *cost }).collect();
            let admitted = decide(now_ms, &mut charges).is_admitted();
            let each = limits.iter().zip(&spent).zip(&costs);
            let expected = each.map(|((limit, spent), cost)| admits_by_formula(spent, *limit, now_ms, *cost));
            prop_assert_eq!(admitted, expected.fold(true, |all, one| all & one), "at {} for {:?}", now_ms, &costs);
            if admitted {
                spent.iter_mut().zip(&costs).for_each(|(spent, cost)| spent.push((now_ms, *cost)));
            }
        }
    }

    #[test]
    fn the_wait_is_exact(first in limits(), second in limits(), steps in prop::collection::vec((0..20_u64, 0..4_u32), 1..60)) {
        let (mut counters, mut now_ms) = ([Counter::default(); 2], 0);
        for (pause_ms, cost) in steps {
            now_ms += pause_ms;
            let at = |now_ms: u64, counters: &mut [Counter; 2]| {
                let [one, two] = counters;
                decide(now_ms, &mut [Charge { limit: first, counter: one, cost }, Charge { limit: second, counter: two, cost: 1 }])
            };
            let before = counters;
            if let Decision::Refused { retry: Retry::After(wait_ms), standing, .. } = at(now_ms, &mut counters) {
                prop_assert_eq!(counters, before, "a refused request costs nothing");
                prop_assert!(at(now_ms + wait_ms, &mut counters.clone()).is_admitted());
                prop_assert!(!at(now_ms + wait_ms - 1, &mut counters.clone()).is_admitted());
                prop_assert!(standing.remaining < cost.max(1));
            }
        }
    }

    #[test]
    fn a_clock_that_runs_backwards_grants_nothing(limit in limits(), back_ms in 0..200_u64, spent in 0..12_u32) {
        let mut counter = Counter::default();
        one(limit, &mut counter, 1_000, spent.min(limit.max));
        let start_ms = 1_000 - 1_000 % u64::from(limit.window_ms);
        let then = one(limit, &mut counter.clone(), 1_000_u64.saturating_sub(back_ms), 1).is_admitted();
        prop_assert!(!then || one(limit, &mut counter.clone(), start_ms, 1).is_admitted());
    }

    #[test]
    fn no_number_is_too_large(max: u32, window_ms: u32, period: u64, current: u32, previous: u32, now_ms: u64, cost: u32) {
        let mut counter = Counter { period, current, previous };
        let limit = Limit { max, window_ms };
        one(limit, &mut counter, now_ms, cost);
        counter.standing(limit, now_ms);
    }
}

#[test]
fn a_limit_of_one_lets_one_pass() {
    let (limit, mut counter) = (Limit { max: 1, window_ms: 60_000 }, Counter::default());
    assert!(one(limit, &mut counter, 120_000, 1).is_admitted());
    let Decision::Refused { retry, .. } = one(limit, &mut counter, 120_001, 1) else { panic!("a second one passed") };
    assert_eq!((retry, retry.after_s()), (Retry::After(119_999), Some(120)));
    assert!(one(limit, &mut counter, 240_000, 1).is_admitted());
}

#[test]
fn a_key_and_its_address_are_charged_together_or_not_at_all() {
    let (key, address) = (Limit { max: 60, window_ms: 60_000 }, Limit { max: 120, window_ms: 60_000 });
    let (mut first, mut second, mut shared) = (Counter::default(), Counter::default(), Counter::default());
    let admitted = |counter: &mut Counter, shared: &mut Counter| {
        let mut charges =
            [Charge { limit: key, counter, cost: 1 }, Charge { limit: address, counter: shared, cost: 1 }];
        (0..100).filter(|_| decide(0, &mut charges).is_admitted()).count()
    };
    assert_eq!(admitted(&mut first, &mut shared), 60);
    assert_eq!(admitted(&mut second, &mut shared), 60);
    let Decision::Refused { tightest, standing, .. } = decide(
        0,
        &mut [
            Charge { limit: key, counter: &mut Counter::default(), cost: 1 },
            Charge { limit: address, counter: &mut shared, cost: 1 },
        ],
    ) else {
        panic!("the address has spent its 120")
    };
    assert_eq!((tightest, standing.max, standing.remaining), (1, 120, 0));
}

#[test]
fn what_costs_more_than_the_limit_is_told_never() {
    let refused = one(Limit { max: 3, window_ms: 1_000 }, &mut Counter::default(), 0, 4);
    assert!(matches!(refused, Decision::Refused { retry: Retry::Never, .. }));
    assert_eq!(Retry::Never.after_s(), None);
}
