//! Every refusal as a page: a sentence, who can help, the request id, a way on.

use askama::Template;

use super::chrome::Chrome;

/// What a person sees where a program would get `application/problem+json`.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    pub chrome: Chrome,
    pub status: u16,
    /// One sentence on what happened.
    pub sentence: String,
    /// Who can help, or what to do next.
    pub help: String,
    /// Where to go on: empty for none.
    pub onward_href: String,
    pub onward_label: String,
}

/// A sentence in pieces, of which every second one stood between backticks: a word of programs.
fn pieces(sentence: &str) -> std::str::Split<'_, char> {
    sentence.split('`')
}
