//! Letters to addresses where no mailbox can be: those under `.invalid` (RFC 6761 section 6.4).
//!
//! None is ever sent. Each waits in the queue for ten minutes, where whoever tries our claims reads it as its recipient
//! would, and is then forgotten.

use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use uuid::Uuid;

use super::{Mail, Queued};
use crate::db::{Context, DbFault, Jobs};
use crate::ground::Ground;
use crate::jobs::{self, Runner};
use crate::permit::{Actor, Origin, Permit, RunJobs};

/// The kind of the job that forgets one.
pub(super) const JOB: &str = "mail.nowhere";
/// How long one waits.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Letters looked at: a few checks cause them, and each takes its own away.
const MOST: i64 = 200;

crate::sql! {
    AsQueue JobsOnly WAITING = "select id, payload from jobs where kind = 'mail.nowhere' order by id limit $1";
    AsQueue JobsOnly TAKE = "delete from jobs where id = $1";
}

pub(super) fn is_nowhere(to: &EmailAddress) -> bool {
    to.domain().rsplit('.').next() == Some("invalid")
}

/// When one is forgotten.
pub(super) fn until(now: Timestamp) -> Timestamp {
    now.checked_add(KEPT).unwrap_or(now)
}

/// The letters that wait for an address, oldest first. They are gone then.
///
/// # Errors
/// What the database says.
pub async fn take(ground: &Ground, to: &EmailAddress) -> Result<Vec<Mail>, DbFault> {
    let actor = Actor::system("posture", "letters");
    let mut tx = Permit::<RunJobs, Jobs>::system(Context::default(), actor, Origin::default()).begin(ground);
    let mut found = Vec::new();
    for row in tx.query(&WAITING, &[&MOST]).await? {
        let (id, sealed): (Uuid, Vec<u8>) = (row.get(0), row.get(1));
        let opened = jobs::open(ground, id, &sealed).ok();
        let queued = opened.and_then(|plain| serde_json::from_slice::<Queued>(&plain).ok());
        if let Some(queued) = queued.filter(|queued| queued.mail.to.lookup() == to.lookup()) {
            tx.execute(&TAKE, &[&id]).await?;
            found.push(queued.mail);
        }
    }
    tx.commit().await?;
    Ok(found)
}

/// Forgets those whose time is over.
pub(super) fn attend(runner: &mut Runner) {
    runner.on(JOB, |_, _: Queued| async { Ok(()) });
}
