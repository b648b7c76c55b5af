//! How much each tenant uses: requests, refusals by reason, sign-ins, by the minute, the hour and the day.
//!
//! What must always hold (OBS-3):
//!
//! - [`Usage::count`] neither waits nor, for what is known already, allocates: it adds under a lock that the
//!   thread shares with almost nobody.
//! - Memory is bounded, and no tenant takes another's room: each has a sure share, and only beyond it the rest is
//!   for whoever comes first. What finds no room is missing from a chart, and the log says so.
//! - Counts are a convenience, not evidence (the audit log is that): at most [`FLUSH_EVERY`] of them is lost when
//!   the process is killed, and nothing when it ends in order. A database that is away costs none that fit.
//! - A tenant's counts are read with its own permit alone, behind both walls.

mod count;
mod read;
mod store;
mod write;

use std::time::Duration;

use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::mode::Mode as ModeWord;

pub use count::Usage;
pub use read::{Series, Span, read, read_all, series};
pub use write::sweep;

/// How often counts are written: what a kill loses at most, and how old a chart is at most.
pub const FLUSH_EVERY: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every request to the app or the management API, refused ones among them.
    Requests,
    /// Refused by a limit.
    Limited,
    /// Refused for a missing permission or a foreign origin.
    Forbidden,
    /// Refused for a missing or bad credential.
    Unauthorized,
    /// Refused because it made no sense: no such address, a malformed body.
    Malformed,
    /// A person of the workspace signed in.
    SignIns,
    /// Somebody tried to sign in as a person of the workspace.
    SignInsFailed,
}

impl Kind {
    /// Every kind, in the order of its place in memory.
    pub const ALL: [Self; 7] = [
        Self::Requests,
        Self::Limited,
        Self::Forbidden,
        Self::Unauthorized,
        Self::Malformed,
        Self::SignIns,
        Self::SignInsFailed,
    ];

    /// The kinds that are refusals.
    pub const REFUSALS: [Self; 4] = [Self::Limited, Self::Forbidden, Self::Unauthorized, Self::Malformed];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limited => "limited",
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::Malformed => "malformed",
            Self::SignIns => "sign_ins",
            Self::SignInsFailed => "sign_ins_failed",
        }
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// In which of a tenant's books something is counted. Sign-ins belong to the workspace and to no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Book {
    /// The workspace as a whole.
    Workspace,
    /// One of its modes.
    Of(ModeWord),
}

/// Whose counter: a tenant's, and with a key also the key's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The tenant.
    pub tenant: TenantId,
    /// In which book.
    pub book: Book,
    /// The API key that asked.
    pub key: Option<KeyId>,
}
