//! A workspace's plan, and limits of its own: platform staff alone (RL-4).

use serde_json::json;
use tenantry_core::window::Limit;
use tenantry_platform::config::{Limits, Plans};
use tenantry_platform::db::{Operator, TenantTx};
use tenantry_platform::events::EventKind;
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::ground::Ground;
use tenantry_platform::own_limits::OwnLimits;
use tenantry_platform::permit::TenantRef;
use tenantry_platform::problem::{Kind, Problem};
use tenantry_platform::record::{self, Act};

use super::status::tenant_of;
use super::store;
use crate::events;

/// Gives a tenant another plan. The transaction's context names the tenant; the caller fences.
///
/// # Errors
/// 404 without such a tenant, or for a plan that the configuration does not have.
pub async fn change_plan(
    tx: &mut TenantTx<Operator>,
    ground: &Ground,
    plans: &Plans,
    plan: &str,
) -> Result<TenantRef, Problem> {
    let known = || plans.iter().map(|plan| &*plan.name).collect::<Vec<_>>().join(", ");
    if plans.find(plan).is_none() {
        let sentence = format!("The configuration has no [plans.{plan}]. It has: {}.", known());
        return Err(Problem::new(Kind::NotFound, sentence).code("unknown_plan"));
    }
    let id = tenant_of(tx)?;
    let before = store::held(tx, id).await?.ok_or_else(Problem::not_found)?;
    let tenant = TenantRef { plan: plan.to_owned(), ..before.clone() };
    if tenant != before {
        store::set_terms(tx, &tenant).await?;
        let act = Act::new("tenant.plan_changed", "tenant", id).changed("plan", before.plan.as_str(), plan);
        note(tx, ground, &tenant, (act, &events::TENANT_PLAN_CHANGED)).await?;
    }
    Ok(tenant)
}

/// A tier's limit for one tenant, or back to the plan's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitChange {
    /// The tier's name.
    pub tier: String,
    /// The tenant's own; none: as its plan has it.
    pub limit: Option<Limit>,
}

/// Gives a tenant limits of its own, or takes them back. The transaction's context names the tenant; the caller fences.
///
/// # Errors
/// 404 without such a tenant, or for a tier that the configuration does not have.
pub async fn change_limits(
    tx: &mut TenantTx<Operator>,
    ground: &Ground,
    limits: &Limits,
    changes: &[LimitChange],
) -> Result<TenantRef, Problem> {
    // One that is taken back may be of a tier that the configuration has no more.
    if let Some(unknown) = changes.iter().find(|change| change.limit.is_some() && limits.find(&change.tier).is_none()) {
        let sentence = format!("There is no tier {:?}: `tenantry tenants limits SLUG` lists them.", unknown.tier);
        return Err(Problem::new(Kind::NotFound, sentence).code("unknown_tier"));
    }
    let id = tenant_of(tx)?;
    let before = store::held(tx, id).await?.ok_or_else(Problem::not_found)?;
    let changed = |own: OwnLimits, change: &LimitChange| own.with(&change.tier, change.limit);
    let tenant = TenantRef { limits: changes.iter().fold(before.limits.clone(), changed), ..before.clone() };
    if tenant != before {
        store::set_terms(tx, &tenant).await?;
        let (was, is) = (before.limits.to_stored(), tenant.limits.to_stored());
        let act = changes.iter().fold(Act::new("tenant.limits_changed", "tenant", id), |act, change| {
            act.changed(&change.tier, was[&change.tier].clone(), is[&change.tier].clone())
        });
        note(tx, ground, &tenant, (act, &events::TENANT_LIMITS_CHANGED)).await?;
    }
    Ok(tenant)
}

async fn note(
    tx: &mut TenantTx<Operator>,
    ground: &Ground,
    tenant: &TenantRef,
    (act, event): (Act, &'static EventKind),
) -> Result<(), Problem> {
    record::append(tx, ground, act).await?;
    let data = json!({ "id": tenant.id, "slug": tenant.slug, "plan": tenant.plan });
    record::emit(tx, ground, event, data).await?;
    tx.announce(ground, Change { kind: ChangeKind::Tenant, subject: tenant.id.uuid() }).await?;
    Ok(())
}

/// Where a tenant's limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The tier's own.
    Tier,
    /// The plan's.
    Plan,
    /// The tenant's own.
    Tenant,
}

/// Every limit of a tenant, by tier, and where it comes from.
pub fn limits_of<'l>(
    tenant: &TenantRef,
    limits: &'l Limits,
    plans: &Plans,
) -> impl Iterator<Item = (&'l str, Limit, Source)> {
    let plan = plans.find(&tenant.plan);
    limits.ids().map(move |id| {
        let tier = limits.tier(id);
        let of_plan = || plan.and_then(|plan| plan.limits.iter().find(|(of, _)| *of == id)).map(|(_, limit)| *limit);
        let (limit, source) = match (tenant.limits.find(&tier.name), of_plan()) {
            (Some(own), _) => (own, Source::Tenant),
            (None, Some(of_plan)) => (of_plan, Source::Plan),
            (None, None) => (tier.window(), Source::Tier),
        };
        (&*tier.name, limit, source)
    })
}
