//! The demo app behind `tenantry dev`: a small shop that contains no security code but one check.
//!
//! It believes nothing except a valid `Tenantry-Identity` (docs/app-contract.md). What it keeps, it keeps by
//! tenant and mode, as that header names them. It listens on a unix socket, so that nobody can go around the
//! gateway.

mod identity;
mod shop;

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use tenantry_core::clock::Clock;
use tokio::net::UnixListener;

use identity::Believer;
pub use identity::{Claims, JwksSource};
use shop::{NewOrder, NewProduct, Shop};

/// The configuration that a newcomer copies.
pub const CONFIG: &str = include_str!("tenantry.toml");
/// Where `CONFIG` comes from, in messages.
pub const CONFIG_NAME: &str = "the built-in demo configuration";

const STYLE: &str = include_str!("shop.css");
const SCRIPT: &str = include_str!("shop.js");
const ICON: &str = include_str!("shop.svg");

#[derive(Clone)]
struct Demo {
    believer: Arc<Believer>,
    shop: Arc<Shop>,
}

/// Serves on a unix socket until the future is dropped.
pub async fn serve(socket: &Path, source: JwksSource, clock: Clock) -> io::Result<()> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    axum::serve(listener, router(source, clock)).await
}

fn router(source: JwksSource, clock: Clock) -> Router {
    let demo = Demo { believer: Arc::new(Believer::new(source, clock)), shop: Arc::default() };
    Router::new()
        .route("/", get(page))
        .route("/api/whoami", get(whoami))
        .route("/api/status", get(status))
        .route("/api/products", get(products).post(add_product))
        .route("/api/products/{id}", get(product))
        .route("/api/orders", get(orders).post(add_order))
        .route("/assets/shop.css", get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }))
        .route("/assets/shop.svg", get(|| async { ([(header::CONTENT_TYPE, "image/svg+xml")], ICON) }))
        .route(
            "/assets/shop.js",
            get(|| async { ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT) }),
        )
        .route("/api/cron/nightly", post(restock))
        .layer(middleware::from_fn_with_state(demo.clone(), believe))
        .with_state(demo)
}

/// The one check: no valid identity, no answer.
async fn believe(State(demo): State<Demo>, mut request: Request, next: Next) -> Response {
    let token = request.headers().get("tenantry-identity").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match demo.believer.verify(token).await {
        Ok(claims) => {
            request.extensions_mut().insert(claims);
            next.run(request).await
        }
        Err(why) => (StatusCode::UNAUTHORIZED, Json(serde_json::json!({ "error": "identity_refused", "detail": why })))
            .into_response(),
    }
}

async fn whoami(Extension(claims): Extension<Claims>) -> Json<Claims> {
    Json(claims)
}

async fn status() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

async fn products(State(demo): State<Demo>, Extension(claims): Extension<Claims>) -> Response {
    Json(demo.shop.products(&claims.world())).into_response()
}

async fn product(
    State(demo): State<Demo>,
    Extension(claims): Extension<Claims>,
    UrlPath(id): UrlPath<u32>,
) -> Response {
    match demo.shop.products(&claims.world()).into_iter().find(|product| product.has_id(id)) {
        Some(product) => Json(product).into_response(),
        None => {
            (StatusCode::NOT_FOUND, Json(serde_json::json!({ "error": "there is no such product" }))).into_response()
        }
    }
}

async fn add_product(
    State(demo): State<Demo>,
    Extension(claims): Extension<Claims>,
    Json(new): Json<NewProduct>,
) -> Response {
    match demo.shop.add_product(&claims.world(), new) {
        Ok(product) => (StatusCode::CREATED, Json(product)).into_response(),
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, Json(serde_json::json!({ "error": why }))).into_response(),
    }
}

async fn orders(State(demo): State<Demo>, Extension(claims): Extension<Claims>) -> Response {
    Json(demo.shop.orders(&claims.world())).into_response()
}

async fn add_order(
    State(demo): State<Demo>,
    Extension(claims): Extension<Claims>,
    Json(new): Json<NewOrder>,
) -> Response {
    match demo.shop.add_order(&claims.world(), &claims.actor_name(), new) {
        Ok(order) => (StatusCode::CREATED, Json(order)).into_response(),
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, Json(serde_json::json!({ "error": why }))).into_response(),
    }
}

async fn restock(State(demo): State<Demo>) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "restocked": demo.shop.restock() }))
}

/// A page whose only inline script and style carry the nonce that the gateway chose for this answer.
async fn page(State(demo): State<Demo>, Extension(claims): Extension<Claims>, headers: HeaderMap) -> Html<String> {
    let nonce = headers.get("tenantry-csp-nonce").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Html(demo.shop.page(&claims, nonce))
}
