//! What the mail server took, beside the queue that it left.

use jiff::SignedDuration;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::JobId;
use tenantry_platform::db::Operator;
use tenantry_platform::ground::Ground;
use tenantry_platform::jobs::inspect::JOBS_A_PAGE;
use tenantry_platform::mail::sent::{self, SentMail};
use tenantry_platform::page::Chrome;
use tenantry_platform::page::graph::grouped;
use tenantry_platform::permit::{Operate, Permit};
use tenantry_platform::problem::Problem;

use super::http::MAILS;
use super::page::{Sent, SentRow, Tile};

/// Beside the states of a job: the word in addresses.
pub(super) const SENT: &str = "sent";
/// Shown below the queue: what an operator looks for first.
const LATELY: usize = 10;
const DAY: SignedDuration = SignedDuration::from_hours(24);

type OfStaff = Permit<Operate, Operator>;

/// The newest, or a page of all, which begins before one of them. Answers the last one where there are more.
pub(super) async fn show(
    chrome: &Chrome,
    permit: &OfStaff,
    ground: &Ground,
    page: Option<Option<JobId>>,
) -> Result<(Sent, Option<JobId>), Problem> {
    let (before, most) = page.map_or((None, LATELY), |before| (before.map(JobId::uuid), JOBS_A_PAGE));
    let (found, more) = sent::list(permit, ground, before, most).await?;
    let last = found.last().filter(|_| more && page.is_some()).map(|mail| JobId::from_uuid(mail.id));
    let all_href = if more && page.is_none() { format!("{MAILS}?state={SENT}") } else { String::new() };
    Ok((Sent { rows: found.into_iter().map(|mail| row(chrome, mail)).collect(), all_href }, last))
}

/// How many were sent in a day.
pub(super) async fn tile(chrome: &Chrome, permit: &OfStaff, ground: &Ground) -> Result<Tile, Problem> {
    let since = ground.now().checked_sub(DAY).unwrap_or(Timestamp::MIN);
    let count = sent::count(permit, ground, since).await?;
    Ok(Tile { label: chrome.t("jobs.sent"), value: grouped(count), note: chrome.t("jobs.sent_day").to_owned() })
}

fn row(chrome: &Chrome, mail: SentMail) -> SentRow {
    SentRow {
        id: mail.id.to_string(),
        recipient: mail.recipient.unwrap_or_else(|| chrome.t("jobs.unknown_recipient").to_owned()),
        letter: mail.letter,
        queued_at: mail.queued_at,
        sent_at: mail.sent_at,
    }
}
