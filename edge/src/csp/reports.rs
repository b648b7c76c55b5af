//! The reports of all browsers, counted.

use std::collections::HashMap;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use tenantry_platform::problem::{Kind, Problem};

use super::report::{NotAReport, REPORT_BYTES_MAX, Report, parse};

/// Different violations remembered. One page of an app shows a handful; beyond this only the total counts,
/// so that whoever invents reports fills nothing.
const GROUPS_MAX: usize = 1_000;

/// How often something was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// Violations since the start of the process, by tenant, directive, blocked origin and path.
#[derive(Debug, Default)]
pub struct Reports {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    groups: HashMap<(Option<TenantId>, Report), Aggregate>,
    /// Of violations for which there was no room.
    uncounted: u64,
}

impl Reports {
    /// Counts a report.
    pub fn note(&self, tenant: Option<TenantId>, report: Report, now: Timestamp) {
        let mut inner = self.inner.lock();
        let key = (tenant, report);
        if inner.groups.len() >= GROUPS_MAX && !inner.groups.contains_key(&key) {
            inner.uncounted += 1;
            return;
        }
        let group = inner.groups.entry(key).or_insert(Aggregate { count: 0, first: now, last: now });
        group.count += 1;
        group.last = now;
    }

    /// What a tenant's pages ran into, the most frequent first.
    pub fn of(&self, tenant: Option<TenantId>) -> Vec<(Report, Aggregate)> {
        let inner = self.inner.lock();
        let groups = inner.groups.iter().filter(|((of, _), _)| *of == tenant);
        let mut groups: Vec<_> = groups.map(|((_, report), group)| (report.clone(), *group)).collect();
        groups.sort_by(|(a, m), (b, n)| {
            n.count.cmp(&m.count).then_with(|| (&a.path, &a.blocked).cmp(&(&b.path, &b.blocked)))
        });
        groups
    }

    /// How many reports were only added up, for lack of room.
    pub fn uncounted(&self) -> u64 {
        self.inner.lock().uncounted
    }
}

/// Answers a browser's report: 204, or what is wrong with it. Limit it per address before.
pub async fn receive(
    reports: &Reports,
    tenant: Option<TenantId>,
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
                reports.note(tenant, report, now);
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
