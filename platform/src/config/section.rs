//! Asking a table for its settings, each by its type, default and range.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{At, Reading, Setting, Span};
use super::fault::did_you_mean;
use super::secret;

/// A word of a closed list, as written in the file.
pub(super) trait Choice: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }
}

/// A table of the document, or the place where one could be.
pub(super) struct Section<'r, 't> {
    pub(super) reading: &'r Reading<'t>,
    /// As written: `limits.tiers.exports`.
    path: String,
    /// With names taken out: `limits.tiers.NAME`.
    shape: String,
    table: Option<&'r DeTable<'t>>,
    pub(super) span: Span,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'r, 't> Section<'r, 't> {
    pub(super) fn root(reading: &'r Reading<'t>, table: &'r DeTable<'t>) -> Self {
        Self {
            reading,
            path: String::new(),
            shape: String::new(),
            table: Some(table),
            span: 0..0,
            asked: RefCell::default(),
        }
    }

    fn child(&self, path: &str, shape: &str, table: Option<&'r DeTable<'t>>, span: Span) -> Self {
        let join = |head: &str, tail: &str| if head.is_empty() { tail.to_owned() } else { format!("{head}.{tail}") };
        let (path, shape) = (join(&self.path, path), join(&self.shape, shape));
        Self { reading: self.reading, path, shape, table, span, asked: RefCell::default() }
    }

    /// Whether the file has this section at all.
    pub(super) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the file says something for the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether the file gives the key a list with nothing in it.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        let value = self.table.and_then(|table| table.get(key)).map(Spanned::get_ref);
        matches!(value, Some(DeValue::Array(items)) if items.is_empty())
    }

    /// Where the key's value stands, or the section when it has none.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.table.and_then(|table| table.get(key)).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Reads a table under this one. What its reader did not ask for is a fault.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Self) -> T) -> T {
        let (table, span) = match self.value(key) {
            Some(value) => (self.table_of(key, value), value.span()),
            None => (None, self.span.clone()),
        };
        self.child(key, key, table, span).read(read)
    }

    /// Reads every table under this one, by the order in the file, whatever their names.
    pub(super) fn named<T>(&self, mut read: impl FnMut(&At<&'r str>, &Self) -> T) -> Vec<T> {
        let entry = |(name, value): (At<&'r str>, &'r Spanned<DeValue<'t>>)| {
            let table = self.table_of(name.value, value);
            self.child(name.value, "NAME", table, name.span.clone()).read(|section| read(&name, section))
        };
        self.entries().into_iter().map(entry).collect()
    }

    /// Reads `key = "text"` pairs whose names are the user's.
    pub(super) fn pairs(&self) -> Vec<(At<&'r str>, At<&'r str>)> {
        let text = |(name, value): (At<&'r str>, &'r Spanned<DeValue<'t>>)| Some((name, self.text_of(value)?));
        self.entries().into_iter().filter_map(text).collect()
    }

    /// Reads a table of lists whose names are checked by the caller.
    pub(super) fn lists(&self, key: &'static str) -> Vec<(At<&'r str>, Vec<At<&'r str>>)> {
        self.remember(key, None, false, String::new());
        let list = |(name, value): (At<&'r str>, &'r Spanned<DeValue<'t>>)| (name, self.texts_of(value));
        self.section(key, |section| section.entries().into_iter().map(list).collect())
    }

    fn entries(&self) -> Vec<(At<&'r str>, &'r Spanned<DeValue<'t>>)> {
        let mut entries: Vec<_> = self.table.into_iter().flat_map(DeTable::iter).collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries.into_iter().map(|(name, value)| (At { value: &**name.get_ref(), span: name.span() }, value)).collect()
    }

    /// Reads each table of an array of tables.
    pub(super) fn each<T>(&self, key: &'static str, mut read: impl FnMut(&Self) -> T) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(value, &format!("a list of tables, each under its own [[{key}]]"));
            return Vec::new();
        };
        let child = |item: &'r Spanned<DeValue<'t>>| self.child(key, key, self.table_of(key, item), item.span());
        items.iter().map(|item| child(item).read(&mut read)).collect()
    }

    fn read<T>(self, read: impl FnOnce(&Self) -> T) -> T {
        let value = read(&self);
        self.refuse_unknown();
        value
    }

    /// Called when the reader has asked for everything it knows.
    pub(super) fn refuse_unknown(&self) {
        let asked = self.asked.borrow();
        // A section that asks for nothing by name has names of the user's own.
        let unknown = self.entries().into_iter().filter(|(name, _)| !asked.is_empty() && !asked.contains(name.value));
        for (name, value) in unknown {
            self.unknown(&name, value.get_ref(), &asked);
        }
    }

    fn unknown(&self, name: &At<&str>, value: &DeValue<'_>, asked: &BTreeSet<&'static str>) {
        let inside = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
        let fix = if secret::is_named(name.value)
            || self.path == "root_key"
            || value.as_str().is_some_and(secret::is_value)
        {
            secret::ADVICE.to_owned()
        } else {
            let known = asked.iter().copied().collect::<Vec<_>>().join(", ");
            format!("{}Known here: {known}.", did_you_mean(name.value, asked.iter().copied()))
        };
        self.reading.fault(&name.span, format!("unknown key {:?}{inside}", name.value), fix);
    }

    fn table_of(&self, key: &str, value: &'r Spanned<DeValue<'t>>) -> Option<&'r DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                self.wrong_type(value, &format!("a table, under a heading [{key}] of its own"));
                None
            }
        }
    }

    fn value(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().insert(key);
        self.table.and_then(|table| table.get(key))
    }

    fn remember(&self, key: &str, default: Option<String>, is_required: bool, range: String) {
        let path = if self.shape.is_empty() { key.to_owned() } else { format!("{}.{key}", self.shape) };
        self.reading.remember(Setting { path, default, is_required, range });
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or a time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.reading.fault(&value.span(), format!("this is {found}"), format!("Write {expected}."));
    }

    fn malformed(&self, key: &str, span: &Span, why: impl Display) {
        let why = why.to_string();
        self.reading.fault(span, format!("{key} is malformed"), sentence(&why));
    }

    /// A whole number within its range.
    pub(super) fn number<T>(&self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + PartialOrd + Display + TryFrom<i128>,
    {
        let written = format!("{} to {}", range.start(), range.end());
        self.remember(key, Some(default.to_string()), false, written.clone());
        self.number_or(key, &range, &written).unwrap_or(default)
    }

    /// A whole number that need not be written.
    pub(super) fn maybe_number<T>(&self, key: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + PartialOrd + Display + TryFrom<i128>,
    {
        let written = format!("{} to {}", range.start(), range.end());
        self.remember(key, None, false, written.clone());
        self.number_or(key, &range, &written)
    }

    fn number_or<T>(&self, key: &'static str, range: &RangeInclusive<T>, written: &str) -> Option<T>
    where
        T: Copy + PartialOrd + TryFrom<i128>,
    {
        let value = self.value(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            self.wrong_type(value, &format!("a whole number for {key}, {written}"));
            return None;
        };
        let number =
            i128::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(|number| T::try_from(number).ok());
        let fits = number.filter(|number| range.contains(number));
        if fits.is_none() {
            self.reading.fault(
                &value.span(),
                format!("{key} = {integer} is out of range"),
                format!("Write a number from {written}."),
            );
        }
        fits
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        self.remember(key, Some(default.to_string()), false, "true or false".to_owned());
        let Some(value) = self.value(key) else { return default };
        let DeValue::Boolean(flag) = value.get_ref() else {
            self.wrong_type(value, &format!("true or false for {key}"));
            return default;
        };
        *flag
    }

    /// A text with a default.
    pub(super) fn text<T, E: Display>(
        &self,
        key: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        self.remember(key, Some(quoted(default)), false, String::new());
        let written = self.value(key).and_then(|value| self.parsed(key, value, &parse));
        // Invariant: a default is well formed; the manual's test reads each of them.
        written.unwrap_or_else(|| parse(default).unwrap_or_else(|why| unreachable!("the default of {key}: {why}")))
    }

    /// A text that need not be written.
    pub(super) fn maybe<T, E: Display>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        self.remember(key, None, false, String::new());
        self.value(key).and_then(|value| self.parsed(key, value, &parse))
    }

    /// A text without which nothing starts. `given` is what `tenantry dev` puts in its place.
    pub(super) fn required<T, E: Display>(
        &self,
        key: &'static str,
        example: &str,
        given: Option<&str>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.remember(key, None, true, String::new());
        if let Some(value) = self.value(key) {
            return self.parsed(key, value, &parse);
        }
        if let Some(given) = given {
            return parse(given).ok();
        }
        let heading = if self.is_written() { String::new() } else { format!(" under [{}]", self.path) };
        let what = format!("{}.{key} is missing", self.path);
        self.reading.missing(&self.span, what, format!("Add {key} = {example}{heading}."));
        None
    }

    fn parsed<T, E: Display>(
        &self,
        key: &str,
        value: &'r Spanned<DeValue<'t>>,
        parse: &impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text_of(value)?;
        parse(text.value).map_err(|why| self.malformed(key, &text.span, why)).ok()
    }

    fn text_of(&self, value: &'r Spanned<DeValue<'t>>) -> Option<At<&'r str>> {
        match value.get_ref() {
            DeValue::String(text) if secret::is_value(text) => {
                self.reading.fault(&value.span(), "this is a secret", secret::ADVICE);
                None
            }
            DeValue::String(text) => Some(At { value: text, span: value.span() }),
            _ => {
                self.wrong_type(value, "a text in quotes");
                None
            }
        }
    }

    /// A word of a closed list.
    pub(super) fn choice<C: Choice>(&self, key: &'static str, default: C) -> C {
        self.remember(key, Some(quoted(default.word())), false, words::<C>());
        self.chosen(key).unwrap_or(default)
    }

    /// A word of a closed list, when one is written.
    pub(super) fn maybe_choice<C: Choice>(&self, key: &'static str) -> Option<C> {
        self.remember(key, None, false, words::<C>());
        self.chosen(key)
    }

    fn chosen<C: Choice>(&self, key: &'static str) -> Option<C> {
        let text = self.value(key).and_then(|value| self.text_of(value))?;
        self.choose(key, &text)
    }

    /// The word's meaning, or a fault that names the words.
    pub(super) fn choose<C: Choice>(&self, key: &str, text: &At<&str>) -> Option<C> {
        let chosen = C::WORDS.iter().find(|(word, _)| *word == text.value).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let mean = did_you_mean(text.value, C::WORDS.iter().map(|(word, _)| *word));
            let fix = format!("{mean}Write {}.", words::<C>());
            self.reading.fault(&text.span, format!("{key} = {:?} is not known", text.value), fix);
        }
        chosen
    }

    /// One word, whose meaning is the caller's.
    pub(super) fn word(&self, key: &'static str, default: Option<&str>, range: &str) -> Option<At<&'r str>> {
        self.remember(key, default.map(quoted), false, range.to_owned());
        self.value(key).and_then(|value| self.text_of(value))
    }

    /// Words, one or a list of them; their meaning is the caller's.
    pub(super) fn words(&self, key: &'static str, default: &[&str], range: &str) -> Vec<At<&'r str>> {
        let written = default.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
        self.remember(key, Some(format!("[{written}]")), false, range.to_owned());
        self.value(key).map_or_else(Vec::new, |value| self.texts_of(value))
    }

    /// Texts that are parsed one by one; none unless written.
    pub(super) fn list<T, E: Display>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let parsed = |text: At<&str>| parse(text.value).map_err(|why| self.malformed(key, &text.span, why)).ok();
        self.words(key, &[], "").into_iter().filter_map(parsed).collect()
    }

    fn texts_of(&self, value: &'r Spanned<DeValue<'t>>) -> Vec<At<&'r str>> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(|item| self.text_of(item)).collect(),
            DeValue::String(_) => self.text_of(value).into_iter().collect(),
            _ => {
                self.wrong_type(value, "a list of texts, such as [\"a\", \"b\"]");
                Vec::new()
            }
        }
    }
}

fn words<C: Choice>() -> String {
    C::WORDS.iter().map(|(word, _)| quoted(word)).collect::<Vec<_>>().join(" or ")
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A message as a sentence: capital, full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
