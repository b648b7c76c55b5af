//! An e-mail address that can be written into a header, a row and a log line without doing harm.
//!
//! A pragmatic subset of RFC 5321: an unquoted ASCII local part and a domain name. Control
//! characters, spaces, quotes, comments and address lists do not pass, so no address can add a
//! header or a recipient to a mail. People write an address in any case; the look-up form does not.

use std::fmt;

use serde::{Deserialize, Serialize};

/// RFC 5321 section 4.5.3.1.3, less the angle brackets.
pub const EMAIL_MAX: usize = 254;
/// RFC 5321 section 4.5.3.1.1.
const LOCAL_MAX: usize = 64;

/// An address that mail can be sent to. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    /// As written, with the domain in lower-case ASCII.
    text: Box<str>,
    /// Wholly in lower case.
    lookup: Box<str>,
}

/// The text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address; write it as name@example.com")]
pub struct NotAnEmail;

impl EmailAddress {
    /// Reads one address; spaces around it are dropped, a domain in another script becomes its ASCII form.
    ///
    /// # Errors
    /// [`NotAnEmail`], which says nothing of what was given.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim_matches(' ');
        let (local, domain) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        let domain = ascii_domain(domain).ok_or(NotAnEmail)?;
        let text = format!("{local}@{domain}");
        if !is_local(local) || text.len() > EMAIL_MAX {
            return Err(NotAnEmail);
        }
        let lookup = text.to_ascii_lowercase().into();
        Ok(Self { text: text.into(), lookup })
    }

    /// The address to send to and to show.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form under which a person is found: two spellings of one mailbox are one person.
    pub fn lookup(&self) -> &str {
        &self.lookup
    }

    /// The part after the `@`, in lower-case ASCII.
    pub fn domain(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Dot-atom of RFC 5322 section 3.2.3.
fn is_local(local: &str) -> bool {
    local.len() <= LOCAL_MAX && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

const fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~')
}

fn ascii_domain(domain: &str) -> Option<String> {
    if domain.len() > EMAIL_MAX || domain.ends_with('.') {
        return None;
    }
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let last = ascii.rsplit('.').next()?;
    let named = !last.bytes().all(|byte| byte.is_ascii_digit());
    // One label reaches nobody from outside; `localhost` is for development.
    (named && (ascii.contains('.') || ascii == "localhost")).then_some(ascii)
}

impl TryFrom<String> for EmailAddress {
    type Error = NotAnEmail;

    fn try_from(text: String) -> Result<Self, NotAnEmail> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.text.into()
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}
