//! `body_schema`: what the body of a request must be, in JSON Schema 2020-12 [WEB-7].
//!
//! What must always hold:
//! - A schema is compiled at the start. One that cannot be, or whose words nobody knows, stops it: nothing is left out in
//!   silence.
//! - Files below the directory of `tenantry.toml` are all that is read, by `$ref` too; nothing is fetched.
//! - Holding a body against it takes time in the length of the body: patterns have neither look-around nor references back.

use std::path::{Component, Path, PathBuf};

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;
use tenantry_core::strict_json;

use crate::config::section::Section;

/// What a body may have where nothing else is said.
const MOST_BYTES: u64 = 256 * 1024;
/// A body is held in memory while it is looked at.
const MOST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A schema larger than this is generated from something simpler.
const SCHEMA_BYTES_MAX: u64 = 1024 * 1024;
/// What one pattern may take when it is compiled, and while it runs.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// In a larger body the first place that does not fit ends the look: to find all of them costs more than the body.
const SMALL_BYTES: usize = 16 * 1024;
/// Places named at a time; with these mended, the next are found.
const MISFITS_MOST: usize = 8;
/// A sentence about a place; one of a list of a thousand words is cut.
const SENTENCE_CHARS_MAX: usize = 200;
/// Where the directory's files are for one another. Nothing is ever looked up there.
const BASE: &str = "file:///";
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema, ready to hold bodies against.
pub struct BodySchema {
    /// As the file names it.
    pub name: String,
    /// What a body may have.
    pub most_bytes: u64,
    validator: Validator,
}

impl std::fmt::Debug for BodySchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BodySchema({}, at most {} bytes)", self.name, self.most_bytes)
    }
}

/// Why a body does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is no JSON, or JSON that two readers could read in two ways. What is wrong, and where.
    NotJson(String),
    /// It is JSON, and not what is asked for. Places by RFC 6901, each with what is wrong.
    Misfit(Vec<(String, String)>),
}

impl BodySchema {
    pub(super) fn read(section: &Section<'_, '_>, route: &str) -> Option<Self> {
        let most = section.maybe_number("body_schema_max_bytes", 1..=MOST_BYTES_MAX);
        let word = section.word("body_schema", None, "");
        if word.is_none() && section.has("body_schema_max_bytes") {
            let fix =
                "Write body_schema = \"….json\", or leave it out: max_body_bytes limits bodies that are not looked at.";
            let what = format!("{route} limits the bodies that a schema is held against, and has none");
            section.reading.fault(&section.span_of("body_schema_max_bytes"), what, fix);
        }
        let word = word?;
        let directory = section.reading.directory();
        match compile(&directory, word.value) {
            Ok(validator) => {
                Some(Self { name: word.value.to_owned(), most_bytes: most.unwrap_or(MOST_BYTES), validator })
            }
            Err((what, fix)) => {
                section.reading.fault(&word.span, format!("body_schema {:?} {what}", word.value), fix);
                None
            }
        }
    }

    /// Holds a body against the schema. It is JSON in which nothing is named twice, in UTF-8 and at most 128 levels deep.
    ///
    /// # Errors
    /// [`BodyFault`], for whoever sent it.
    pub fn check(&self, body: &[u8]) -> Result<(), BodyFault> {
        let value: Value = strict_json::from_slice(body).map_err(|error| BodyFault::NotJson(error.to_string()))?;
        let misfits: Vec<_> = match body.len() <= SMALL_BYTES {
            true => self.validator.iter_errors(&value).take(MISFITS_MOST).map(|error| misfit(&error)).collect(),
            false => self.validator.validate(&value).err().map(|error| misfit(&error)).into_iter().collect(),
        };
        if misfits.is_empty() { Ok(()) } else { Err(BodyFault::Misfit(misfits)) }
    }
}

fn one_line(text: &str) -> String {
    cut(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SENTENCE_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The place and what is wrong there, without the value: it may be a secret, and it may be long.
fn misfit(error: &ValidationError<'_>) -> (String, String) {
    (error.instance_path().to_string(), cut(error.masked_with("This").to_string()))
}

/// What is wrong and how to mend it.
type Fault = (String, &'static str);

fn compile(directory: &Path, name: &str) -> Result<Validator, Fault> {
    let schema = read(directory, name)?;
    let dialect = schema.get("$schema").and_then(Value::as_str).unwrap_or(DIALECT).trim_end_matches('#');
    if dialect != DIALECT {
        return Err((format!("is written for {dialect}"), "Write it for JSON Schema 2020-12."));
    }
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_base_uri(format!("{BASE}{name}"))
        .with_retriever(Files(directory.to_owned()))
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX))
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false);
    options.build(&schema).map_err(|error| {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "at its top".to_owned() } else { format!("at {place}") };
        (
            format!("is no schema {place}: {}", one_line(&error.to_string())),
            "Mend it: JSON Schema 2020-12, patterns without look-around, known formats, and $ref to files beside it.",
        )
    })
}

/// A file below the directory, as JSON.
fn read(directory: &Path, name: &str) -> Result<Value, Fault> {
    let path = below(directory, name)
        .ok_or(("leads out of the directory of this file".to_owned(), "Name a file beside or below it."))?;
    let unreadable =
        |cause: &dyn std::fmt::Display| (format!("cannot be read: {cause}"), "Name a file that this user may read.");
    let length = std::fs::metadata(&path).map_err(|cause| unreadable(&cause))?.len();
    if length > SCHEMA_BYTES_MAX {
        return Err((format!("is larger than {SCHEMA_BYTES_MAX} bytes"), "Is it the right file?"));
    }
    let bytes = std::fs::read(&path).map_err(|cause| unreadable(&cause))?;
    strict_json::from_slice(&bytes)
        .map_err(|cause| (format!("is no JSON: {cause}"), "Mend it; the form is at https://json.org."))
}

/// The path of a name that stays below the directory, also where links on the way lead elsewhere.
fn below(directory: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let path = directory.join(name);
    let Ok(real) = path.canonicalize() else { return is_plain.then_some(path) };
    let is_below = directory.canonicalize().is_ok_and(|directory| real.starts_with(directory));
    (is_plain && is_below).then_some(real)
}

/// `$ref` to other files of the directory. Everything else is refused: nothing is fetched, at the start or later.
struct Files(PathBuf);

impl Retrieve for Files {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name =
            uri.as_str().strip_prefix(BASE).ok_or_else(|| format!("{uri} is elsewhere, and nothing is fetched"))?;
        let name = percent_encoding::percent_decode_str(name).decode_utf8()?;
        read(&self.0, &name).map_err(|(what, _)| format!("{name} {what}").into())
    }
}
