//! One act that several tenants hear of: a row and an event in each one's log, in a handful of flushes however many
//! there are. Whoever waits for a lock of the transaction does not wait longer for a person of many workspaces.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tenantry_core::ids::TenantId;
use tenantry_core::seal::DataKey;
use uuid::Uuid;

use super::{
    Act, AuditRow, EventRow, FIND_SUBJECT_KEY, INSERT_AUDIT, INSERT_EVENT, INSERT_SUBJECT_KEY, Keys, MARKS, Whose,
    erased_meanwhile, new_key, open_key, remembered,
};
use crate::db::{DbFault, Everywhere, In, Plane, Step, TenantTx};
use crate::events::EventKind;
use crate::ground::Ground;
use crate::permit::{Permit, SystemPermission};

/// What one tenant's log says, and what its app is told with it.
#[derive(Clone, Debug)]
pub struct Note {
    /// The row. What it is about is not written: none of these acts is about an address.
    pub act: Act,
    /// The event.
    pub event: Option<(&'static EventKind, Value)>,
}

/// Appends notes to the logs of several tenants, each under a permit for that tenant, in this order. Who acts is who
/// acts in the transaction.
///
/// # Errors
/// What the database says; nothing is written then.
pub async fn append_each<P: SystemPermission, M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    logs: &[(&Permit<P, M>, Vec<Note>)],
) -> Result<(), DbFault> {
    let acting = tx.acting().clone();
    let mut subjects = vec![acting.actor.subject];
    if acting.origin.ip.is_some() {
        // The log's own key first, as one row's append does it.
        subjects.insert(0, MARKS);
    }
    let keys = hold_keys(tx, ground, logs, &subjects).await?;
    let mut rows = Vec::with_capacity(logs.len());
    for (permit, notes) in logs {
        let tenant = tenant_of(permit)?;
        let key = |subject| keys.get(&(tenant, subject)).map(Arc::clone);
        let held =
            Keys { marks: key(MARKS), subject: key(acting.actor.subject).ok_or_else(erased_meanwhile)?, about: None };
        for Note { act, event } in notes {
            let row = AuditRow::new::<M>(ground, tenant, &acting, act.clone(), &held);
            let event = event.as_ref().map(|(kind, data)| EventRow::new(ground, kind, data.clone()));
            rows.push((permit, row, event));
        }
    }
    let mut steps = Vec::with_capacity(rows.len() * 2);
    for (permit, row, event) in &rows {
        steps.push(Step::new(permit, &INSERT_AUDIT, &row.values())?);
        if let Some(event) = event {
            steps.push(Step::new(permit, &INSERT_EVENT, &event.values())?);
        }
    }
    tx.each(&steps).await.map(drop)
}

type Held = HashMap<(TenantId, Uuid), Arc<DataKey>>;

/// The keys of these subjects in each log, made where there are none.
async fn hold_keys<P: SystemPermission, M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    logs: &[(&Permit<P, M>, Vec<Note>)],
    subjects: &[Uuid],
) -> Result<Held, DbFault> {
    let (mut held, mut wanted) = (Held::new(), Vec::new());
    for (permit, _) in logs {
        for subject in subjects {
            let tenant = tenant_of(permit)?;
            match remembered(ground, (M::SCHEMA, tenant, *subject)) {
                Some(key) => drop(held.insert((tenant, *subject), key)),
                None => wanted.push((*permit, (M::SCHEMA, tenant, *subject))),
            }
        }
    }
    let missing = find_keys(tx, ground, wanted, &mut held).await?;
    let taken = make_keys(tx, ground, missing, &mut held).await?;
    // Another transaction was faster: its keys are there now.
    let erased = find_keys(tx, ground, taken, &mut held).await?;
    if erased.is_empty() { Ok(held) } else { Err(erased_meanwhile()) }
}

/// Whose key, and the permit for the log that it belongs to.
type Wanted<'p, P, M> = Vec<(&'p Permit<P, M>, Whose)>;

/// Reads keys, and answers which are not there.
async fn find_keys<'p, P: SystemPermission, M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    wanted: Wanted<'p, P, M>,
    held: &mut Held,
) -> Result<Wanted<'p, P, M>, DbFault> {
    let steps = wanted.iter().map(|(permit, whose)| Step::new(permit, &FIND_SUBJECT_KEY, &[&whose.2]));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let found = tx.each(&steps).await?;
    let mut missing = Vec::new();
    for ((permit, whose), rows) in wanted.into_iter().zip(found) {
        match rows.first() {
            Some(row) => drop(held.insert((whose.1, whose.2), open_key(tx, ground, whose, row.get(0))?)),
            None => missing.push((permit, whose)),
        }
    }
    Ok(missing)
}

/// Makes keys, and answers which somebody else has made meanwhile.
async fn make_keys<'p, P: SystemPermission, M: Plane + In<Everywhere>>(
    tx: &mut TenantTx<M>,
    ground: &Ground,
    missing: Wanted<'p, P, M>,
    held: &mut Held,
) -> Result<Wanted<'p, P, M>, DbFault> {
    let now = ground.now();
    let made: Vec<_> = missing.iter().map(|(_, whose)| new_key(ground, *whose)).collect();
    let mut steps = Vec::with_capacity(missing.len());
    for ((permit, whose), (_, sealed)) in missing.iter().zip(&made) {
        steps.push(Step::new(permit, &INSERT_SUBJECT_KEY, &[&whose.2, sealed, &now])?);
    }
    let done = tx.each(&steps).await?;
    let mut taken = Vec::new();
    for (((permit, whose), (key, _)), rows) in missing.into_iter().zip(made).zip(done) {
        if rows.is_empty() {
            taken.push((permit, whose));
            continue;
        }
        tx.new_subjects().push(whose.2);
        held.insert((whose.1, whose.2), Arc::new(key));
    }
    Ok(taken)
}

fn tenant_of<P: SystemPermission, M: Plane>(permit: &Permit<P, M>) -> Result<TenantId, DbFault> {
    permit.context().tenant.ok_or_else(|| DbFault::Refused("an audit row needs a tenant".to_owned()))
}
