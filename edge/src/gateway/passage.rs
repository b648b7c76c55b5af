//! The proof that one request may go to the app [AC-1, AC-15].
//!
//! Only [`admit`] makes a [`Passage`], only [`forward`](super::forward) takes one, and it takes it away:
//! a request that no guard judged cannot be forwarded, because the code for it does not compile.

use std::sync::Arc;

use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode;
use tenantry_platform::config::{Guard, Guards};
use tenantry_platform::permit::{Credential, Principal};
use tenantry_platform::problem::{Kind, Problem};

use super::routes::AppRoute;

/// What came of a request's credentials. Refused ends the request: no other scheme is tried, and a public
/// route is no way around it.
#[derive(Debug)]
pub enum Outcome {
    NotPresented,
    Verified(Arc<Principal>),
    Refused(Problem),
}

/// Where the request knocked. `None`: the host leaves it to the credential, as the API's host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub tenant: Option<TenantId>,
    pub mode: Option<Mode>,
}

/// The permission to forward one request.
#[derive(Debug)]
pub struct Passage<'r> {
    route: &'r AppRoute,
    principal: Option<Arc<Principal>>,
}

impl<'r> Passage<'r> {
    /// The route that the request takes.
    pub fn route(&self) -> &'r AppRoute {
        self.route
    }

    /// Who passes; nobody on a public route without a credential.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// Whether a guard stood before it.
    pub fn is_guarded(&self) -> bool {
        !self.route.route.guards.is_public()
    }
}

/// Judges whether a request may pass to a route of the app.
///
/// # Errors
/// 401 without a credential that this route takes, 403 that names the missing permission, 404 for a
/// credential of another tenant or mode, and whatever the guard refused the credential with.
pub fn admit<'r>(route: &'r AppRoute, outcome: Outcome, place: Place) -> Result<Passage<'r>, Problem> {
    let principal = match outcome {
        Outcome::Refused(problem) => return Err(problem),
        Outcome::NotPresented if route.route.guards.is_public() => return Ok(Passage { route, principal: None }),
        Outcome::NotPresented => return Err(missing_credential(route.route.guards)),
        Outcome::Verified(principal) => principal,
    };
    check_place(&principal, place)?;
    check_guard(route.route.guards, &principal)?;
    check_permission(route, &principal)?;
    Ok(Passage { route, principal: Some(principal) })
}

/// The tenant and mode of the host are those of the credential. What no tenant vouches for passes no tenant's host.
fn check_place(principal: &Principal, place: Place) -> Result<(), Problem> {
    let parts = principal.parts();
    let tenant = parts.tenant.as_ref().map(|tenant| tenant.id);
    let belongs_to_a_tenant =
        matches!(parts.credential, Credential::Session(_) | Credential::Token(_) | Credential::Key(_));
    let is_elsewhere = place.tenant.is_some() && tenant != place.tenant && (belongs_to_a_tenant || tenant.is_some());
    let is_otherwise = place.mode.is_some() && parts.mode.is_some() && parts.mode != place.mode;
    if is_elsewhere || is_otherwise || (belongs_to_a_tenant && tenant.is_none()) {
        return Err(Problem::not_found());
    }
    Ok(())
}

fn check_guard(guards: Guards, principal: &Principal) -> Result<(), Problem> {
    let shown = match principal.parts().credential {
        Credential::Session(_) => Guard::Session,
        Credential::Token(_) => Guard::Jwt,
        Credential::Key(_) => Guard::Key,
        // Of no tenant, and no app's: it opens Tenantry's own lists alone.
        Credential::Management(_) => return Err(Problem::not_found()),
        Credential::Cron(_) => Guard::Cron,
        Credential::Anonymous => Guard::Public,
    };
    if guards.is_public() || guards.contains(shown) {
        return Ok(());
    }
    Err(missing_credential(guards))
}

fn check_permission(route: &AppRoute, principal: &Principal) -> Result<(), Problem> {
    match &route.route.permission {
        Some(needed) if !principal.parts().permissions.contains(needed.as_str()) => {
            Err(Problem::missing_permission(needed.as_str()))
        }
        _ => Ok(()),
    }
}

/// 401 that says which credentials this route takes.
fn missing_credential(guards: Guards) -> Problem {
    let ways: Vec<&str> = guards.iter().map(way_in).collect();
    Problem::new(Kind::Unauthorized, format!("This address takes {}.", ways.join(", or ")))
}

const fn way_in(guard: Guard) -> &'static str {
    match guard {
        Guard::Session => "the session of a person who signed in",
        Guard::Key => "an API key as `Authorization: Bearer sk_…`",
        Guard::Jwt => "a first-party token as `Authorization: Bearer eyJ…`",
        Guard::Cron => "the cron secret as `Authorization: Bearer …`",
        Guard::Public => "anybody",
    }
}
