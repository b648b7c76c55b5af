//! Mail: asked for in the transaction of the change, sent after it as a job.
//!
//! What must always hold:
//!
//! - No mail leaves before the commit that asks for it; a rolled-back change sends nothing.
//! - A mail is sent at least once. A twin, after a kill between sending and marking, has the same
//!   `Message-ID`, date and boundaries, so that servers and mailboxes can tell.
//! - Nothing that a person wrote can add a header, a recipient or markup: addresses are parsed, header texts
//!   lose their control characters, templates escape.
//! - What goes to an address under `.invalid` is not sent: [`nowhere`] keeps it for a moment.
//! - In dev the same SMTP path ends in the [`sink`], on loopback, and no mail leaves the machine.

mod account;
mod compose;
mod letters;
mod looks;
mod mailbox;
pub mod nowhere;
mod postman;
mod samples;
pub mod sent;
pub mod sink;

use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{self, JobId};
use uuid::Uuid;

use crate::db::{DbFault, Everywhere, In, Plane, TenantTx};
use crate::ground::Ground;
use crate::jobs;

pub use account::AccountLetter;
pub use letters::{AddressInUse, AlertLetter, InvitationLetter, KeyEnding, Seen, VerifyAddress, Whom};
pub use looks::{Looks, Sheet};
pub use mailbox::{Mailbox, Received};
pub use postman::{MailFault, Postman, attend};
pub use samples::samples;

/// The kind of the job that sends one mail.
pub const JOB: &str = "mail.send";

/// One mail to one person. Its `Debug` shows nothing of it: the text holds one-time links.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// To whom.
    pub to: EmailAddress,
    /// One line.
    pub subject: String,
    /// For readers without HTML: complete in itself.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What it says, for whoever gives it other looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Sheet>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mail(…)")
    }
}

/// A mail in the queue, with what makes it recognisable when it is sent twice.
#[derive(Debug, Serialize, Deserialize)]
struct Queued {
    id: Uuid,
    at: Timestamp,
    mail: Mail,
}

/// To whom the mail of a job goes, as far as staff may see: `a…@example.com`.
pub(crate) fn masked_recipient(job: &[u8]) -> Option<String> {
    let queued: Queued = serde_json::from_slice(job).ok()?;
    masked(&queued.mail.to)
}

fn masked(address: &EmailAddress) -> Option<String> {
    let (local, domain) = address.as_str().split_once('@')?;
    let first = local.chars().next()?;
    Some(format!("{first}…@{domain}"))
}

/// Puts a mail into the queue, in the transaction of the change that asks for it.
///
/// # Errors
/// What the database says; the transaction is lost then.
pub async fn enqueue<M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    mail: Mail,
) -> Result<JobId, DbFault> {
    let (id, now) = (ids::uuid7(&ground.clock, &ground.entropy), ground.now());
    let (kind, due) = if nowhere::is_nowhere(&mail.to) { (nowhere::JOB, nowhere::until(now)) } else { (JOB, now) };
    jobs::enqueue_for(tx, ground, (kind, due), &Queued { id, at: now, mail }).await
}
