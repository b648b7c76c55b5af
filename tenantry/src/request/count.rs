//! What usage counts of a request: that it came, and why it was refused (OBS-3).

use tenantry_platform::permit::{Credential, Principal};
use tenantry_platform::problem::{Kind as Refusal, Problem};
use tenantry_platform::usage::{Book, Kind, Whose};

use super::answer::Visit;
use crate::app::App;

impl Visit {
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
