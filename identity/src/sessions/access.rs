//! Access tokens: fifteen minutes, one host each (ID-8). A token only names a session; that the session
//! lives is asked of the cache, every time.

use serde::{Deserialize, Serialize};
use tenantry_core::ids::{PersonId, SessionId, TenantId};
use tenantry_core::mode::Mode;
use tenantry_platform::signing::Purpose;

use super::staff::Key;
use super::tokens::{Claims, Tokens};

/// Signs and verifies access tokens.
pub(super) type AccessTokens = Tokens<AccessClaims>;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessClaims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: PersonId,
    pub(super) sid: SessionId,
    pub(super) root: SessionId,
    /// The rotation of the refresh token that this one came with.
    pub(super) rot: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tid: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<Mode>,
    pub(super) iat: u64,
    pub(super) exp: u64,
}

impl AccessClaims {
    pub(super) const fn key(&self) -> Key {
        Key { person: self.sub, session: self.sid }
    }
}

impl Claims for AccessClaims {
    const PURPOSE: Purpose = Purpose::StaffAccess;

    fn aud(&self) -> &str {
        &self.aud
    }

    fn exp(&self) -> u64 {
        self.exp
    }
}
