//! What is shown in the app's place until it answers, and after it has ended.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use tenantry_platform::page::{Chrome, Visit, render_with};
use tenantry_platform::problem::{Kind, Problem};

use super::{Stage, View};

/// Seconds until the page asks again.
const REFRESH: &str = "1";

#[derive(Debug, Template)]
#[template(path = "dev/team/waiting.html")]
struct Waiting {
    chrome: Chrome,
    sentence: String,
    command: String,
    /// What it said last.
    said: String,
}

/// The page in place of the app's; none where the app answers.
pub(crate) fn waiting(view: &View, visit: &Visit) -> Option<Response> {
    let (title, sentence) = match view.stage() {
        Stage::Answering => return None,
        Stage::Starting => ("waiting.starting", visit.words.say("waiting.starting_text").to_owned()),
        Stage::Ended(how) => ("waiting.ended", format!("{} {how}.", visit.words.say("waiting.ended_text"))),
    };
    let page = Waiting {
        chrome: visit.page(title),
        sentence,
        command: view.command.to_string(),
        said: view.lines.lock().text(),
    };
    let mut answer = render_with(StatusCode::SERVICE_UNAVAILABLE, &page);
    answer.headers_mut().insert("refresh", HeaderValue::from_static(REFRESH));
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(REFRESH));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(answer)
}

/// The same for programs.
pub(crate) fn refused(view: &View) -> Result<(), Problem> {
    match view.stage() {
        Stage::Answering => Ok(()),
        Stage::Starting => Err(Problem::new(Kind::Unavailable, "Your app is starting. Try again in a moment.")
            .code("app_starting")
            .retry_after(1)),
        Stage::Ended(how) => {
            let text = format!("Your app {how}. Its last words are in the terminal of `tenantry dev`.");
            Err(Problem::new(Kind::Unavailable, text).code("app_ended").retry_after(1))
        }
    }
}
