//! The browser that signed up, recognised when it comes back with the link.

use ::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tenantry_core::ids::TenantId;
use tenantry_core::seal::Place;
use tenantry_platform::ground::Ground;
use tenantry_platform::http::{clear_cookie, cookie, set_cookie};
use uuid::Uuid;

/// The cookie, on the central host.
const COOKIE: &str = "__Host-tenantry-sign-up";
const SECRET_BYTES: usize = 32;
const PLACE: Place<'_> =
    Place { label: "sign-up-browser", scope: "control", table: "cookie", column: "value", row: b"" };

/// A secret that the browser keeps, and the id that the workspace will have: with it, somebody who signs up
/// again because no mail came keeps the slug that they reserved.
#[derive(Clone)]
pub(super) struct Browser {
    secret: [u8; SECRET_BYTES],
    pub(super) tenant: TenantId,
}

impl Browser {
    /// The browser that these cookies name, if it signed up here before.
    pub(super) fn known(ground: &Ground, headers: &HeaderMap) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie(headers, COOKIE)?).ok()?;
        let plain = ground.sealer.open(&PLACE, &sealed).ok()?;
        let (secret, tenant) = plain.split_first_chunk::<SECRET_BYTES>()?;
        Some(Self { secret: *secret, tenant: TenantId::from_uuid(Uuid::from_slice(tenant).ok()?) })
    }

    /// A browser that was never seen.
    pub(super) fn fresh(ground: &Ground) -> Self {
        Self { secret: ground.entropy.bytes(), tenant: TenantId::new(&ground.clock, &ground.entropy) }
    }

    /// What the link keeps of it.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// Whether it is the one that the link knows.
    pub(super) fn is(&self, digest: &[u8; 32]) -> bool {
        self.digest().ct_eq(digest).into()
    }

    /// `Set-Cookie`, as long as the link lives.
    pub(super) fn cookie(&self, ground: &Ground, max_age_s: u64) -> HeaderValue {
        let plain = [self.secret.as_slice(), self.tenant.uuid().as_bytes()].concat();
        let sealed = ground.sealer.seal(&PLACE, &plain, &ground.entropy);
        set_cookie(COOKIE, &URL_SAFE_NO_PAD.encode(sealed), max_age_s)
    }

    /// `Set-Cookie` that forgets it.
    pub(super) fn forget() -> HeaderValue {
        clear_cookie(COOKIE)
    }
}
