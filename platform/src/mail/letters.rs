//! What mails say. Words come from the catalogue of the pages; links from configured hosts, never from a `Host`.

use askama::Template;
use tenantry_core::email::EmailAddress;

use super::{Mail, Sheet};
use crate::page::words::Words;

/// "Confirm that this is your address": the link works once.
#[derive(Debug)]
pub struct VerifyAddress<'a> {
    /// What the product is called.
    pub brand: &'a str,
    /// The host of the workspace that waits: no words of whoever signed up.
    pub workspace: &'a str,
    /// The configured host's page, with the token.
    pub link: &'a str,
    /// How long the link works.
    pub hours: u64,
}

/// "Somebody signed up with your address, and you have an account": no link that does anything by itself.
#[derive(Debug)]
pub struct AddressInUse<'a> {
    /// What the product is called.
    pub brand: &'a str,
    /// The sign-in page.
    pub sign_in: &'a str,
}

/// "You are invited to a workspace": the link works once, for the owner of the mailbox alone.
#[derive(Debug)]
pub struct InvitationLetter<'a> {
    /// What the product is called.
    pub brand: &'a str,
    /// The host of the workspace: no words of whoever invites.
    pub workspace: &'a str,
    /// The configured host's page, with the token.
    pub link: &'a str,
    /// How long the link works.
    pub hours: u64,
}

/// "A key of the workspace ends soon": for people who can do something about it.
#[derive(Debug)]
pub struct KeyEnding<'a> {
    /// What the product is called.
    pub brand: &'a str,
    /// The key's name.
    pub key: &'a str,
    /// The workspace's name.
    pub workspace: &'a str,
    /// `live` or `test`.
    pub mode: &'a str,
    /// Days until its end, rounded up.
    pub days: usize,
    /// The key's page.
    pub link: String,
}

/// "Somebody is refused again and again": for whoever runs the platform.
#[derive(Debug)]
pub struct AlertLetter<'a> {
    /// What the product is called.
    pub brand: &'a str,
    /// What was seen.
    pub seen: Seen,
    /// Minutes of the window that was counted.
    pub minutes: usize,
    /// Where blocks are listed and lifted.
    pub link: &'a str,
}

/// What an alert is about.
#[derive(Clone, Debug)]
pub enum Seen {
    /// One address, key, person or workspace, and how often it was refused.
    Refusals { whom: Whom, count: usize },
    /// Blocks of all together.
    Blocks { count: usize },
}

/// Whom an alert names: an address, or ids.
#[derive(Clone, Debug)]
pub enum Whom {
    /// An address or its network.
    Address(String),
    /// A key of a workspace.
    Key { key: String, tenant: String },
    /// A person in a workspace.
    Person { person: String, tenant: String },
    /// A workspace.
    Tenant(String),
}

impl VerifyAddress<'_> {
    /// The mail. Its link is for the owner of the mailbox alone.
    pub fn mail(&self, to: EmailAddress) -> Mail {
        let words = Words::english();
        let subject = words.fill("mail.verify_subject", &[("brand", &self.brand)]);
        let hours = words.hours(self.hours);
        Letter {
            name: "verify_address",
            brand: self.brand,
            title: words.fill("mail.verify_title", &[("workspace", &self.workspace)]),
            text: words.fill("mail.verify_text", &[("brand", &self.brand), ("span", &hours)]),
            act: words.say("mail.verify_act"),
            link: self.link,
            note: words.say("mail.verify_note"),
            foot: words.fill("mail.foot", &[("brand", &self.brand)]),
        }
        .mail(to, subject)
    }
}

impl AddressInUse<'_> {
    /// The mail.
    pub fn mail(&self, to: EmailAddress) -> Mail {
        let words = Words::english();
        let subject = words.fill("mail.known_subject", &[("brand", &self.brand)]);
        Letter {
            name: "address_in_use",
            brand: self.brand,
            title: words.say("mail.known_title").to_owned(),
            text: words.fill("mail.known_text", &[("brand", &self.brand)]),
            act: words.say("mail.known_act"),
            link: self.sign_in,
            note: words.say("mail.known_note"),
            foot: words.fill("mail.foot", &[("brand", &self.brand)]),
        }
        .mail(to, subject)
    }
}

impl InvitationLetter<'_> {
    /// The mail. Its link is for the owner of the mailbox alone.
    pub fn mail(&self, to: EmailAddress) -> Mail {
        let words = Words::english();
        let subject = words.fill("mail.invitation_subject", &[("workspace", &self.workspace)]);
        let span = words.hours(self.hours);
        Letter {
            name: "invitation",
            brand: self.brand,
            title: words.fill("mail.invitation_title", &[("workspace", &self.workspace)]),
            text: words.fill("mail.invitation_text", &[("brand", &self.brand), ("span", &span)]),
            act: words.say("mail.invitation_act"),
            link: self.link,
            note: words.say("mail.invitation_note"),
            foot: words.fill("mail.foot", &[("brand", &self.brand)]),
        }
        .mail(to, subject)
    }
}

impl KeyEnding<'_> {
    /// The mail.
    pub fn mail(&self, to: EmailAddress) -> Mail {
        let words = Words::english();
        let span = words.count("time.day", self.days);
        let facts: [(&str, &dyn std::fmt::Display); 4] =
            [("key", &self.key), ("workspace", &self.workspace), ("mode", &self.mode), ("span", &span)];
        let subject = words.fill("mail.key_subject", &facts);
        Letter {
            name: "key_ending",
            brand: self.brand,
            title: words.fill("mail.key_title", &facts),
            text: words.fill("mail.key_text", &facts),
            act: words.say("mail.key_act"),
            link: &self.link,
            note: words.say("mail.key_note"),
            foot: words.fill("mail.foot", &[("brand", &self.brand)]),
        }
        .mail(to, subject)
    }
}

impl AlertLetter<'_> {
    /// The mail.
    pub fn mail(&self, to: EmailAddress) -> Mail {
        let words = Words::english();
        let span = words.count("time.minute", self.minutes);
        let (title, text) = match &self.seen {
            Seen::Blocks { count } => (
                words.fill("mail.alert_blocks_subject", &[("count", count), ("span", &span)]),
                words.say("mail.alert_blocks_text"),
            ),
            Seen::Refusals { whom, count } => {
                let whom = whom.told(words);
                let facts: [(&str, &dyn std::fmt::Display); 3] = [("whom", &whom), ("count", count), ("span", &span)];
                (words.fill("mail.alert_refusals_subject", &facts), words.say("mail.alert_refusals_text"))
            }
        };
        Letter {
            name: "alert",
            brand: self.brand,
            text: text.to_owned(),
            act: words.say("mail.alert_act"),
            link: self.link,
            note: words.say("mail.alert_note"),
            foot: words.fill("mail.foot", &[("brand", &self.brand)]),
            title: title.clone(),
        }
        .mail(to, title)
    }
}

impl Whom {
    fn told(&self, words: &Words) -> String {
        match self {
            Self::Address(address) => words.fill("mail.alert_address", &[("address", address)]),
            Self::Key { key, tenant } => words.fill("mail.alert_key", &[("key", key), ("tenant", tenant)]),
            Self::Person { person, tenant } => {
                words.fill("mail.alert_person", &[("person", person), ("tenant", tenant)])
            }
            Self::Tenant(tenant) => words.fill("mail.alert_tenant", &[("tenant", tenant)]),
        }
    }
}

/// What all letters share, as HTML.
#[derive(Template)]
#[template(path = "mail/letter.html")]
pub(super) struct Letter<'a> {
    /// What an operator's template is called after.
    pub(super) name: &'static str,
    pub(super) brand: &'a str,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) act: &'a str,
    pub(super) link: &'a str,
    pub(super) note: &'a str,
    pub(super) foot: String,
}

/// The same without HTML.
#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Plain<'a>(&'a Letter<'a>);

impl Letter<'_> {
    pub(super) fn mail(&self, to: EmailAddress, subject: String) -> Mail {
        // Invariant: both templates write strings into a string, which cannot fail.
        let (text, html) = (Plain(self).render().expect("text"), self.render().expect("html"));
        Mail { to, subject, text, html, sheet: Some(self.sheet()) }
    }

    fn sheet(&self) -> Sheet {
        Sheet {
            letter: self.name.to_owned(),
            brand: self.brand.to_owned(),
            title: self.title.clone(),
            text: self.text.clone(),
            action: self.act.to_owned(),
            link: self.link.to_owned(),
            note: self.note.to_owned(),
            foot: self.foot.clone(),
        }
    }
}
