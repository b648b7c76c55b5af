//! One line of the file, and what it means.

use serde::Deserialize;
use tenantry_core::email::EmailAddress;
use tenantry_core::password_hash::{NotAHash, PasswordHash};
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_core::slug::Slug;

use super::super::checked_name;

/// Bytes of a line: an address, two names and a hash, several times over.
pub const LINE_BYTES_MOST: usize = 8 * 1024;

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    email: String,
    name: String,
    password_hash: Option<SecretString>,
    #[serde(default)]
    email_verified: bool,
    workspace: Option<String>,
    role: Option<String>,
}

/// A line without fault.
#[derive(Debug)]
pub struct Newcomer {
    email: EmailAddress,
    name: String,
    hash: Option<PasswordHash>,
    is_verified: bool,
    place: Option<(Slug, Option<String>)>,
}

/// What is wrong with a line, and how to mend it. Shows nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// Not this shape.
    #[error(
        "{0}. A line is an object with email, name, and, as far as known, password_hash, email_verified, workspace and role."
    )]
    Shape(String),
    /// No address.
    #[error("email: this is not an e-mail address; write it as name@example.com.")]
    Email,
    /// No name.
    #[error("name: {0}")]
    Name(&'static str),
    /// No hash that can be taken.
    #[error("password_hash: {0}")]
    Hash(#[from] NotAHash),
    /// No slug.
    #[error("workspace: write the workspace's name in hosts, such as acme.")]
    Workspace,
    /// A role nowhere.
    #[error("role: a role belongs to a workspace; write workspace as well.")]
    Homeless,
}

impl Newcomer {
    /// Reads a line of JSON.
    ///
    /// # Errors
    /// [`LineFault`], the first.
    pub fn read(text: &[u8]) -> Result<Self, LineFault> {
        let line: Line = serde_json::from_slice(text).map_err(|error| LineFault::Shape(shape(&error)))?;
        Self::check(line)
    }

    fn check(line: Line) -> Result<Self, LineFault> {
        let email = EmailAddress::parse(&line.email).map_err(|_| LineFault::Email)?;
        let name = checked_name(&line.name).map_err(LineFault::Name)?;
        let hash = line.password_hash.map(|hash| PasswordHash::import(hash.expose_secret().trim())).transpose()?;
        let place = match (line.workspace, line.role) {
            (None, Some(_)) => return Err(LineFault::Homeless),
            (None, None) => None,
            (Some(slug), role) => Some((Slug::from_stored(&slug).map_err(|_| LineFault::Workspace)?, role)),
        };
        Ok(Self { email, name, hash, is_verified: line.email_verified, place })
    }

    /// The address.
    pub const fn email(&self) -> &EmailAddress {
        &self.email
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password, if one comes along.
    pub const fn hash(&self) -> Option<&PasswordHash> {
        self.hash.as_ref()
    }

    /// Whether the other product has verified the address.
    pub const fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// In which workspace, and in which role if one is said.
    pub fn place(&self) -> Option<(&Slug, Option<&str>)> {
        self.place.as_ref().map(|(slug, role)| (slug, role.as_deref()))
    }
}

/// serde's words may repeat a value of the line; its kind and place do not.
fn shape(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a field is missing, unknown or of another kind",
        _ => "this is no JSON",
    };
    format!("{kind} (column {})", error.column())
}
