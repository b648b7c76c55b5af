//! What a tenant uses, drawn: requests, refusals, limit hits, sign-ins over an hour, a day or a week.

use tenantry_core::clock::Timestamp;

use super::Chrome;
use super::graph::{Drawing, Graph, Layer, grouped};
use crate::usage::{Kind, Series, Span};

/// One span to choose, as a link.
#[derive(Clone, Debug)]
pub struct SpanLink {
    pub label: &'static str,
    pub href: String,
    pub current: bool,
}

/// A way to each span of a page: `?span=week`.
pub fn spans(chrome: &Chrome, here: &str, chosen: Span) -> Vec<SpanLink> {
    let link = |span: Span| SpanLink {
        label: chrome.t(match span {
            Span::Hour => "usage.hour",
            Span::Day => "usage.day",
            Span::Week => "usage.week",
        }),
        href: format!("{here}?span={}", span.as_str()),
        current: span == chosen,
    };
    Span::ALL.into_iter().map(link).collect()
}

/// Requests, refused ones marked; refusals by reason; limit hits.
pub fn of_traffic(chrome: &Chrome, span: Span, series: &Series) -> Vec<Graph> {
    vec![requests(chrome, span, series), refusals(chrome, span, series), limit_hits(chrome, span, series)]
}

/// Requests, of which the refused ones are marked.
pub fn requests(chrome: &Chrome, span: Span, series: &Series) -> Graph {
    let (all, refused) = (series.of(&[Kind::Requests]), series.of(&Kind::REFUSALS));
    let passed = all.iter().zip(&refused).map(|((_, all), (_, refused))| all.saturating_sub(*refused)).collect();
    let layers = vec![
        Layer { label: chrome.t("usage.passed").to_owned(), look: "good", values: passed },
        layer(chrome.t("usage.refused"), "bad", series, &Kind::REFUSALS),
    ];
    drawing(chrome, span, series, ("usage-requests", "usage.requests"), &[Kind::Requests], layers)
}

/// Refusals by reason.
pub fn refusals(chrome: &Chrome, span: Span, series: &Series) -> Graph {
    let layers = vec![
        layer(chrome.t("usage.unauthorized"), "plain", series, &[Kind::Unauthorized]),
        layer(chrome.t("usage.forbidden"), "bad", series, &[Kind::Forbidden]),
        layer(chrome.t("usage.limited"), "good", series, &[Kind::Limited]),
        layer(chrome.t("usage.malformed"), "soft", series, &[Kind::Malformed]),
    ];
    drawing(chrome, span, series, ("usage-refusals", "usage.refusals"), &Kind::REFUSALS, layers)
}

fn limit_hits(chrome: &Chrome, span: Span, series: &Series) -> Graph {
    let layers = vec![layer(chrome.t("usage.limited"), "good", series, &[Kind::Limited])];
    drawing(chrome, span, series, ("usage-limits", "usage.limit_hits"), &[Kind::Limited], layers)
}

/// Sign-ins, those that failed marked.
pub fn sign_ins(chrome: &Chrome, span: Span, series: &Series) -> Graph {
    let layers = vec![
        layer(chrome.t("usage.signed_in"), "good", series, &[Kind::SignIns]),
        layer(chrome.t("usage.sign_in_failed"), "bad", series, &[Kind::SignInsFailed]),
    ];
    let kinds = [Kind::SignIns, Kind::SignInsFailed];
    drawing(chrome, span, series, ("usage-sign-ins", "usage.sign_ins"), &kinds, layers)
}

fn layer(label: &str, look: &'static str, series: &Series, kinds: &[Kind]) -> Layer {
    let values = series.of(kinds).into_iter().map(|(_, count)| count).collect();
    Layer { label: label.to_owned(), look, values }
}

fn drawing(
    chrome: &Chrome,
    span: Span,
    series: &Series,
    (id, title): (&'static str, &'static str),
    kinds: &[Kind],
    layers: Vec<Layer>,
) -> Graph {
    let (now, before) = (series.total(kinds), series.total_before(kinds));
    let title = chrome.t(title).to_owned();
    let note = change(chrome, now, before);
    Drawing {
        id,
        summary: format!("{title}: {}. {note}", grouped(now)),
        title,
        note,
        labels: series.of(kinds).into_iter().map(|(at, _)| label(span, at)).collect(),
        layers,
        table: chrome.t("usage.table").to_owned(),
        time: chrome.t("usage.time").to_owned(),
        nothing: chrome.t("usage.nothing").to_owned(),
    }
    .draw()
}

/// "+20 % on the time before"
fn change(chrome: &Chrome, now: u64, before: u64) -> String {
    let percent = |part: u64| (u128::from(part) * 100 / u128::from(before.max(1))).to_string();
    match (now, before) {
        (0, 0) => String::new(),
        (_, 0) => chrome.t("usage.none_before").to_owned(),
        (now, before) if now > before => chrome.t_with("usage.more", "percent", percent(now - before)),
        (now, before) if now < before => chrome.t_with("usage.less", "percent", percent(before - now)),
        _ => chrome.t("usage.same").to_owned(),
    }
}

/// When a step began, in UTC: the day where a span has several.
fn label(span: Span, at: Timestamp) -> String {
    match span {
        Span::Hour | Span::Day => at.strftime("%H:%M").to_string(),
        Span::Week => at.strftime("%-d %b %H:%M").to_string(),
    }
}
