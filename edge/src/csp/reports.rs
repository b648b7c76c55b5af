//! The reports of all browsers, counted.

use std::collections::HashMap;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode;
use tenantry_platform::problem::{Kind, Problem};

use super::report::{NotAReport, REPORT_BYTES_MAX, Report, parse};

/// Groups of a tenant's mode between two writings. One page of an app shows a handful.
const GROUPS_A_TENANT: usize = 50;
/// Groups of a tenant's mode that find room when all others have taken the rest.
const GROUPS_SURE: usize = 5;
/// Groups of all tenants before only sure ones are left: about 500 bytes each.
const GROUPS_MOST: usize = 5_000;

/// How often something was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Reports.
    pub count: u64,
    /// The first one.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
}

/// Whose pages. Nobody's are Tenantry's own.
pub(super) type Whose = Option<(TenantId, Mode)>;

/// Violations since they were last written, by tenant, directive, blocked origin and path.
#[derive(Debug, Default)]
pub struct Reports {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seats: HashMap<Whose, Seat>,
    /// Groups of all.
    groups: usize,
    /// Reports of groups that gave way, ever.
    displaced: u64,
}

/// The groups of one mode of a tenant.
#[derive(Debug, Default)]
pub(super) struct Seat {
    pub(super) groups: HashMap<Report, Counted>,
    /// What groups had that gave way.
    pub(super) rest: Option<Aggregate>,
}

/// A group's reports, and its weight among the others: Metwally, Agrawal and El Abbadi, "Efficient Computation of
/// Frequent and Top-k Elements" (2005). A new group takes the place of the lightest and begins with its weight, so that
/// what is more than its share of all reports is there at the end, however many others are invented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) sum: Aggregate,
    weight: u64,
}

impl Reports {
    /// Counts a report: of a tenant's page, or of one of Tenantry's own.
    pub fn note(&self, place: Option<(TenantId, Mode)>, report: Report, now: Timestamp) {
        let mut inner = self.inner.lock();
        let most = if inner.groups >= GROUPS_MOST { GROUPS_SURE } else { GROUPS_A_TENANT };
        let seat = inner.seats.entry(place).or_default();
        let (before, displaced) = (seat.groups.len(), seat.note(report, now, most));
        let grown = seat.groups.len() - before;
        inner.groups += grown;
        inner.displaced += displaced;
    }

    /// Takes everything that was counted since the last time.
    pub(super) fn take(&self) -> HashMap<Whose, Seat> {
        let mut inner = self.inner.lock();
        inner.groups = 0;
        std::mem::take(&mut inner.seats)
    }

    /// How many reports were of groups that gave way to others before they were written.
    pub fn displaced(&self) -> u64 {
        self.inner.lock().displaced
    }
}

impl Seat {
    /// Answers how many reports gave way.
    fn note(&mut self, report: Report, now: Timestamp, most: usize) -> u64 {
        let one = Aggregate { count: 1, first: now, last: now };
        if let Some(known) = self.groups.get_mut(&report) {
            known.sum.add(one);
            known.weight += 1;
            return 0;
        }
        let displaced = if self.groups.len() < most { None } else { self.displace() };
        let weight = displaced.map_or(0, |lightest| lightest.weight) + 1;
        self.groups.insert(report, Counted { sum: one, weight });
        displaced.map_or(0, |lightest| lightest.sum.count)
    }

    /// Takes the lightest group out, and of those that are equally light the one that was not reported for longest.
    fn displace(&mut self) -> Option<Counted> {
        let lightest = self.groups.iter().min_by_key(|(_, counted)| (counted.weight, counted.sum.last))?.0.clone();
        let gone = self.groups.remove(&lightest)?;
        match &mut self.rest {
            Some(rest) => rest.add(gone.sum),
            None => self.rest = Some(gone.sum),
        }
        Some(gone)
    }
}

impl Aggregate {
    fn add(&mut self, more: Self) {
        self.count += more.count;
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
    }
}

/// Answers a browser's report: 204, or what is wrong with it. Limit it per address before. `place` is whose page it
/// was; of reports of Tenantry's own pages the log tells when they are taken.
pub async fn receive(
    reports: &Reports,
    place: Option<(TenantId, Mode)>,
    headers: &HeaderMap,
    body: Body,
    now: Timestamp,
) -> Response {
    match read(headers, body).await {
        Ok(batch) => {
            for report in batch {
                tracing::debug!(
                    directive = report.directive,
                    blocked = report.blocked,
                    path = report.path,
                    "content security policy violated"
                );
                reports.note(place, report, now);
            }
            StatusCode::NO_CONTENT.into_response()
        }
        Err(fault) => problem(fault).into_response(),
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<Report>, NotAReport> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = Limited::new(body, REPORT_BYTES_MAX).collect().await.map_err(|_| NotAReport::TooLarge)?;
    parse(content_type, &body.to_bytes())
}

fn problem(fault: NotAReport) -> Problem {
    let kind = match fault {
        NotAReport::Type => Kind::UnsupportedType,
        NotAReport::Shape => Kind::Malformed,
        NotAReport::TooLarge => Kind::TooLarge,
    };
    Problem::new(kind, fault.to_string())
}
