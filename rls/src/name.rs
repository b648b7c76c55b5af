//! Names of a database's objects: how they are written for people, and quoted for statements.
//!
//! A name may hold quotes, newlines and reserved words, and whoever chose it may be hostile. [`ident`] and [`literal`]
//! are the only ways from a name or a value into a statement.

use serde::Deserialize;

/// `schema.name`, for people and for the reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The object in it.
    pub name: String,
}

impl Name {
    /// A name in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// Both parts, quoted for a statement.
    pub fn quoted(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.name))
    }

    /// Whether a person who wrote `written` meant this: `schema.name`, or `name` alone.
    pub fn is_meant_by(&self, written: &str) -> bool {
        written == self.name || written == self.to_string()
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// An identifier for a statement: always in double quotes, which are doubled inside.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string for a statement, whatever `standard_conforming_strings` says.
pub fn literal(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') { format!(" E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// Whether a name stands in a text as a word.
pub fn mentions(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let part = |c: char| c.is_alphanumeric() || c == '_';
    if !name.chars().all(part) {
        // Such a name stands in quotes, which are doubled inside.
        return text.contains(name) || text.contains(&name.replace('"', "\"\""));
    }
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::{ident, literal};

    #[test]
    fn what_is_quoted_stays_one_word() {
        assert_eq!(ident("a\"; drop table x; --"), "\"a\"\"; drop table x; --\"");
        assert_eq!(literal("it's \\ here"), " E'it''s \\\\ here'");
    }
}
