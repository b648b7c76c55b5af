//! From a mail in the queue to the bytes on the wire (RFC 5322, RFC 2045).

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use super::{Mail, Queued};

/// RFC 3834: keeps holiday replies away.
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
/// A subject line is cut here: nobody reads more, and RFC 5322 section 2.1.1 bounds lines.
const SUBJECT_MOST: usize = 200;

/// The message of a queued mail: the same bytes each time.
pub(super) fn compose(queued: &Queued, mail: &Mail, from: &Mailbox) -> Result<Message, String> {
    let to = mail.to.as_str().parse().map_err(|_| "the address is none that a mail can be sent to".to_owned())?;
    let body = MultiPart::alternative()
        .boundary(format!("part-{}", queued.id.simple()))
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(SinglePart::html(mail.html.clone()));
    Message::builder()
        .message_id(Some(format!("<{}@{}>", queued.id, from.email.domain())))
        .date(queued.at.into())
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(one_line(&mail.subject))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .multipart(body)
        .map_err(|error| error.to_string())
}

/// Control characters, line ends among them, become spaces: nothing written by a person starts a new header.
fn one_line(text: &str) -> String {
    text.chars()
        .take(SUBJECT_MOST)
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}
