//! Step 2: whose host it is. Tenants are known from memory; one that is not is looked up once, however many ask.

use std::sync::Arc;

use http::header;
use http::{HeaderMap, Uri};
use tenantry_core::host::{Host, HostName};
use tenantry_core::mode::Mode;
use tenantry_core::slug::Slug;
use tenantry_edge::gateway::Place;
use tenantry_identity::tenants;
use tenantry_platform::cache::Known;
use tenantry_platform::http::Surface;
use tenantry_platform::permit::{Credential, Principal, TenantRef};
use tenantry_platform::problem::{Kind, Problem};

use crate::app::App;

/// Where a request knocked.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub surface: Surface,
    pub tenant: Option<Arc<TenantRef>>,
    /// As the browser sent it, with its port.
    pub host: Arc<str>,
}

impl Site {
    /// What a credential must agree with. A session lives on its mode's own host. A key names its mode by its
    /// prefix, so only the test host, which names a mode itself, binds it (AC-14).
    pub(super) fn place(&self, principal: Option<&Principal>) -> Place {
        let is_key = principal.is_some_and(|principal| matches!(principal.parts().credential, Credential::Key(_)));
        let mode = self.mode().filter(|mode| !is_key || *mode == Mode::Test);
        Place { tenant: self.tenant.as_ref().map(|tenant| tenant.id), mode }
    }

    /// `https://host:port`, from the configuration. Few requests need it.
    pub(super) fn origin(&self, app: &App) -> Arc<str> {
        // It was parsed before.
        let name = Host::parse(self.host.as_bytes()).map(|host| host.name).unwrap_or_default();
        app.config.hosts.origin(&name).into()
    }

    /// The mode that the host names.
    pub(super) fn mode(&self) -> Option<Mode> {
        match self.surface {
            Surface::Tenant(mode) => Some(mode),
            Surface::Central | Surface::Api => None,
        }
    }
}

/// The site of a request.
///
/// # Errors
/// 404 for a host that is nobody's, 503 when nobody can say.
pub(super) async fn site(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<Site, Problem> {
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    let sent = authority.or_else(|| headers.get(header::HOST).map(header::HeaderValue::as_bytes)).unwrap_or_default();
    let host = Host::parse(sent).map_err(|_| {
        Problem::new(
            Kind::Malformed,
            "The Host header is not a host name. Ask for the host that is in the address bar.",
        )
    })?;
    let of = |surface, tenant| Ok(Site { surface, tenant, host: String::from_utf8_lossy(sent).into() });
    match app.names.resolve(&host.name) {
        HostName::Central => of(Surface::Central, None),
        HostName::Api => of(Surface::Api, None),
        HostName::Tenant { slug, mode } => of(Surface::Tenant(mode), Some(tenant(app, slug).await?)),
        // An app's own team fetches the key set from there: `app.localhost` is a name that only browsers know.
        HostName::Other("127.0.0.1" | "localhost") if app.dev.is_some() => of(Surface::Api, None),
        HostName::Other(_) => Err(unknown_host()),
    }
}

/// The central host, whatever it was called: for those who ask a node itself.
pub(super) fn central(app: &App) -> Site {
    let name = app.config.hosts.central();
    Site { surface: Surface::Central, tenant: None, host: name.into() }
}

/// The tenant of a slug. A suspended one is refused here, before anything of it is read (AC-12).
async fn tenant(app: &App, slug: &str) -> Result<Arc<TenantRef>, Problem> {
    let slug = Slug::from_stored(slug).map_err(|_| unknown_host())?;
    let found = match app.identity.tenants.known(&slug) {
        Known::Yes(tenant) => Some(tenant),
        Known::No => None,
        Known::Unknown => {
            let tenants = app.identity.tenants.clone();
            app.cross(async move { tenants.find(&slug).await }).await?.map_err(Problem::unavailable)?
        }
    };
    let tenant = found.ok_or_else(unknown_host)?;
    tenants::stopped(&tenant).map_or(Ok(tenant), Err)
}

fn unknown_host() -> Problem {
    Problem::new(Kind::NotFound, "No workspace has this address. Check the spelling, or ask whoever gave it to you.")
        .code("unknown_host")
}
