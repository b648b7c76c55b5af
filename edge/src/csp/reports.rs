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

/// Groups of a tenant between two writings. One page of an app shows a handful; beyond this only the total counts,
/// so that whoever invents reports fills nothing.
const GROUPS_A_TENANT: u32 = 50;
/// Groups of a tenant that find room when all others have taken the rest.
const GROUPS_SURE: u32 = 5;
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

/// A group: whose pages, in which mode, and what was stopped where.
pub(super) type Group = (TenantId, Mode, Report);

/// Violations since they were last written, by tenant, directive, blocked origin and path.
#[derive(Debug, Default)]
pub struct Reports {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    groups: HashMap<Group, Aggregate>,
    /// How many groups each tenant has here.
    shares: HashMap<TenantId, u32>,
    /// Of violations for which there was no room.
    uncounted: u64,
}

impl Reports {
    /// Counts a report.
    pub fn note(&self, tenant: TenantId, mode: Mode, report: Report, now: Timestamp) {
        let mut inner = self.inner.lock();
        let is_full = inner.groups.len() >= GROUPS_MOST;
        let group = (tenant, mode, report);
        if let Some(known) = inner.groups.get_mut(&group) {
            known.count += 1;
            known.last = now;
            return;
        }
        let share = inner.shares.entry(tenant).or_default();
        if *share >= if is_full { GROUPS_SURE } else { GROUPS_A_TENANT } {
            inner.uncounted += 1;
            return;
        }
        *share += 1;
        inner.groups.insert(group, Aggregate { count: 1, first: now, last: now });
    }

    /// Takes everything that was counted since the last time.
    pub(super) fn take(&self) -> HashMap<Group, Aggregate> {
        let mut inner = self.inner.lock();
        inner.shares.clear();
        std::mem::take(&mut inner.groups)
    }

    /// How many reports were only added up, for lack of room.
    pub fn uncounted(&self) -> u64 {
        self.inner.lock().uncounted
    }
}

/// Answers a browser's report: 204, or what is wrong with it. Limit it per address before. `place` is whose page it
/// was; reports of Tenantry's own pages are in the log alone.
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
                tracing::info!(
                    directive = report.directive,
                    blocked = report.blocked,
                    path = report.path,
                    "content security policy violated"
                );
                if let Some((tenant, mode)) = place {
                    reports.note(tenant, mode, report, now);
                }
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
