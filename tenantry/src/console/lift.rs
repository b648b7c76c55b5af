//! Ending a block before its time: the one page of it, for a workspace's own and for addresses.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use tenantry_platform::page::{Chrome, Field, render_with};

/// Says what lifting means, and asks why. [RL-4]
#[derive(Debug, Template)]
#[template(path = "console/lift.html")]
struct Lift {
    chrome: Chrome,
    action: String,
    back_href: String,
    reason: Field,
}

/// The word of its title.
pub(crate) const TITLE: &str = "blocks.lift_title";

/// What the page posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifting {
    pub(crate) reason: String,
}

/// The page, asking for the first time or once more.
pub(crate) fn draw(chrome: Chrome, list_href: &str, id: uuid::Uuid, reason: Field) -> Response {
    let status = if reason.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (action, back_href) = (format!("{list_href}/{id}/lift"), list_href.to_owned());
    render_with(status, &Lift { chrome, action, back_href, reason })
}

/// Why, and which block in a row it is, unless it is the first.
pub(crate) fn because(chrome: &Chrome, word: &str, nth: i32) -> String {
    let offence = offence(chrome, word);
    if nth > 1 { chrome.t_all("blocks.nth", &[("offence", &offence), ("nth", &nth)]) } else { offence.to_owned() }
}

/// What came to be refused, as people read it.
fn offence(chrome: &Chrome, word: &str) -> &'static str {
    chrome.t(match word {
        "limit" => "blocks.limit",
        "credential" => "blocks.credential",
        "checksum" => "blocks.checksum",
        "sign_in" => "blocks.sign_in",
        "reports" => "blocks.reports",
        "by_hand" => "blocks.by_hand",
        _ => "blocks.something",
    })
}
