//! The one catalogue of words. English is compiled in; another language is another file of the same keys.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

static ENGLISH: LazyLock<Words> = LazyLock::new(|| Words::read("en", include_str!("words/en.toml")));

/// The words of one language by dotted key: `keys.title`.
#[derive(Debug)]
pub struct Words {
    lang: &'static str,
    by_key: HashMap<String, String>,
}

impl Words {
    pub fn english() -> &'static Self {
        &ENGLISH
    }

    /// The language, as `<html lang>` wants it.
    pub fn lang(&self) -> &'static str {
        self.lang
    }

    /// The words of `key`. A key without words shows itself; the tests do not let one be shipped.
    pub fn say<'a>(&'a self, key: &'a str) -> &'a str {
        self.by_key.get(key).map_or(key, String::as_str)
    }

    /// The words of `key`, each `{name}` replaced by its value.
    pub fn fill(&self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        let text = self.say(key).to_owned();
        values.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), &value.to_string()))
    }

    /// `key.one` or `key.other`, with `{count}` filled in.
    pub fn count(&self, key: &str, count: usize) -> String {
        let form = if count == 1 { "one" } else { "other" };
        self.fill(&format!("{key}.{form}"), &[("count", &count)])
    }

    /// "7 days", "36 hours": a span in the largest unit that is exact.
    pub fn hours(&self, hours: u64) -> String {
        let (unit, count) =
            if hours > 24 && hours.is_multiple_of(24) { ("time.day", hours / 24) } else { ("time.hour", hours) };
        self.count(unit, usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Every key, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_key.keys().map(String::as_str)
    }

    fn read(lang: &'static str, text: &str) -> Self {
        // Compiled in, and read by every test of this room: it cannot be malformed in a build that passed.
        let table: toml::Table = text.parse().expect("the catalogue is TOML");
        let mut by_key = HashMap::new();
        flatten("", &table, &mut by_key);
        Self { lang, by_key }
    }
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut HashMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, into),
            other => {
                into.insert(key, other.as_str().unwrap_or_default().to_owned());
            }
        }
    }
}
