//! What mails about one's own account say (ID-4). Each names what happened and what to do if it was somebody else.

use tenantry_core::email::EmailAddress;

use super::Mail;
use super::letters::Letter;
use crate::page::words::Words;

/// A letter about an account. Links lead to configured hosts, never to a `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountLetter {
    /// A link that sets a new password.
    ResetPassword,
    /// The same for whoever a workspace was made for: they have no password yet.
    WorkspaceReady,
    /// The password is another one now.
    PasswordChanged,
    /// To the new address: a link that proves it.
    ConfirmEmail,
    /// To an address that has an account already: somebody else wanted it.
    EmailTaken,
    /// To the old address: a change was asked for.
    EmailChangeAsked,
    /// To the old address: it was changed, with a link that undoes it.
    EmailChanged,
    /// To the restored address.
    EmailRestored,
    /// The account is gone.
    AccountDeleted,
}

/// Keys of the catalogue.
struct Keys {
    subject: &'static str,
    title: &'static str,
    text: &'static str,
    act: &'static str,
    note: &'static str,
}

impl AccountLetter {
    /// The mail. `span` is how long the link works, in words; only some letters say it.
    pub fn mail(self, to: EmailAddress, brand: &str, link: &str, span: &str) -> Mail {
        let (words, keys) = (Words::english(), self.keys());
        let filled = |key: &str| words.fill(key, &[("brand", &brand), ("span", &span)]);
        Letter {
            name: self.name(),
            brand,
            title: filled(keys.title),
            text: filled(keys.text),
            act: words.say(keys.act),
            link,
            note: words.say(keys.note),
            foot: filled("mail.foot"),
        }
        .mail(to, filled(keys.subject))
    }

    /// Every letter about an account.
    pub const ALL: [Self; 9] = [
        Self::ResetPassword,
        Self::WorkspaceReady,
        Self::PasswordChanged,
        Self::ConfirmEmail,
        Self::EmailTaken,
        Self::EmailChangeAsked,
        Self::EmailChanged,
        Self::EmailRestored,
        Self::AccountDeleted,
    ];

    /// What an operator's template is called after.
    const fn name(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset_password",
            Self::WorkspaceReady => "workspace_ready",
            Self::PasswordChanged => "password_changed",
            Self::ConfirmEmail => "confirm_email",
            Self::EmailTaken => "email_taken",
            Self::EmailChangeAsked => "email_change_asked",
            Self::EmailChanged => "email_changed",
            Self::EmailRestored => "email_restored",
            Self::AccountDeleted => "account_deleted",
        }
    }

    const fn keys(self) -> Keys {
        match self {
            Self::ResetPassword => Keys {
                subject: "mail.reset_subject",
                title: "mail.reset_title",
                text: "mail.reset_text",
                act: "mail.reset_act",
                note: "mail.reset_note",
            },
            Self::WorkspaceReady => Keys {
                subject: "mail.ready_subject",
                title: "mail.ready_title",
                text: "mail.ready_text",
                act: "mail.ready_act",
                note: "mail.ready_note",
            },
            Self::PasswordChanged => Keys {
                subject: "mail.password_subject",
                title: "mail.password_title",
                text: "mail.password_text",
                act: "mail.password_act",
                note: "mail.password_note",
            },
            Self::ConfirmEmail => Keys {
                subject: "mail.confirm_subject",
                title: "mail.confirm_title",
                text: "mail.confirm_text",
                act: "mail.confirm_act",
                note: "mail.confirm_note",
            },
            Self::EmailTaken => Keys {
                subject: "mail.taken_subject",
                title: "mail.taken_title",
                text: "mail.taken_text",
                act: "mail.known_act",
                note: "mail.known_note",
            },
            Self::EmailChangeAsked => Keys {
                subject: "mail.asked_subject",
                title: "mail.asked_title",
                text: "mail.asked_text",
                act: "mail.asked_act",
                note: "mail.asked_note",
            },
            Self::EmailChanged => Keys {
                subject: "mail.moved_subject",
                title: "mail.moved_title",
                text: "mail.moved_text",
                act: "mail.moved_act",
                note: "mail.moved_note",
            },
            Self::EmailRestored => Keys {
                subject: "mail.restored_subject",
                title: "mail.restored_title",
                text: "mail.restored_text",
                act: "mail.restored_act",
                note: "mail.restored_note",
            },
            Self::AccountDeleted => Keys {
                subject: "mail.deleted_subject",
                title: "mail.deleted_title",
                text: "mail.deleted_text",
                act: "mail.deleted_act",
                note: "mail.deleted_note",
            },
        }
    }
}
