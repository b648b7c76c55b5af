//! The log over HTTP: `GET /-/api/v1/audit`, `GET /-/api/v1/audit/export`, and the console's page.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;
use http::header;
use serde::Serialize;
use tenantry_core::ids::AuditId;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::feed::Belief;
use tenantry_platform::http::{Caller, ControlPermit, Json, Query};
use tenantry_platform::permit::{ExportAudit, Permit, ReadAudit};
use tenantry_platform::problem::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

use super::export::Format;
use super::filter::{problem, queries};
use super::line::Line;
use super::list::{Readers, USUAL};
use super::view;
use crate::Custody;

queries! {
    /// Which rows, for programs.
    ListQuery {
        /// `next_after` of the page before.
        after: Option<Uuid>,
        /// Rows of the answer, 1 to 200; 50 unless said.
        limit: Option<u16>,
    }
    /// Which rows, for an export, and how they are written.
    ExportQuery {
        /// `jsonl` unless said.
        #[param(inline)]
        format: Format,
    }
    /// Which rows, on the page.
    PageQuery {
        /// The last row of the page before.
        after: Option<Uuid>,
    }
}

/// A page of the log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The rows.
    data: Vec<Line>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<Uuid>,
}

/// The audit log, newest first.
#[utoipa::path(
    get, path = "/-/api/v1/audit", tag = "audit", operation_id = "list_audit", params(ListQuery),
    responses(
        (status = 200, body = AuditPage), (status = 401), (status = 403, description = "Needs audit:read"),
        (status = 422, description = "A filter means nothing")
    )
)]
pub async fn list<M: Mode>(
    mode: Permit<ReadAudit, M>,
    control: ControlPermit<ReadAudit>,
    State(custody): State<Custody>,
    Query(query): Query<ListQuery>,
) -> Result<Json<AuditPage>, Problem>
where
    Database: HasStore<M>,
{
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=super::list::MOST).contains(&limit) {
        return Err(Problem::invalid("limit", format!("Write a number from 1 to {}.", super::list::MOST)));
    }
    let filter = query.asked().read().map_err(|wrong| problem(&wrong))?;
    let after = query.after.map(AuditId::from_uuid);
    let readers = Readers { mode, control: control.0 };
    let found = super::list(&custody.ground, &readers, &filter, after, limit).await?;
    Ok(Json(AuditPage {
        data: found.entries.iter().map(Line::from).collect(),
        next_after: found.next.map(AuditId::uuid),
    }))
}

/// The audit log as a file, oldest first: JSON Lines, CSV, or events of OCSF 1.3.0.
///
/// The last record says how many rows came before it; a file without it was cut off: ask again. It is, when whoever asked
/// is changed, revoked or shut out meanwhile.
#[utoipa::path(
    get, path = "/-/api/v1/audit/export", tag = "audit", operation_id = "export_audit", params(ExportQuery),
    responses(
        (status = 200, content((Line = "application/jsonl"), (String = "text/csv"))),
        (status = 401), (status = 403, description = "Needs audit:export"),
        (status = 422, description = "A filter means nothing")
    )
)]
pub async fn export<M: Mode>(
    mode: Permit<ExportAudit, M>,
    control: ControlPermit<ExportAudit>,
    caller: Caller,
    State(custody): State<Custody>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    send(&custody, (Readers { mode, control: control.0 }, caller.belief), &query).await
}

/// `GET /-/console/{slug}/{mode}/audit`
pub async fn page<M: Mode>(
    mode: Permit<ReadAudit, M>,
    control: ControlPermit<ReadAudit>,
    caller: Caller,
    State(custody): State<Custody>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    view::draw(&custody, &caller, Readers { mode, control: control.0 }, query).await
}

/// `GET /-/console/{slug}/{mode}/audit/export`: the rows of the page's own filter.
pub async fn page_export<M: Mode>(
    mode: Permit<ExportAudit, M>,
    control: ControlPermit<ExportAudit>,
    caller: Caller,
    State(custody): State<Custody>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    send(&custody, (Readers { mode, control: control.0 }, caller.belief), &query).await
}

async fn send<M: Mode>(
    custody: &Custody,
    readers: (Readers<ExportAudit, M>, Belief),
    query: &ExportQuery,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let filter = query.asked().read().map_err(|wrong| problem(&wrong))?;
    let lines = super::export(&custody.ground, readers, &filter, query.format).await?;
    let lines = lines.inspect_err(|fault| tracing::error!(%fault, "an audit export broke off"));
    let (kind, disposition) = file(query.format, M::MODE);
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store"), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Content type and name. `header=present`: RFC 4180, section 3.
const fn file(format: Format, mode: ModeWord) -> (&'static str, &'static str) {
    match (format, mode) {
        (Format::Jsonl, ModeWord::Live) => ("application/jsonl", "attachment; filename=\"audit-live.jsonl\""),
        (Format::Jsonl, ModeWord::Test) => ("application/jsonl", "attachment; filename=\"audit-test.jsonl\""),
        (Format::Csv, ModeWord::Live) => (CSV, "attachment; filename=\"audit-live.csv\""),
        (Format::Csv, ModeWord::Test) => (CSV, "attachment; filename=\"audit-test.csv\""),
        (Format::Ocsf, ModeWord::Live) => ("application/jsonl", "attachment; filename=\"audit-live.ocsf.jsonl\""),
        (Format::Ocsf, ModeWord::Test) => ("application/jsonl", "attachment; filename=\"audit-test.ocsf.jsonl\""),
    }
}

const CSV: &str = "text/csv; charset=utf-8; header=present";
