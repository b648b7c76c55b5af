//! Proof: what is kept, what was done, and what holds right now.
//!
//! - [`vault`]: the root key, the canary, the signing keys;
//! - [`audit`]: reading the log, exporting it, and what the gateway saw;
//! - [`posture`]: each claim with a check that tries it, and the page that shows only what holds.

pub mod audit;
pub mod vault;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tenantry_platform::ground::Ground;
use tenantry_platform::http::Caller;
use tenantry_platform::page::Chrome;
use tenantry_platform::problem::Problem;

/// What the handlers of these rooms share. Clones are cheap.
#[derive(Clone)]
pub struct Custody {
    /// What every room stands on.
    pub ground: Ground,
    /// What the gateway saw.
    pub observer: audit::observe::Observer,
    frames: Frames,
}

/// Which page a frame is for.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// A word of the catalogue.
    pub title: &'static str,
    /// The entry of the navigation that is the current one.
    pub nav: &'static str,
    /// The page's path, with `{slug}` and `{mode}` where it has them.
    pub path: &'static str,
}

/// Makes the frame around a page: who is signed in, their workspaces, the navigation. The binary gives it,
/// because people and workspaces live in rooms that this area does not know.
pub type Frames = Arc<dyn Fn(Caller, Framing) -> BoxFuture<'static, Result<Chrome, Problem>> + Send + Sync>;

impl Custody {
    /// Puts the parts together.
    pub fn new(ground: Ground, observer: audit::observe::Observer, frames: Frames) -> Self {
        Self { ground, observer, frames }
    }

    async fn frame(&self, caller: &Caller, framing: Framing) -> Result<Chrome, Problem> {
        (self.frames)(caller.clone(), framing).await
    }
}

impl std::fmt::Debug for Custody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custody").finish_non_exhaustive()
    }
}
