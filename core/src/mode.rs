//! Live or test: two worlds of the same tenant (AC-7, AC-14).
//!
//! A mode is never a column: it names a schema and a login, and it is read from a key's prefix, a
//! host or a console path before any row is touched.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which of a tenant's two worlds is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real customers, real money.
    Live,
    /// The tenant's rehearsal room.
    Test,
}

/// The text names no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mode is `live` or `test`")]
pub struct NotAMode;

impl Mode {
    /// The one spelling of this mode: in keys, paths, schemas and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = NotAMode;

    fn from_str(text: &str) -> Result<Self, NotAMode> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(NotAMode),
        }
    }
}
