//! What somebody filled in, and what it means.

use serde::Deserialize;
use tenantry_core::email::EmailAddress;
use tenantry_core::password::{Password, PasswordPolicy};
use tenantry_core::secret::{ExposeSecret, SecretString};
use tenantry_core::slug::{Slug, SlugFault};
use tenantry_platform::page::Field;

use super::page::SignUpForm;
use crate::Options;

/// Longest name of a person or a workspace, in characters: it must fit a line.
const NAME_MOST: usize = 100;

/// The form of `/-/sign-up`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The person's.
    pub name: String,
    /// Where the link goes.
    pub email: String,
    /// Never shown again.
    pub password: SecretString,
    /// What the workspace is called.
    pub workspace: String,
    /// Its name in hosts.
    pub slug: String,
}

/// What was filled in without fault.
#[derive(Clone, Debug)]
pub struct Account {
    pub(super) name: String,
    pub(super) email: EmailAddress,
    pub(super) password: Password,
    pub(super) workspace: String,
    pub(super) slug: Slug,
}

impl Draft {
    /// Reads everything, and names every fault at its field.
    ///
    /// # Errors
    /// The form to show again, without the password.
    pub fn check(&self, options: &Options) -> Result<Account, Box<SignUpForm>> {
        let (name, workspace) = (name(&self.name), name(&self.workspace));
        let slug = read_slug(&self.slug, options);
        let email = EmailAddress::parse(&self.email).map_err(|_| "Write an e-mail address, such as name@example.com.");
        let password = accept(&options.password_policy(), &self.password, &[&self.email, &self.name, &self.workspace]);
        match (name, email, password, workspace, slug) {
            (Ok(name), Ok(email), Ok(password), Ok(workspace), Ok(slug)) => {
                Ok(Account { name, email, password, workspace, slug })
            }
            (name, email, password, workspace, slug) => Err(Box::new(SignUpForm {
                name: field(&self.name, name.err().unwrap_or_default()),
                email: field(&self.email, email.err().unwrap_or_default()),
                password_error: password.err().unwrap_or_default(),
                workspace: field(&self.workspace, workspace.err().unwrap_or_default()),
                slug: field(&self.slug, slug.err().unwrap_or_default()),
            })),
        }
    }

    /// The form again, because somebody else has the slug.
    pub(super) fn slug_taken(&self) -> SignUpForm {
        SignUpForm {
            name: field(&self.name, ""),
            email: field(&self.email, ""),
            password_error: String::new(),
            workspace: field(&self.workspace, ""),
            slug: field(&self.slug, "This address is taken; choose another."),
        }
    }
}

/// A new password, or the sentence on what to do better.
pub(crate) fn accept(policy: &PasswordPolicy, password: &SecretString, about: &[&str]) -> Result<Password, String> {
    policy.accept(password.expose_secret(), about).map_err(|fault| fault.to_string())
}

/// The name of a new workspace in hosts, or the sentence on what to do better.
pub(super) fn read_slug(text: &str, options: &Options) -> Result<Slug, String> {
    let text = text.trim().to_ascii_lowercase();
    if options.names.is_ours(&text) {
        return Err(sentence(&SlugFault::Reserved.to_string()));
    }
    Slug::parse(&text).map_err(|fault| sentence(&fault.to_string()))
}

/// The name of a person or a workspace, or the sentence on what to do better.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("Fill this in."),
        1..=NAME_MOST if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        1..=NAME_MOST => Err("Leave out line breaks and other characters that cannot be seen."),
        _ => Err("Use at most 100 characters."),
    }
}

/// A fault as a sentence of its own.
fn sentence(fault: &str) -> String {
    let mut letters = fault.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn field(value: &str, error: impl Into<String>) -> Field {
    Field { value: value.to_owned(), error: error.into() }
}
