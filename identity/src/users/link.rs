//! The mailed link: its token, and what waits behind it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenantry_core::email::EmailAddress;
use tenantry_core::ids::{LinkId, PersonId, TenantId};
use tenantry_core::random::Entropy;
use tenantry_core::seal::Place;
use tenantry_core::slug::Slug;
use tenantry_platform::db::DbFault;
use tenantry_platform::ground::Ground;

const TOKEN_BYTES: usize = 32;

/// The token of a link. Only its digest is stored.
pub(crate) struct Token(String);

/// What a sign-up asked for, sealed until its link is used.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) person: PersonId,
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) email: EmailAddress,
    /// The hash of the password that was chosen at sign-up.
    pub(super) hash: String,
    pub(super) workspace: String,
    pub(super) slug: Slug,
    /// The browser that signed up.
    pub(super) browser: [u8; 32],
}

impl Token {
    pub(crate) fn fresh(entropy: &Entropy) -> Self {
        Self(URL_SAFE_NO_PAD.encode(entropy.bytes::<TOKEN_BYTES>()))
    }

    pub(crate) fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl Pending {
    pub(super) fn seal(&self, ground: &Ground, link: LinkId) -> Result<Vec<u8>, DbFault> {
        let plain = serde_json::to_vec(self).map_err(|error| DbFault::Refused(error.to_string()))?;
        Ok(ground.sealer.seal(&place(link.uuid().as_bytes()), &plain, &ground.entropy))
    }

    pub(super) fn open(ground: &Ground, link: LinkId, sealed: &[u8]) -> Result<Self, DbFault> {
        let plain = ground
            .sealer
            .open(&place(link.uuid().as_bytes()), sealed)
            .map_err(|fault| DbFault::Refused(fault.to_string()))?;
        serde_json::from_slice(&plain).map_err(|error| DbFault::Refused(error.to_string()))
    }
}

fn place(id: &[u8; 16]) -> Place<'_> {
    Place { label: "link", scope: "control", table: "links", column: "data", row: id }
}
