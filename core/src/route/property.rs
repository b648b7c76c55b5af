//! What holds for any patterns and any path: for `fuzz/`, and for the tests here.

use super::{Found, Method, Methods, Pattern, Table};

/// More say nothing new, and each is compared with each.
const PATTERNS_MOST: usize = 32;

/// A path, and patterns in the lines after it: a route is found exactly where one matches, and it is the narrowest.
///
/// # Panics
/// It does not hold.
pub fn holds(text: &str) {
    let (path, lines) = text.split_once('\n').unwrap_or((text, ""));
    let mut patterns: Vec<Pattern> = Vec::new();
    for pattern in lines.lines().filter_map(|line| line.parse::<Pattern>().ok()).take(PATTERNS_MOST) {
        if !patterns.iter().any(|known| known.is_same_as(&pattern)) {
            patterns.push(pattern);
        }
    }
    let Ok(table) = Table::new(patterns.iter().map(|pattern| (pattern, Methods::ALL))) else {
        panic!("patterns that differ clash");
    };
    let matching: Vec<&Pattern> = patterns.iter().filter(|pattern| pattern.matches(path)).collect();
    let _ = table.may_be_read(path, |_| false);
    match table.find(path, Method::Get) {
        Found::Route(at) => {
            let found = &patterns[at];
            assert!(found.matches(path), "{found} does not match {path:?}");
            let is_narrowest = matching.iter().all(|other| other.is_same_as(found) || !found.covers(other));
            assert!(is_narrowest, "{found} hides a narrower pattern of {path:?}");
        }
        Found::Nothing => assert!(matching.is_empty(), "{path:?} is not found"),
        Found::OtherMethods(_) => panic!("every pattern takes every method"),
    }
}
