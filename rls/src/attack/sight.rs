//! Knows B's values when it sees them.

use super::identity::Pair;
use super::outcome::Outcome;

/// Something of B's, where A should not see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// What was seen.
    pub(super) text: String,
    /// The number of the table that it came from, where it carries one.
    pub(super) table: Option<usize>,
}

/// Knows B's values.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    ids: Vec<String>,
}

/// How B's canaries begin, in the shapes that columns want them in; the last is as bytes.
const CANARIES: &[&str] = &["canary_b_", "canary-b-", "canaryb", "63616e6172795f625f"];
/// Shorter ids may be anything.
const ID: usize = 8;

impl Watch {
    pub(super) fn new(pair: &Pair) -> Self {
        let long = |id: &&String| id.len() >= ID && !pair.a.tenant.contains(id.as_str());
        Self { ids: [&pair.b.tenant, &pair.b.user].into_iter().filter(long).cloned().collect() }
    }

    /// The first of B's values in an outcome that does not stand in the statement itself.
    pub(super) fn sight(&self, sql: &str, outcome: &Outcome) -> Option<Sight> {
        outcome.texts().find_map(|text| self.in_text(sql, text))
    }

    /// The same, in one text.
    pub(super) fn in_text(&self, sql: &str, text: &str) -> Option<Sight> {
        let (asked, lower) = (sql.to_ascii_lowercase(), text.to_ascii_lowercase());
        let canaries = CANARIES.iter().flat_map(|start| lower.match_indices(start)).map(|(at, _)| &lower[at..]);
        let mut marks = canaries.map(token).chain(uuids(&lower));
        let fresh = |mark: &&str| !asked.contains(mark);
        let mut ids = self.ids.iter().map(String::as_str).filter(|id| lower.contains(&id.to_ascii_lowercase()));
        let found = marks.find(fresh).or_else(|| ids.find(|id| !asked.contains(&id.to_ascii_lowercase())))?;
        Some(Sight { text: found.to_owned(), table: number(found) })
    }
}

/// A canary to its end.
fn token(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(text.len());
    &text[..end]
}

/// Ids of B's rows: `bbbb0017-0001-4000-8000-…`.
fn uuids(text: &str) -> impl Iterator<Item = &str> {
    let whole = |(at, _): (usize, &str)| text.get(at..at + 36);
    text.match_indices("bbbb")
        .filter_map(whole)
        .filter(|id| id.get(13..24) == Some("-4000-8000-") && id.get(8..9) == Some("-"))
}

/// The table's number that a mark carries.
fn number(mark: &str) -> Option<usize> {
    if let Some(rest) = mark.strip_prefix("canary_b_").or_else(|| mark.strip_prefix("canary-b-")) {
        return rest.split(['_', '-']).next()?.parse().ok();
    }
    mark.strip_prefix("bbbb").and_then(|rest| usize::from_str_radix(rest.get(..4)?, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::super::identity::{Identity, Pair};
    use super::Watch;

    #[test]
    fn what_a_asked_with_is_no_news() {
        let of = |tenant: &str| Identity { tenant: tenant.to_owned(), user: format!("user-of-{tenant}") };
        let watch = Watch::new(&Pair { a: of("acme7"), b: of("acme7-eu"), confusion: "" });
        assert_eq!(watch.in_text("select f('canary_b_7_1_2')", "no canary_b_7_1_2"), None);
        assert_eq!(watch.in_text("select f('x')", "Key (email)=(canary_b_7_1_2@x)").unwrap().table, Some(7));
        assert_eq!(watch.in_text("", "bbbb0011-0001-4000-8000-000000000001").unwrap().table, Some(17));
    }
}
