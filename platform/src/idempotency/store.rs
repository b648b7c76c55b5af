//! The SQL of what was asked and answered, and the seal of the answers.

use http::StatusCode;
use tenantry_core::canonical::Fields;
use tenantry_core::ids::TenantId;
use tenantry_core::seal::Place;

use super::{Asked, KEPT};
use crate::db::{DbFault, In, Plane, Row, Served, TenantTx};
use crate::ground::Ground;
use crate::problem::Problem;
use crate::sweep;

crate::sql! {
    AsDoor Served CLAIM = "
        select claimed, principal, fingerprint, status, body
        from doors.claim_idempotency($1, $2, $3, $4, $5, $6, $7)";
    AsDoor Served KEEP = "select doors.keep_answer($1, $2, $3, $4, $5)";
    AsDoor JobsOnly SWEEP = "select doors.sweep_idempotency($1, $2)";
}

/// What became of a claim.
pub(super) enum Claim {
    /// The key is this transaction's.
    Fresh,
    /// Another transaction has it, and did not end within the wait.
    Busy,
    /// It was used before.
    Kept(Kept),
}

/// What is known of the first use.
pub(super) struct Kept {
    /// By the same principal, with the same request.
    pub(super) is_of_this_request: bool,
    pub(super) status: StatusCode,
    tenant: TenantId,
    sealed: Vec<u8>,
}

pub(super) async fn claim<M: Plane + In<Served>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    asked: &Asked,
) -> Result<Claim, Problem> {
    let (tenant, who, now) = (tenant(tx)?, principal(tx), ground.now());
    let until = now.checked_add(KEPT).map_err(Problem::internal)?;
    let (digest, print) = (asked.key.digest().as_slice(), asked.fingerprint.as_slice());
    let found = tx.query_opt(&CLAIM, &[&asked.mode.as_str(), &digest, &who, &asked.route, &print, &now, &until]).await;
    match found {
        Ok(Some(row)) if row.get("claimed") => Ok(Claim::Fresh),
        Ok(Some(row)) => read(&row, tenant, asked, &who).map(Claim::Kept),
        // The wait was too long, or the row was swept between the two looks at it.
        Ok(None) | Err(DbFault::Retry(_)) => Ok(Claim::Busy),
        Err(fault) => Err(fault.into()),
    }
}

pub(super) async fn keep<M: Plane + In<Served>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    asked: &Asked,
    status: StatusCode,
    body: &[u8],
) -> Result<(), Problem> {
    let scope = tenant(tx)?.to_string();
    let sealed = ground.sealer.seal(&place(&scope, &row_of(asked, status)), body, &ground.entropy);
    let status = i16::try_from(status.as_u16()).map_err(Problem::internal)?;
    let (digest, print) = (asked.key.digest().as_slice(), asked.fingerprint.as_slice());
    let kept: bool = tx.query_one(&KEEP, &[&asked.mode.as_str(), &digest, &print, &status, &sealed]).await?.get(0);
    if kept { Ok(()) } else { Err(Problem::internal("an answer was to be kept for a key that was not claimed")) }
}

/// Opens a kept answer, in the place that it was sealed for.
pub(super) fn open(ground: &Ground, asked: &Asked, kept: &Kept) -> Result<Vec<u8>, Problem> {
    let scope = kept.tenant.to_string();
    let opened = ground.sealer.open(&place(&scope, &row_of(asked, kept.status)), &kept.sealed);
    opened.map(|plain| plain.to_vec()).map_err(Problem::internal)
}

/// Deletes what is expired, some at a time. Run now and again; safe on every node.
///
/// # Errors
/// What the database says; what was swept until then stays swept.
pub async fn sweep(ground: &Ground) -> Result<i64, DbFault> {
    sweep::drain(ground, "idempotency", &SWEEP, &[&ground.now()]).await
}

fn read(row: &Row, tenant: TenantId, asked: &Asked, who: &str) -> Result<Kept, Problem> {
    let is_of_this_request =
        row.get::<_, &str>("principal") == who && row.get::<_, &[u8]>("fingerprint") == asked.fingerprint;
    let (status, sealed): (Option<i16>, Option<Vec<u8>>) = (row.get("status"), row.get("body"));
    let (Some(status), Some(sealed)) = (status, sealed) else {
        return Err(Problem::internal("a handler claimed an idempotency key and committed without its answer"));
    };
    let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    Ok(Kept { is_of_this_request, status: status.unwrap_or(StatusCode::OK), tenant, sealed })
}

fn tenant<M: Plane>(tx: &TenantTx<M>) -> Result<TenantId, Problem> {
    tx.context().tenant.ok_or_else(|| Problem::internal("an idempotency key needs a permit that names its tenant"))
}

/// Who asks: two keys of one tenant are two principals.
fn principal<M: Plane>(tx: &TenantTx<M>) -> String {
    let actor = &tx.acting().actor;
    format!("{}:{}", actor.kind, actor.id)
}

fn place<'a>(scope: &'a str, row: &'a [u8]) -> Place<'a> {
    Place { label: "idempotency-body", scope, table: "idempotency", column: "body", row }
}

/// All that the row says of itself: an answer that was moved to another row, or under another status, does not open.
fn row_of(asked: &Asked, status: StatusCode) -> Vec<u8> {
    Fields::new(asked.mode.as_str())
        .bytes(asked.key.digest())
        .bytes(&asked.fingerprint)
        .number(i64::from(status.as_u16()))
        .into_bytes()
}
