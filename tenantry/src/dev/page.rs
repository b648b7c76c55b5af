//! The mailbox that catches all mail of `tenantry dev`.

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::{Chrome, Field};

#[derive(Debug, Template)]
#[template(path = "dev/mailbox.html")]
pub(super) struct Mailbox {
    pub chrome: Chrome,
    /// Whose mail is shown; empty for everybody's.
    pub to: Field,
    pub mails: Vec<MailRow>,
    pub clear_href: String,
}

impl Mailbox {
    pub(super) const TITLE: &'static str = "mailbox.title";
}

#[derive(Clone, Debug)]
pub(super) struct MailRow {
    pub at: Timestamp,
    pub to: String,
    pub subject: String,
    pub href: String,
}

#[derive(Debug, Template)]
#[template(path = "dev/mail.html")]
pub(super) struct Mail {
    pub chrome: Chrome,
    pub at: Timestamp,
    pub from: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    /// The addresses in the text, in order.
    pub links: Vec<String>,
    pub back_href: String,
}

#[derive(Debug, Template)]
#[template(path = "dev/letters.html")]
pub(super) struct Letters {
    pub chrome: Chrome,
    pub letters: Vec<LetterRow>,
}

impl Letters {
    pub(super) const TITLE: &'static str = "letters.title";
}

#[derive(Clone, Debug)]
pub(super) struct LetterRow {
    pub name: String,
    pub subject: String,
    pub href: String,
}

#[derive(Debug, Template)]
#[template(path = "dev/letter.html")]
pub(super) struct Letter {
    pub chrome: Chrome,
    /// What an operator's template is called after.
    pub name: String,
    pub subject: String,
    pub text: String,
    pub html_href: String,
    pub back_href: String,
}
