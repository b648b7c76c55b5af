//! Who is told of offenders: operators by mail, a workspace of its own by an event, everybody who reads it by the log.
//!
//! What must always hold: what was told is not told again for a while, and whatever happens not more mails than so many
//! an hour are sent, by all nodes together. The claim, the event and the mails stand in one transaction.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::uuid7;
use tenantry_platform::config::Config;
use tenantry_platform::db::{Control, DbFault, TenantTx};
use tenantry_platform::ground::Ground;
use tenantry_platform::mail::{self, AlertLetter, Seen, Whom};
use tenantry_platform::record;
use tracing::field::display;

use super::counters::add;
use super::events::ALERT_RAISED;
use super::ledger::{About, Ledger};
use super::offender::Offender;
use super::store;

/// Where an operator goes on.
pub const PAGE: &str = "/-/operator/offenders";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long it is remembered what was told: longer than any quiet time.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

tenantry_platform::sql! {
    AsDoor OnlyControl CLAIM = "select doors.claim_alert($1, $2, $3, $4, $5, $6)";
    AsDoor JobsOnly SWEEP = "select doors.sweep_alerts($1, $2)";
}

/// What every letter says.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    brand: String,
    link: String,
}

impl Sender {
    pub(super) fn of(config: &Config) -> Self {
        let link = format!("{}{PAGE}", config.hosts.origin(&config.hosts.central()));
        Self { brand: config.brand.name.clone(), link }
    }
}

impl Ledger {
    /// Tells of something, unless it was told a moment ago.
    pub(super) async fn tell(&self, ground: &Ground, about: About, count: u32, at_ms: u64) -> Result<(), DbFault> {
        let tenant = about.offender().and_then(Offender::tenant);
        let mut tx = store::permit(tenant).begin(ground);
        let now = super::run::timestamp(at_ms);
        let claimed = self.claim(ground, &mut tx, about, now).await?;
        if claimed == "quiet" {
            add(&self.counters.quiet_alerts);
            return tx.commit().await;
        }
        if let (Some(offender), Some(_)) = (about.offender(), tenant) {
            self.tell_tenant(ground, &mut tx, offender, count).await?;
        }
        if claimed == "mail" {
            self.mail(ground, &mut tx, about, count).await?;
        }
        tx.commit().await?;
        add(&self.counters.alerts);
        let is_mailed = claimed == "mail" && !self.alerts.mail_to.is_empty();
        let who = about.offender().map(|offender| display(offender.said()));
        tracing::warn!(kind = about.kind(), who, count, is_mailed, "an alert: more is refused or blocked than usual");
        Ok(())
    }

    async fn claim(
        &self,
        ground: &Ground,
        tx: &mut TenantTx<Control>,
        about: About,
        now: Timestamp,
    ) -> Result<String, DbFault> {
        let id = uuid7(&ground.clock, &ground.entropy);
        let since = |span: SignedDuration| now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let quiet = since(SignedDuration::try_from(self.alerts.quiet).unwrap_or(SignedDuration::MAX));
        let most = i32::try_from(self.alerts.mails_an_hour).unwrap_or(i32::MAX);
        Ok(tx.query_one(&CLAIM, &[&id, &about.words(), &now, &quiet, &since(HOUR), &most]).await?.get(0))
    }

    /// In the log of the workspace itself.
    async fn tell_tenant(
        &self,
        ground: &Ground,
        tx: &mut TenantTx<Control>,
        offender: Offender,
        count: u32,
    ) -> Result<(), DbFault> {
        let subject = match offender {
            Offender::Key { key, .. } => key.uuid(),
            Offender::Person { person, .. } => person.uuid(),
            Offender::Tenant(tenant) => tenant.uuid(),
            Offender::Address(_) | Offender::Reporter(_) | Offender::Account { .. } => return Ok(()),
        };
        let data = json!({
            "about": "refusals", "kind": offender.kind(), "subject": subject, "count": count,
            "window_s": self.alerts.window.as_secs(),
        });
        record::emit(tx, ground, &ALERT_RAISED, data).await.map(drop)
    }

    async fn mail(&self, ground: &Ground, tx: &mut TenantTx<Control>, about: About, count: u32) -> Result<(), DbFault> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let seen = match about.offender() {
            Some(offender) => Seen::Refusals { whom: whom(offender), count },
            None => Seen::Blocks { count },
        };
        let letter = AlertLetter {
            brand: &self.sender.brand,
            seen,
            minutes: minutes(self.alerts.window),
            link: &self.sender.link,
        };
        for to in &self.alerts.mail_to {
            mail::enqueue(tx, ground, letter.mail(to.clone())).await?;
        }
        Ok(())
    }
}

impl About {
    pub(super) const fn offender(self) -> Option<Offender> {
        match self {
            Self::Refusals(offender) => Some(offender),
            Self::Blocks => None,
        }
    }

    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Refusals(offender) => offender.kind(),
            Self::Blocks => "blocks",
        }
    }

    /// The same for the same.
    fn words(self) -> String {
        match self {
            Self::Refusals(offender) => format!("refusals of {}: {}", offender.kind(), told(offender)),
            Self::Blocks => "blocks".to_owned(),
        }
    }
}

fn told(offender: Offender) -> String {
    match offender {
        Offender::Key { tenant, key } => format!("{key} of {tenant}"),
        Offender::Person { tenant, person } => format!("{person} of {tenant}"),
        Offender::Tenant(tenant) => tenant.to_string(),
        Offender::Address(_) | Offender::Reporter(_) | Offender::Account { .. } => network(offender),
    }
}

fn network(offender: Offender) -> String {
    offender.network().map(|network| network.to_string()).unwrap_or_default()
}

fn whom(offender: Offender) -> Whom {
    match offender {
        Offender::Key { tenant, key } => Whom::Key { key: key.to_string(), tenant: tenant.to_string() },
        Offender::Person { tenant, person } => Whom::Person { person: person.to_string(), tenant: tenant.to_string() },
        Offender::Tenant(tenant) => Whom::Tenant(tenant.to_string()),
        Offender::Address(_) | Offender::Reporter(_) | Offender::Account { .. } => Whom::Address(network(offender)),
    }
}

fn minutes(span: Duration) -> usize {
    usize::try_from(span.as_secs() / 60).unwrap_or(usize::MAX)
}

/// Forgets what was told long ago. Safe on every node.
pub(super) async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    let before = ground.now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    tenantry_platform::sweep::drain(ground, "alerts", &SWEEP, &[&before]).await
}
