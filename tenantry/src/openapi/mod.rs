//! The description of the management API: OpenAPI 3.1, built from the handlers' own annotations.

mod refusals;

use std::sync::OnceLock;

use axum::response::{IntoResponse as _, Response};
use http::header;
use utoipa::OpenApi;

/// Everything under `/-/api/v1`.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Tenantry management API",
        description = "Keys, members and the audit log of one workspace. Send an API key as `Authorization: Bearer sk_…`; \
                       the key names its workspace and mode. The lists of the whole platform (`directory`) take a management key of the \
                       platform itself, `mk_…`. Refusals are problems (RFC 9457)."
    ),
    paths(
        tenantry_identity::members::http::whoami,
        tenantry_identity::tenants::http::read,
        tenantry_identity::tenants::http::update,
        crate::standing::read,
        tenantry_identity::members::http::list,
        tenantry_identity::members::http::read,
        tenantry_identity::members::http::change,
        tenantry_identity::members::http::remove,
        tenantry_identity::members::invitation_api::list,
        tenantry_identity::members::invitation_api::create,
        tenantry_identity::members::invitation_api::revoke,
        tenantry_identity::roles::http::list,
        tenantry_identity::roles::http::create,
        tenantry_identity::roles::http::read,
        tenantry_identity::roles::http::update,
        tenantry_identity::roles::http::delete,
        tenantry_identity::apikeys::http::list,
        tenantry_identity::apikeys::http::create,
        tenantry_identity::apikeys::http::read,
        tenantry_identity::apikeys::http::update,
        tenantry_identity::apikeys::http::revoke,
        tenantry_identity::apikeys::http::rotate,
        tenantry_identity::apikeys::http::delete,
        tenantry_identity::directory::http::members,
        tenantry_identity::directory::http::users,
        tenantry_identity::directory::http::memberships,
        tenantry_identity::directory::http::tenants,
        tenantry_custody::audit::http::list,
        tenantry_custody::audit::http::export,
    ),
    modifiers(&Keys),
)]
pub struct Description;

/// Every operation takes an API key, unless it says that it takes a management key.
#[derive(Debug)]
struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("sk_(live|test)_…").build();
        description.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(scheme));
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("mk_…").build();
        description
            .components
            .get_or_insert_default()
            .add_security_scheme("management_key", SecurityScheme::Http(scheme));
        description.security = Some(vec![SecurityRequirement::new("api_key", [] as [&str; 0])]);
    }
}

/// The document, as it is served and as the snapshot keeps it.
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    // Invariant: the description is made of texts alone.
    DOCUMENT.get_or_init(|| {
        let mut document = serde_json::to_value(Description::openapi()).unwrap_or_default();
        refusals::describe(&mut document);
        serde_json::to_string_pretty(&document).unwrap_or_default()
    })
}

/// `GET /-/api/openapi.json`
pub async fn serve() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")], document())
        .into_response()
}
