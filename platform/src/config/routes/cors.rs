//! `cors`: pages of which other origins may read what a route answers [WEB-5].
//!
//! No answer ever allows credentials, so no cookie of ours comes with such a page's request. A route that lets everybody
//! read takes none at all: only then does the word of a page that anybody may have written open nothing.

use std::sync::Arc;

use super::Guards;
use crate::config::parse;
use crate::config::section::Section;

/// As browsers understand it in `Access-Control-Allow-Origin`.
const EVERYBODY: &str = "*";

/// Whose pages may read the answers of a route, besides those of its own host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Nobody's.
    Own,
    /// Those of these origins, exactly as browsers send them.
    Listed(Arc<[String]>),
    /// Everybody's: no cookie reaches the app, and none comes from it.
    Everybody,
}

impl Cors {
    /// The origins that are listed one by one.
    pub fn listed(&self) -> &[String] {
        match self {
            Self::Listed(origins) => origins,
            Self::Own | Self::Everybody => &[],
        }
    }

    pub(super) fn read(section: &Section<'_, '_>, route: &str, guards: Option<Guards>) -> Self {
        let origins = section.list("cors", origin);
        if origins.is_empty() {
            return Self::Own;
        }
        if !origins.iter().any(|origin| origin == EVERYBODY) {
            return Self::Listed(origins.into());
        }
        let fault = |what: String, fix: &str| section.reading.fault(&section.span_of("cors"), what, fix);
        if origins.len() > 1 {
            fault(
                format!("{route} lets pages of every origin read, so the others in cors say nothing"),
                "Leave the others out, or \"*\".",
            );
        }
        if guards.is_some_and(Guards::take_a_cookie) {
            fault(
                format!("{route} takes a session, which is a cookie, and cors = \"*\" lets every site read"),
                "List the origins, or use the guards \"key\", \"jwt\", \"cron\" or \"public\" alone: they take no cookie.",
            );
        }
        Self::Everybody
    }
}

fn origin(text: &str) -> parse::Parsed<String> {
    if text == EVERYBODY { Ok(text.to_owned()) } else { parse::origin(text) }
}
