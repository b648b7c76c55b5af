//! The log over HTTP: `GET /-/api/v1/audit`, `GET /-/api/v1/audit/export`, and the console's page.
#![expect(unused_qualifications, reason = "utoipa's macro writes them")]

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;
use http::header;
use serde::{Deserialize, Serialize};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::AuditId;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, ControlPermit, Json, Query};
use tenantry_platform::permit::{ExportAudit, Permit, ReadAudit};
use tenantry_platform::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::line::Line;
use super::list::{Filter, Readers, USUAL};
use super::view::{self, PageQuery};
use crate::Custody;

/// Which rows, for programs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// RFC 3339: rows from here on.
    #[param(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// RFC 3339: rows before this.
    #[param(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// Exactly this actor: an id, or a person's e-mail address.
    actor: Option<String>,
    /// Exactly this action.
    action: Option<String>,
    /// Exactly this kind of thing, or this thing.
    entity: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Rows of the answer, 1 to 200; 50 unless said.
    limit: Option<u16>,
}

/// Which rows, for an export.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// RFC 3339: rows from here on.
    #[param(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// RFC 3339: rows before this.
    #[param(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// Exactly this actor: an id, or a person's e-mail address.
    actor: Option<String>,
    /// Exactly this action.
    action: Option<String>,
    /// Exactly this kind of thing, or this thing.
    entity: Option<String>,
}

/// A page of the log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The rows.
    data: Vec<Line>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Uuid>,
}

/// The audit log, newest first.
#[utoipa::path(
    get, path = "/-/api/v1/audit", tag = "audit", operation_id = "list_audit", params(ListQuery),
    responses((status = 200, body = AuditPage), (status = 401), (status = 403, description = "Needs audit:read"))
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
    let cursor = query.cursor.map(AuditId::from_uuid);
    let filter = Filter {
        since: query.since,
        until: query.until,
        actor: query.actor,
        action: query.action,
        entity: query.entity,
    };
    let readers = Readers { mode, control: control.0 };
    let found = super::list(&custody.ground, &readers, &filter, cursor, limit).await?;
    Ok(Json(AuditPage {
        data: found.entries.iter().map(Line::from).collect(),
        next_cursor: found.next.map(AuditId::uuid),
    }))
}

/// The audit log as JSON Lines, oldest first. A transfer that breaks off is incomplete: send it again.
#[utoipa::path(
    get, path = "/-/api/v1/audit/export", tag = "audit", operation_id = "export_audit", params(ExportQuery),
    responses((status = 200, content_type = "application/jsonl", body = Line), (status = 401), (status = 403, description = "Needs audit:export"))
)]
pub async fn export<M: Mode>(
    mode: Permit<ExportAudit, M>,
    control: ControlPermit<ExportAudit>,
    State(custody): State<Custody>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let filter = Filter {
        since: query.since,
        until: query.until,
        actor: query.actor,
        action: query.action,
        entity: query.entity,
    };
    send(&custody, Readers { mode, control: control.0 }, &filter).await
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
    State(custody): State<Custody>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    send(&custody, Readers { mode, control: control.0 }, &query.filter()).await
}

async fn send<M: Mode>(
    custody: &Custody,
    readers: Readers<ExportAudit, M>,
    filter: &Filter,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let lines = super::export(&custody.ground, readers, filter).await?;
    let lines = lines.inspect_err(|fault| tracing::error!(%fault, "an audit export broke off"));
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_DISPOSITION, disposition::<M>()),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

const fn disposition<M: Mode>() -> &'static str {
    match M::MODE {
        tenantry_core::mode::Mode::Live => "attachment; filename=\"audit-live.jsonl\"",
        tenantry_core::mode::Mode::Test => "attachment; filename=\"audit-test.jsonl\"",
    }
}
