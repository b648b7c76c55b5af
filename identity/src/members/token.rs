//! The token of an invitation: it names its tenant, so that it is looked up inside that tenant's walls and nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tenantry_core::ids::TenantId;
use tenantry_core::random::Entropy;
use uuid::Uuid;

/// 256 bits, of which none can be guessed.
const SECRET_BYTES: usize = 32;
const TENANT_BYTES: usize = 16;

/// A tenant and a secret. Only the digest of the whole is stored.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) tenant: TenantId,
    text: String,
}

impl Token {
    pub(super) fn fresh(tenant: TenantId, entropy: &Entropy) -> Self {
        let bytes = [tenant.uuid().as_bytes().as_slice(), &entropy.bytes::<SECRET_BYTES>()].concat();
        Self { tenant, text: URL_SAFE_NO_PAD.encode(bytes) }
    }

    /// What somebody presents, if it looks like one.
    pub(super) fn presented(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == TENANT_BYTES + SECRET_BYTES)?;
        let tenant = Uuid::from_slice(&bytes[..TENANT_BYTES]).ok()?;
        Some(Self { tenant: TenantId::from_uuid(tenant), text: text.to_owned() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.text).into()
    }
}
