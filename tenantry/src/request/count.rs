//! What is counted of a request: for whoever watches, and for its tenant, that it came and why it was refused (OBS-3).

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tenantry_edge::gateway::Body;
use tenantry_edge::limits::{Basis, Line, Verdict};
use tenantry_platform::config::Limits;
use tenantry_platform::metrics::{By, Counter, Decision, LimitBasis, Metrics, Outcome, Route, Word as _};

use tenantry_platform::permit::{Credential, Principal};
use tenantry_platform::problem::{Kind as Refusal, Problem};
use tenantry_platform::telemetry::{self, Trace};
use tenantry_platform::usage::{Book, Kind, Whose};

use super::answer::Visit;
use crate::app::App;
use crate::routes::OwnRoutes;

/// A request that found no route.
const NO_ROUTE: &str = "none";

/// The places that requests are counted in, found once.
#[derive(Debug)]
pub struct Counts {
    own: Vec<Arc<Route>>,
    none: Arc<Route>,
    /// In the order of the configuration's tiers.
    tiers: Vec<Arc<By<Decision, Counter>>>,
}

impl Counts {
    /// Those of these routes and limits.
    pub fn new(metrics: &Metrics, own: &OwnRoutes, limits: &Limits) -> Self {
        Self {
            own: own.routes.iter().map(|route| metrics.route(route.path)).collect(),
            none: metrics.route(NO_ROUTE),
            tiers: limits.iter().map(|tier| metrics.limits.of(&tier.name)).collect(),
        }
    }

    /// That of one of our own routes, by its place in the table.
    pub(super) fn own_route(&self, at: usize) -> &Arc<Route> {
        &self.own[at]
    }

    /// What was decided: each limit that admitted, or the one that refused (RL-7).
    pub(super) fn note_limits(&self, metrics: &Metrics, verdict: &Verdict) {
        metrics.limit_basis.of(basis(verdict.basis())).add_one();
        let count = |line: &Line, decision| self.tiers[line.tier.place()].of(decision).add_one();
        match verdict.tightest() {
            Some(line) if !verdict.is_admitted() => count(&line, Decision::Refused),
            _ => verdict.lines().iter().for_each(|line| count(line, Decision::Admitted)),
        }
        if let Some(line) = verdict.shadow() {
            count(&line, Decision::Shadowed);
        }
    }
}

const fn basis(basis: Basis) -> LimitBasis {
    match basis {
        Basis::Memory => LimitBasis::Memory,
        Basis::Shared => LimitBasis::Shared,
        Basis::Alone => LimitBasis::Alone,
    }
}

impl Visit {
    /// Counts the answer for whoever watches: nothing here names anybody.
    pub(super) fn tally(&self, app: &App, answer: &Response<Body>) {
        let (metrics, took) = (&app.ground.metrics, self.started.elapsed());
        let outcome = self.outcome(answer);
        if let Some(problem) = answer.extensions().get::<Problem>() {
            metrics.refusals.of(problem.kind.into()).add_one();
        }
        let route = self.route.as_ref().unwrap_or(&app.counts.none);
        route.count(answer.status().as_u16(), outcome, took);
        if let Some((_, waited)) = self.asked {
            metrics.upstream_duration.observe(waited);
            metrics.overhead.observe(took.saturating_sub(waited));
        }
        self.tell(app, answer.status().as_u16(), outcome, took);
    }

    /// Its spans, where it is traced.
    fn tell(&self, app: &App, status: u16, outcome: Outcome, took: Duration) {
        let Some(trace) = self.trace.filter(Trace::is_sampled) else { return };
        app.telemetry.note_request(&telemetry::Request {
            trace,
            id: self.request_id.to_str().unwrap_or_default(),
            method: self.method.as_str(),
            route: self.route.as_ref().map(|route| route.name()).unwrap_or_default(),
            status,
            outcome: outcome.as_str(),
            tenant: self.tenant().map(|tenant| tenant.id),
            ended: app.ground.now(),
            took,
            asked: self.asked,
        });
    }

    fn outcome(&self, answer: &Response<Body>) -> Outcome {
        match answer.extensions().get::<Problem>() {
            Some(problem) => problem.kind.into(),
            None if self.is_passed => Outcome::Passed,
            None if self.is_sent_away => Outcome::SignIn,
            None => Outcome::Answered,
        }
    }

    /// Counts the request for its tenant and its key. Who is only sent to sign in was not refused.
    pub(super) fn count(&self, app: &App, refused: Option<&Problem>) {
        let Some(whose) = self.whose().filter(|_| self.is_counted) else { return };
        let refusal = refused.filter(|problem| !self.is_sent_to_sign_in(app, problem)).and_then(refusal);
        let both = [Kind::Requests, refusal.unwrap_or(Kind::Requests)];
        let kinds = if refusal.is_some() { &both[..] } else { &both[..1] };
        app.ground.usage.count(whose, kinds, app.ground.now());
    }

    /// The tenant of the host, or else of the credential. A credential of another tenant is not counted as its own.
    fn whose(&self) -> Option<Whose> {
        let shown = self.principal.as_deref().or(self.shown.as_deref()).map(Principal::parts);
        let of_shown = shown.and_then(|parts| parts.tenant.as_ref()).map(|tenant| tenant.id);
        let of_host = self.site.as_ref().and_then(|site| site.tenant.as_ref()).map(|tenant| tenant.id);
        let tenant = of_host.or(of_shown)?;
        let own = shown.filter(|_| of_shown == Some(tenant));
        let of_site = || self.site.as_ref().and_then(super::host::Site::mode);
        let mode = own.and_then(|parts| parts.mode).or_else(of_site)?;
        let key = own.and_then(|parts| match parts.credential {
            Credential::Key(key) => Some(key),
            _ => None,
        });
        Some(Whose { tenant, book: Book::Of(mode), key })
    }
}

/// Why the gateway refused; nothing where it did not, and something else failed.
const fn refusal(problem: &Problem) -> Option<Kind> {
    match problem.kind {
        Refusal::TooMany => Some(Kind::Limited),
        Refusal::Forbidden => Some(Kind::Forbidden),
        Refusal::Unauthorized => Some(Kind::Unauthorized),
        Refusal::Upstream | Refusal::UpstreamTimeout | Refusal::Unavailable | Refusal::Internal => None,
        _ => Some(Kind::Malformed),
    }
}
