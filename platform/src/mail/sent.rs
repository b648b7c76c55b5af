//! What the mail server took, for platform staff who are asked whether a mail went out.
//!
//! What must always hold: no subject, no text and no link is kept; of the recipient only what staff may see, sealed;
//! nothing for longer than two weeks. A record that cannot be written never sends a mail again.

use jiff::{SignedDuration, Timestamp};
use tenantry_core::seal::Place;
use uuid::Uuid;

use super::{Queued, masked};
use crate::db::{DbFault, Operator, Row};
use crate::ground::Ground;
use crate::jobs;
use crate::permit::{Operate, Permit};

/// As long as a job that failed is kept for whoever asks why.
const KEPT: SignedDuration = jobs::FAILED_KEPT;
/// No more than these, however many are sent: a page and a look through it, not a log.
const KEPT_MOST: i32 = 10_000;

crate::sql! {
    AsDoor JobsOnly NOTE = "select doors.note_sent_mail($1, $2, $3, $4, $5)";
    AsDoor JobsOnly SWEEP = "select doors.sweep_sent_mails($1, $2)";
    AsDoor OnlyOperator LIST = "select id, letter, recipient, queued_at, sent_at from doors.operator_sent_mails($1, $2)";
    AsDoor OnlyOperator COUNT = "select doors.operator_sent_count($1)";
}

/// A mail that the mail server took.
#[derive(Clone, Debug)]
pub struct SentMail {
    /// Its own id, which its `Message-ID` names.
    pub id: Uuid,
    /// Which letter, as templates are called; empty for a mail that is none.
    pub letter: String,
    /// To whom, masked; none where it cannot be read.
    pub recipient: Option<String>,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When the server took it.
    pub sent_at: Timestamp,
}

/// Notes that the server took a mail. Of a twin nothing is noted.
pub(super) async fn note(ground: &Ground, queued: &Queued) -> Result<(), DbFault> {
    let letter = queued.mail.sheet.as_ref().map_or("", |sheet| sheet.letter.as_str());
    let masked = masked(&queued.mail.to).unwrap_or_default();
    let sealed = ground.sealer.seal(&place(queued.id.as_bytes()), masked.as_bytes(), &ground.entropy);
    let mut tx = jobs::permit(super::JOB).begin(ground);
    tx.execute(&NOTE, &[&queued.id, &letter, &sealed, &queued.at, &ground.now()]).await?;
    tx.commit().await
}

/// A page of them, newest first, and whether there are more.
///
/// # Errors
/// What the database says.
pub async fn list(
    permit: &Permit<Operate, Operator>,
    ground: &Ground,
    before: Option<Uuid>,
    most: usize,
) -> Result<(Vec<SentMail>, bool), DbFault> {
    let one_more = i32::try_from(most + 1).unwrap_or(i32::MAX);
    let rows = permit.read(ground, &LIST, &[&before.unwrap_or(Uuid::max()), &one_more]).await?;
    Ok((rows.iter().take(most).map(|row| read(ground, row)).collect(), rows.len() > most))
}

/// How many were sent since then.
///
/// # Errors
/// What the database says.
pub async fn count(permit: &Permit<Operate, Operator>, ground: &Ground, since: Timestamp) -> Result<u64, DbFault> {
    let rows = permit.read(ground, &COUNT, &[&since]).await?;
    Ok(rows.first().and_then(|row| u64::try_from(row.get::<_, i64>(0)).ok()).unwrap_or_default())
}

/// Forgets what is older than two weeks, and what is more than is kept.
///
/// # Errors
/// What the database says.
pub async fn sweep(ground: &Ground) -> Result<(), DbFault> {
    let before = ground.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let mut tx = jobs::permit("forget").begin(ground);
    tx.query_one(&SWEEP, &[&before, &KEPT_MOST]).await?;
    tx.commit().await
}

fn read(ground: &Ground, row: &Row) -> SentMail {
    let (id, sealed): (Uuid, Vec<u8>) = (row.get("id"), row.get("recipient"));
    let plain = ground.sealer.open(&place(id.as_bytes()), &sealed).ok();
    SentMail {
        id,
        letter: row.get("letter"),
        recipient: plain.and_then(|plain| String::from_utf8(plain.to_vec()).ok()),
        queued_at: row.get("queued_at"),
        sent_at: row.get("sent_at"),
    }
}

fn place(id: &[u8; 16]) -> Place<'_> {
    Place { label: "mail", scope: "control", table: "sent_mails", column: "recipient", row: id }
}
