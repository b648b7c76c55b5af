//! How letters look, where the operator says otherwise: templates in a directory, read once at the start.
//!
//! `letter.html` and `letter.txt` are the frame of all; `NAME.html`, `NAME.txt` and `NAME.subject.txt` are one letter's
//! own. Each sees the same values: `brand`, `subject`, `title`, `text`, `action`, `link`, `note`, `foot`, `letter`.
//!
//! What must always hold:
//!
//! - A template that does not read, names a value that is not there, or leaves out the link stops the start, with file
//!   and line. A mail that cannot be drawn by it later is sent as it is built in: it is never lost for its looks.
//! - What is put into HTML is escaped; a subject stays one line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::{AutoEscape, Environment, Template, UndefinedBehavior, Value, context};
use serde::{Deserialize, Serialize};

use super::samples::samples;
use super::{Mail, MailFault};
use crate::config;

/// Bytes of a template: mails beyond some hundred KB are cut by their readers.
const TEMPLATE_BYTES_MOST: u64 = 256 * 1024;
/// The frame of every letter without a file of its own.
const FRAME: &str = "letter";

/// What a letter says, without its looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Which letter: `verify_address`.
    pub letter: String,
    /// What the product is called.
    pub brand: String,
    /// The headline.
    pub title: String,
    /// What happened.
    pub text: String,
    /// What the link does.
    pub action: String,
    /// Where it leads.
    pub link: String,
    /// What to do otherwise.
    pub note: String,
    /// Who sends it.
    pub foot: String,
}

/// The operator's templates. Empty: every letter as it is built in.
#[derive(Debug, Default)]
pub struct Looks {
    templates: Option<Environment<'static>>,
}

/// A part of a mail.
#[derive(Clone, Copy)]
enum Part {
    Html,
    Text,
    Subject,
}

impl Part {
    const ALL: [Self; 3] = [Self::Html, Self::Text, Self::Subject];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Html => ".html",
            Self::Text => ".txt",
            Self::Subject => ".subject.txt",
        }
    }
}

impl Looks {
    /// As the configuration says.
    ///
    /// # Errors
    /// [`MailFault::Template`] with the file and what to do.
    pub fn configured(config: &config::Mail) -> Result<Self, MailFault> {
        config.templates.as_ref().map_or_else(|| Ok(Self::default()), |directory| Self::read(directory, &samples()))
    }

    /// Reads a directory, and draws every letter with it once.
    ///
    /// # Errors
    /// [`MailFault::Template`] with the file and what to do.
    pub fn read(directory: &Path, samples: &[Mail]) -> Result<Self, MailFault> {
        let letters: Vec<&str> = samples.iter().filter_map(|mail| Some(mail.sheet.as_ref()?.letter.as_str())).collect();
        let environment = environment(files(directory, &letters)?).map_err(|fault| faulty(directory, &fault))?;
        let looks = Self { templates: Some(environment) };
        for sample in samples {
            looks.try_on(directory, sample)?;
        }
        Ok(looks)
    }

    /// The mail as the operator wants it to look; a part that cannot be drawn stays as it is built in.
    pub fn dress(&self, mail: &Mail) -> Mail {
        let mut dressed = mail.clone();
        let Some(sheet) = &mail.sheet else { return dressed };
        for part in Part::ALL {
            match self.draw(sheet, &mail.subject, part) {
                Ok(Some(drawn)) => put(&mut dressed, part, drawn),
                Ok(None) => {}
                Err(fault) => tracing::error!(letter = sheet.letter, %fault, "a letter is sent as it is built in"),
            }
        }
        dressed
    }

    /// A letter's own template, or the frame; none where the built-in one stays.
    fn template(&self, letter: &str, part: Part) -> Option<Template<'_, '_>> {
        let templates = self.templates.as_ref()?;
        let named = |name: &str| templates.get_template(&format!("{name}{}", part.suffix())).ok();
        named(letter).or_else(|| named(FRAME))
    }

    fn draw(&self, sheet: &Sheet, subject: &str, part: Part) -> Result<Option<String>, minijinja::Error> {
        self.template(&sheet.letter, part).map(|template| template.render(values(sheet, subject))).transpose()
    }

    fn try_on(&self, directory: &Path, sample: &Mail) -> Result<(), MailFault> {
        let Some(sheet) = &sample.sheet else { return Ok(()) };
        for part in Part::ALL {
            let drawn = self.draw(sheet, &sample.subject, part).map_err(|fault| faulty(directory, &fault))?;
            let is_whole =
                |drawn: &String| matches!(part, Part::Subject) || drawn.contains(escaped(&sheet.link, part).as_str());
            if !drawn.as_ref().is_none_or(is_whole) {
                let used = self.template(&sheet.letter, part).map_or_else(String::new, |used| used.name().to_owned());
                let file = directory.join(used);
                let what = "the letter has no link in it; write {{ link }} where people should go on";
                return Err(MailFault::Template { file, what: what.to_owned() });
            }
        }
        Ok(())
    }
}

fn values(sheet: &Sheet, subject: &str) -> Value {
    let Sheet { letter, brand, title, text, action, link, note, foot } = sheet;
    context! { letter, brand, title, text, action, link, note, foot, subject }
}

fn put(mail: &mut Mail, part: Part, drawn: String) {
    match part {
        Part::Html => mail.html = drawn,
        Part::Text => mail.text = drawn,
        Part::Subject => mail.subject = drawn.trim().to_owned(),
    }
}

/// As the template writes it: only `&` of a link changes in HTML.
fn escaped(link: &str, part: Part) -> String {
    if matches!(part, Part::Html) { link.replace('&', "&amp;").replace('/', "&#x2f;") } else { link.to_owned() }
}

fn environment(files: BTreeMap<String, String>) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
    for (name, source) in files {
        environment.add_template_owned(name, source)?;
    }
    Ok(environment)
}

fn files(directory: &Path, letters: &[&str]) -> Result<BTreeMap<String, String>, MailFault> {
    let unread = |fault: std::io::Error| MailFault::Template { file: directory.to_owned(), what: fault.to_string() };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.insert(check_name(&path, name, letters)?, read(&path)?);
    }
    Ok(found)
}

/// A file that no letter has is a slip of the pen: it would never be used.
fn check_name(path: &Path, name: String, letters: &[&str]) -> Result<String, MailFault> {
    let stem = Part::ALL.iter().rev().find_map(|part| name.strip_suffix(part.suffix())).unwrap_or_default();
    if stem == FRAME || letters.contains(&stem) {
        return Ok(name);
    }
    let what = format!(
        "no letter has this name. Write letter or one of {}, with .html, .txt or .subject.txt",
        letters.join(", ")
    );
    Err(MailFault::Template { file: path.to_owned(), what })
}

fn read(path: &Path) -> Result<String, MailFault> {
    let fault = |what: String| MailFault::Template { file: path.to_owned(), what };
    let size = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if size > TEMPLATE_BYTES_MOST {
        return Err(fault(format!("a template may have {} KB", TEMPLATE_BYTES_MOST / 1024)));
    }
    std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))
}

fn faulty(directory: &Path, fault: &minijinja::Error) -> MailFault {
    let file = fault.name().map_or_else(PathBuf::new, |name| directory.join(name));
    let line = fault.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    MailFault::Template { file, what: format!("{line}{}", fault.detail().unwrap_or("it cannot be drawn")) }
}
