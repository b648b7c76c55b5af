//! Times as people read them: relative, with the exact one beside it.

use tenantry_core::clock::Timestamp;

use super::words::Words;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;
const MONTH_S: u64 = 30 * DAY_S;
const YEAR_S: u64 = 365 * DAY_S;
/// Below this days tell more: a key of 90 days ends in 89 days, and not in 2 months.
const MONTHS_FROM_S: u64 = 100 * DAY_S;
/// Below this a count of seconds would be old before it is read.
const JUST_NOW_S: u64 = 10;

/// "3 minutes ago" or "in 2 days", in whole units rounded down.
pub fn ago(words: &Words, at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    let (unit, count) = unit(seconds.unsigned_abs());
    match (unit, seconds >= 0) {
        ("now", _) => words.say("time.now").to_owned(),
        (unit, true) => words.fill("time.ago", &[("span", &words.count(unit, count))]),
        (unit, false) => words.fill("time.ahead", &[("span", &words.count(unit, count))]),
    }
}

fn unit(seconds: u64) -> (&'static str, usize) {
    let whole = |unit_s: u64| usize::try_from(seconds / unit_s).unwrap_or(usize::MAX);
    match seconds {
        0..JUST_NOW_S => ("now", 0),
        JUST_NOW_S..MINUTE_S => ("time.second", whole(1)),
        MINUTE_S..HOUR_S => ("time.minute", whole(MINUTE_S)),
        HOUR_S..DAY_S => ("time.hour", whole(HOUR_S)),
        DAY_S..MONTHS_FROM_S => ("time.day", whole(DAY_S)),
        MONTHS_FROM_S..YEAR_S => ("time.month", whole(MONTH_S)),
        _ => ("time.year", whole(YEAR_S)),
    }
}

/// "12 Mar 2026, 14:03:07 UTC": the same for every reader, so that it can be quoted.
pub fn exact(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// "12 Mar 2026", in UTC.
pub fn day(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

/// RFC 3339 with whole seconds, for `datetime` attributes.
pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
