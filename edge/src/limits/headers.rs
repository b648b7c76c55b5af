//! What an answer says about limits: `X-RateLimit-*` by habit, `RateLimit` and `RateLimit-Policy` by
//! draft-ietf-httpapi-ratelimit-headers-11, and `Retry-After`.
//!
//! `X-RateLimit-Store: memory` says that the shared store does not answer, and this node limits by its part.
//! `X-RateLimit-Reset` is a moment in seconds since 1970; in `RateLimit`, `t` is a distance in seconds. After
//! a refusal both name the moment of `Retry-After`.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tenantry_platform::config::{Limits, Per};
use tenantry_platform::problem::{Kind, Problem};

use super::decision::{Basis, Line, Verdict};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STORE: HeaderName = HeaderName::from_static("x-ratelimit-store");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What one tier takes in a header.
const LINE_BYTES: usize = 40;

/// Says where the caller stands. Nothing is said where nothing was counted.
pub fn announce(verdict: &Verdict, limits: &Limits, now_ms: u64, headers: &mut HeaderMap) {
    let Some(tightest) = verdict.tightest() else { return };
    let reset_ms = verdict.reset_ms();
    let remaining = if verdict.is_admitted() { tightest.standing.remaining } else { 0 };
    insert(headers, LIMIT, itoa::Buffer::new().format(tightest.standing.max));
    insert(headers, REMAINING, itoa::Buffer::new().format(remaining));
    insert(headers, RESET, itoa::Buffer::new().format((now_ms + reset_ms).div_ceil(1_000)));
    let name = &limits.tier(tightest.tier).name;
    let seconds = verdict.retry_after_s().unwrap_or_else(|| reset_ms.div_ceil(1_000));
    let mut text = String::with_capacity(LINE_BYTES * verdict.lines().len());
    push_item(&mut text, name, [(";r=", remaining.into()), (";t=", seconds)]);
    insert(headers, RATE_LIMIT, &text);
    text.clear();
    push_policies(&mut text, verdict, limits);
    insert(headers, POLICY, &text);
    if verdict.basis() == Basis::Alone {
        headers.insert(STORE, HeaderValue::from_static("memory"));
    }
    if let Some(seconds) = verdict.retry_after_s() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
}

fn push_policies(text: &mut String, verdict: &Verdict, limits: &Limits) {
    for line in verdict.lines() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let figures = [(";q=", line.limit.max.into()), (";w=", window_s(line).into())];
        push_item(text, &limits.tier(line.tier).name, figures);
    }
}

/// An item of a structured field: a tier's name, and its figures (RFC 9651).
fn push_item(text: &mut String, name: &str, figures: [(&str, u64); 2]) {
    text.push('"');
    text.push_str(name);
    text.push('"');
    for (parameter, figure) in figures {
        text.push_str(parameter);
        text.push_str(itoa::Buffer::new().format(figure));
    }
}

const fn window_s(line: &Line) -> u32 {
    line.limit.window_ms / 1_000
}

/// The names of tiers are words, and figures are digits: every such text is a header value. A copy of what is exactly as
/// long costs less than what `http` makes of a number.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// 429 that says which limit, and what to do.
pub fn too_many(verdict: &Verdict, limits: &Limits) -> Problem {
    let Some(tightest) = verdict.tightest() else { return Problem::new(Kind::TooMany, "Wait a moment.") };
    let (max, seconds, whose) = (tightest.limit.max, window_s(&tightest), whose(limits.tier(tightest.tier).per));
    let limit = format!("The limit here is {max} in {seconds} seconds for {whose}.");
    match verdict.retry_after_s() {
        Some(seconds) => {
            Problem::new(Kind::TooMany, format!("{limit} Wait {seconds} seconds, then go on more slowly."))
                .retry_after(seconds)
        }
        None => Problem::new(Kind::TooMany, format!("{limit} This request alone costs more. Ask for less at once.")),
    }
}

const fn whose(per: Per) -> &'static str {
    match per {
        Per::Ip => "one network address",
        Per::Key => "one API key",
        Per::User => "one person",
        Per::Tenant => "one workspace",
        Per::Route => "everybody on this address of the app",
    }
}
