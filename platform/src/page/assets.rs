//! The stylesheet and the modules, compiled in, each under a name that holds its hash.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

/// Where assets are served, on every host of Tenantry's own.
pub const ROOT: &str = "/-/assets/";
/// Forty bits of a name: enough to tell versions of a file apart, and no secret.
const HASH_BYTES: usize = 5;
/// A name never changes what it stands for, so nobody has to ask again. RFC 8246.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One file as it is served.
#[derive(Debug)]
pub struct Asset {
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    /// Quoted, as the header wants it.
    pub etag: String,
    name: &'static str,
    href: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        asset("tenantry.css", "text/css; charset=utf-8", include_bytes!("assets/tenantry.css")),
        asset("copy.js", "text/javascript; charset=utf-8", include_bytes!("assets/copy.js")),
        asset("time.js", "text/javascript; charset=utf-8", include_bytes!("assets/time.js")),
        asset("strength.js", "text/javascript; charset=utf-8", include_bytes!("assets/strength.js")),
        asset("autosubmit.js", "text/javascript; charset=utf-8", include_bytes!("assets/autosubmit.js")),
        asset("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
    ]
});

/// Serves the assets; merge it into the router of each host.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/-/assets/{name}", handler())
}

/// What answers `/-/assets/{name}`.
pub fn handler<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    get(serve)
}

/// The asset that is served at `path`, with or without [`ROOT`]. An older hash is another file: none.
pub fn find(path: &str) -> Option<&'static Asset> {
    let name = path.strip_prefix(ROOT).unwrap_or(path);
    ASSETS.iter().find(|asset| asset.href[ROOT.len()..] == *name)
}

/// Where the asset called `name` is served. Empty for a name that is not compiled in, which a test rules out.
pub fn href(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.href.as_str())
}

/// The text of the asset called `name`. Empty where [`href`] is.
pub fn source(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.and_then(|asset| std::str::from_utf8(asset.bytes).ok()).unwrap_or_default()
}

fn asset(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = Sha256::digest(bytes)[..HASH_BYTES].iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let href = format!("{ROOT}{stem}.{hash}.{extension}");
    Asset { content_type, bytes, etag: format!("\"{hash}\""), name, href }
}

async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = find(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let held = headers.get(IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let validators = [(CACHE_CONTROL, FOR_EVER), (ETAG, asset.etag.as_str())];
    if held == Some(asset.etag.as_str()) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    (validators, [(CONTENT_TYPE, asset.content_type)], asset.bytes).into_response()
}
