//! The limits of a configuration, and the store that counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenantry_core::random::Entropy;
use tenantry_core::window::Limit;
use tenantry_platform::config::{Limits, Per, Plan, Plans, Route, Routes, Tier, TierId};
use tenantry_platform::permit::TenantRef;
use tokio::sync::watch;

use super::charge::{Charge, Charges, Subject, Tariff, Whom};
use super::decision::Verdict;
use super::memory::Memory;
use super::shared::Shared;
use super::store::{StoreFault, StoreState, StoreTally, StoreTerms};

/// All limits. Shared by all threads.
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    windows: Vec<Limit>,
    /// Of each plan, by tier.
    plans: HashMap<Box<str>, Box<[Limit]>>,
    memory: Memory,
    shared: Option<Arc<Shared>>,
    /// What windows in shadow would have refused, by tier.
    shadowed: Box<[AtomicU64]>,
}

/// A window that somebody asks about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    pub charge: Charge,
    /// The route that it counts for itself.
    pub route: Option<&'r Route>,
}

impl Limiter {
    /// Counts in this process's memory.
    pub fn in_memory(limits: &Limits, entropy: &Entropy) -> Self {
        Self {
            shared: None,
            plans: HashMap::new(),
            windows: limits.iter().map(Tier::window).collect(),
            shadowed: limits.iter().map(|_| AtomicU64::new(0)).collect(),
            limits: limits.clone(),
            memory: Memory::new(entropy),
        }
    }

    /// Counts in a store that several nodes share, and in this process's memory where that does not answer.
    ///
    /// # Errors
    /// The store's address means nothing, or this binary was built without it.
    pub fn shared(limits: &Limits, entropy: &Entropy, terms: StoreTerms) -> Result<Self, StoreFault> {
        let shared = Some(Shared::new(terms, limits, entropy)?);
        Ok(Self { shared, ..Self::in_memory(limits, entropy) })
    }

    /// With the limits of plans.
    #[must_use]
    pub fn with_plans(mut self, plans: &Plans) -> Self {
        let windows = |plan: &Plan| {
            let mut windows = self.windows.clone();
            plan.limits.iter().for_each(|(id, limit)| windows[id.index()] = *limit);
            (plan.name.clone(), windows.into())
        };
        self.plans = plans.iter().map(windows).collect();
        self
    }

    /// The limit of a tier for a tenant: its own, or its plan's, or the tier's.
    fn limit(&self, id: TierId, tenant: Option<&TenantRef>) -> Limit {
        let own = tenant.and_then(|tenant| tenant.limits.find(&self.limits.tier(id).name));
        let of_plan = || self.plans.get(&*tenant?.plan).map(|windows| windows[id.index()]);
        own.or_else(of_plan).unwrap_or(self.windows[id.index()])
    }

    /// The limits that are counted.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What a request is charged: each limit of its route, as far as there is somebody to count.
    pub fn charges(&self, tariff: Tariff<'_>, whom: Whom<'_>) -> Charges {
        let charged = |id: &TierId| self.charged(*id, tariff, whom);
        let mut charges: Charges = tariff.tiers.iter().filter_map(charged).collect();
        charges.sort_by_key(|charge| charge.is_shadow);
        charges
    }

    /// Everything that can count whoever asks, with the route where it counts for itself. None in shadow: it is only
    /// to be asked about.
    pub fn every_charge<'r>(&self, routes: &'r Routes, whom: Whom<'_>) -> Vec<Asked<'r>> {
        let of = |id: TierId, route: Option<&'r Route>| {
            let tariff = Tariff { route: route.map(|route| route.counted_as), ..Tariff::of(&[]) };
            Some(Asked { charge: Charge { is_shadow: false, ..self.charged(id, tariff, whom)? }, route })
        };
        let is_apart = |tier: &Tier| tier.is_each_route || tier.per == Per::Route;
        let (apart, together): (Vec<TierId>, Vec<TierId>) =
            self.limits.ids().partition(|id| is_apart(self.limits.tier(*id)));
        let naming =
            |id: TierId| routes.iter().filter(move |route| route.tiers.contains(&id)).map(move |route| (id, route));
        let apart = apart.into_iter().flat_map(naming).filter_map(|(id, route)| of(id, Some(route)));
        together.into_iter().filter_map(|id| of(id, None)).chain(apart).collect()
    }

    fn charged(&self, id: TierId, tariff: Tariff<'_>, whom: Whom<'_>) -> Option<Charge> {
        let tier = self.limits.tier(id);
        Some(Charge {
            tier: id,
            limit: self.limit(id, whom.tenant()),
            subject: whom.subject(tier.per, tariff.route)?,
            cost: tariff.cost,
            route: tariff.route.filter(|_| tier.is_each_route),
            is_shadow: tier.is_shadow || tariff.is_shadow,
        })
    }

    /// One request of a subject, by the tier's own limit.
    pub fn charge(&self, tier: TierId, subject: Subject) -> Charge {
        let is_shadow = self.limits.tier(tier).is_shadow;
        Charge { is_shadow, ..Charge::new(tier, self.windows[tier.index()], subject) }
    }

    /// Decides over all charges at once, and charges all or none. The charges differ in tier or subject; those in
    /// shadow stand last. By the shared store where there is one, without waiting longer than its deadline; otherwise
    /// at once.
    pub async fn spend(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        match self.shared_by(charges) {
            None => self.decide(now_ms, charges),
            // In a box: requests without a shared store keep no room for it.
            Some(shared) => self.counted(Box::pin(shared.decide(&self.memory, now_ms, charges, true)).await),
        }
    }

    /// The verdict that [`Limiter::spend`] would give, without spending anything: for a budget that only
    /// failures are charged to, asked before the attempt.
    pub async fn look(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        match self.shared_by(charges) {
            None => self.ask(now_ms, charges),
            Some(shared) => Box::pin(shared.decide(&self.memory, now_ms, charges, false)).await,
        }
    }

    /// Where each charge stands, without spending anything.
    pub async fn stand(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        match self.shared_by(charges) {
            None => self.ask(now_ms, charges),
            Some(shared) => Box::pin(shared.stand(&self.memory, now_ms, charges, false)).await,
        }
    }

    /// [`Limiter::spend`] by this process's memory alone.
    pub fn decide(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        self.counted(self.memory.decide_all(now_ms, charges, true))
    }

    /// [`Limiter::look`] by this process's memory alone.
    pub fn ask(&self, now_ms: u64, charges: &[Charge]) -> Verdict {
        self.memory.decide_all(now_ms, charges, false)
    }

    fn shared_by(&self, charges: &[Charge]) -> Option<&Shared> {
        self.shared.as_deref().filter(|_| !charges.is_empty())
    }

    /// Keeps the shared store in reach until `stopped` says so.
    pub async fn keep(&self, stopped: watch::Receiver<bool>) {
        if let Some(shared) = &self.shared {
            shared.keep(stopped).await;
        }
    }

    /// Whether the shared store decides, and each change of it. `None` where there is none.
    pub fn store(&self) -> Option<watch::Receiver<StoreState>> {
        self.shared.as_ref().map(|shared| shared.state())
    }

    /// What the shared store was asked and how it answered.
    pub fn tally(&self) -> StoreTally {
        self.shared.as_ref().map(|shared| shared.tally()).unwrap_or_default()
    }

    /// How many nodes share the store, as far as is known.
    pub fn nodes(&self) -> u32 {
        self.shared.as_ref().map_or(1, |shared| shared.nodes())
    }

    fn counted(&self, verdict: Verdict) -> Verdict {
        self.count_shadow(&verdict);
        verdict
    }

    fn count_shadow(&self, verdict: &Verdict) {
        if let Some(line) = verdict.shadow {
            self.shadowed[line.tier.index()].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many requests each tier in shadow would have refused since the start, where there was one.
    pub fn shadowed(&self) -> impl Iterator<Item = (&Tier, u64)> {
        let counted = self.limits.iter().zip(&self.shadowed);
        counted.map(|(tier, count)| (tier, count.load(Ordering::Relaxed))).filter(|(_, count)| *count > 0)
    }
}
