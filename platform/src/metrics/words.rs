//! The words that labels say. Each list is closed, so that no request can make a new line.

use super::label::{Label, Word};
use crate::problem::Kind;

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident under $label:literal { $($(#[doc = $of:literal])+ $word:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {$($(#[doc = $of])+ $word,)+}

        impl Word for $name {
            const LABEL: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$word),+];

            fn as_str(self) -> &'static str {
                match self {$(Self::$word => $text,)+}
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    )+};
}

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal $is_long:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub enum $name {}

        impl Label for $name {
            const LABEL: &'static str = $label;
            const IS_LONG: bool = $is_long;
        }
    )+};
}

names! {
    /// The pattern of a route, as its table writes it.
    RouteName = "route" true;
    /// A limit.
    Tier = "tier" false;
    /// What is kept in memory.
    Cache = "cache" false;
    /// A login of the database.
    Login = "login" false;
    /// A control of the trust page.
    Control = "control" false;
    /// A certificate, by the name that the configuration gives it.
    Certificate = "certificate" false;
}

words! {
    /// The class of a status.
    Status under "status" {
        /// 100 to 199: a WebSocket was opened.
        Switched = "1xx",
        /// 200 to 299.
        Good = "2xx",
        /// 300 to 399.
        Elsewhere = "3xx",
        /// 400 to 499.
        Refused = "4xx",
        /// 500 to 599.
        Failed = "5xx",
    }
    /// What came of a request.
    Outcome under "outcome" {
        /// It went to the app.
        Passed = "passed",
        /// Tenantry answered it itself.
        Answered = "answered",
        /// A browser was sent to sign in.
        SignIn = "sign_in",
        /// 401.
        Unauthorized = "unauthorized",
        /// 403.
        Forbidden = "forbidden",
        /// 429.
        Limited = "limited",
        /// Another refusal.
        Refused = "refused",
        /// The app, the database or Tenantry failed.
        Failed = "failed",
    }
    /// Why a request was refused: a kind of problem.
    Refusal under "reason" {
        /// 400
        Malformed = "malformed",
        /// 401
        Unauthorized = "unauthorized",
        /// 403
        Forbidden = "forbidden",
        /// 404
        NotFound = "not_found",
        /// 405
        MethodNotAllowed = "method_not_allowed",
        /// 408
        SlowRequest = "slow_request",
        /// 409, 412
        Conflict = "conflict",
        /// 413
        TooLarge = "too_large",
        /// 415
        UnsupportedType = "unsupported_type",
        /// 421
        Misdirected = "misdirected",
        /// 422
        Invalid = "invalid",
        /// 429
        TooMany = "too_many",
        /// 500
        Internal = "internal",
        /// 501
        NotImplemented = "not_implemented",
        /// 502
        Upstream = "upstream_failed",
        /// 503
        Unavailable = "unavailable",
        /// 504
        UpstreamTimeout = "upstream_timeout",
    }
    /// Why a request was refused before it was read.
    Unread under "reason" {
        /// Its bytes have two meanings, or none.
        Ambiguous = "ambiguous",
        /// It came too slowly.
        Slow = "slow",
        /// As many connections as may be open were open.
        Full = "full",
        /// Its proxy is not trusted, or did not say for whom it comes.
        Proxy = "proxy",
        /// The TLS handshake failed.
        Handshake = "handshake",
        /// It was for another host than its connection.
        Misdirected = "misdirected",
    }
    /// What a limit decided.
    Decision under "decision" {
        /// The request went on.
        Admitted = "admitted",
        /// It was refused.
        Refused = "refused",
        /// It went on, and a limit in shadow would have refused it.
        Shadowed = "shadowed",
    }
    /// What a verdict over limits rests on.
    LimitBasis under "basis" {
        /// This node's memory: there is no shared store.
        Memory = "memory",
        /// The store that all nodes share.
        Shared = "shared",
        /// This node's part of each limit, because the shared store does not answer.
        Alone = "alone",
    }
    /// What was refused, and noted of whoever pays for it.
    Offended under "offence" {
        /// Over a limit.
        Limit = "limit",
        /// A credential.
        Credential = "credential",
        /// A key that could never have been one.
        Checksum = "checksum",
        /// A wrong password.
        SignIn = "sign_in",
        /// Reports of violated policies over their limit.
        Reports = "reports",
    }
    /// What became of a request of whoever was refused too often before.
    Step under "step" {
        /// Its answer warned.
        Warned = "warned",
        /// Its answer was held back.
        Slowed = "slowed",
        /// It was refused until enough is forgiven.
        Refused = "refused",
        /// Whoever sent it is blocked.
        Blocked = "blocked",
    }
    /// What a connection does.
    Line under "state" {
        /// It is in use.
        Busy = "in_use",
        /// It waits to be used.
        Idle = "idle",
    }
    /// Why there is no answer of the app.
    UpstreamFault under "reason" {
        /// It takes no connection.
        Unreachable = "unreachable",
        /// It took too long to take a connection.
        ConnectTimeout = "connect_timeout",
        /// It took too long to answer.
        Timeout = "timeout",
        /// What it said is no answer.
        Broken = "broken",
        /// As many requests as may be open wait for it.
        Busy = "busy",
        /// The client's body was too large or broke off.
        Client = "client",
    }
    /// What a look-up in memory found.
    Found under "outcome" {
        /// It is there.
        Hit = "hit",
        /// It is known that there is no such thing.
        Absent = "absent",
        /// Nobody knows yet: the database is asked.
        Miss = "miss",
    }
    /// How far a revocation had reached when it was answered.
    Reached under "reach" {
        /// Every node had applied it.
        Applied = "applied",
        /// Some had not, and their leases were over.
        Lapsed = "lapsed",
        /// One that cannot reach the database may still accept what was revoked.
        MayAccept = "may_accept",
    }
    /// Where a job stands.
    JobState under "state" {
        /// Not tried yet.
        Waiting = "waiting",
        /// Somebody has it.
        Running = "running",
        /// Tried, and to be tried again.
        Retrying = "retrying",
        /// Given up.
        Failed = "failed",
    }
    /// How a try of a job ended.
    JobEnd under "outcome" {
        /// It is done.
        Done = "done",
        /// It is tried again.
        Retried = "retried",
        /// It is given up.
        Failed = "failed",
    }
    /// What became of a mail.
    Delivery under "outcome" {
        /// The mail server took it.
        Sent = "sent",
        /// It is tried again.
        Deferred = "deferred",
        /// The mail server refused it for good.
        Refused = "refused",
    }
    /// What became of a report of a violated policy.
    Report under "outcome" {
        /// It is counted for its workspace.
        Kept = "kept",
        /// It cannot be read, or is nobody's.
        Refused = "refused",
    }
    /// What a control found last.
    Trial under "verdict" {
        /// The claim holds.
        Pass = "pass",
        /// It does not.
        Fail = "fail",
        /// Nobody can say.
        Unknown = "unknown",
    }
    /// What is handed to whoever watches from outside.
    Signal under "signal" {
        /// Spans, to the collector.
        Traces = "traces",
        /// Lines of the log, to the collector.
        Logs = "logs",
        /// Errors, to the error tracker.
        Errors = "errors",
    }
}

impl Status {
    /// The class of a status.
    pub const fn of(status: u16) -> Self {
        match status {
            ..200 => Self::Switched,
            200..300 => Self::Good,
            300..400 => Self::Elsewhere,
            400..500 => Self::Refused,
            500.. => Self::Failed,
        }
    }
}

impl From<Kind> for Refusal {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Malformed => Self::Malformed,
            Kind::Unauthorized => Self::Unauthorized,
            Kind::Forbidden => Self::Forbidden,
            Kind::NotFound => Self::NotFound,
            Kind::MethodNotAllowed => Self::MethodNotAllowed,
            Kind::SlowRequest => Self::SlowRequest,
            Kind::Conflict | Kind::Outdated => Self::Conflict,
            Kind::TooLarge => Self::TooLarge,
            Kind::UnsupportedType => Self::UnsupportedType,
            Kind::Misdirected => Self::Misdirected,
            Kind::Invalid => Self::Invalid,
            Kind::TooMany => Self::TooMany,
            Kind::Upstream => Self::Upstream,
            Kind::Unavailable => Self::Unavailable,
            Kind::UpstreamTimeout => Self::UpstreamTimeout,
            Kind::Internal => Self::Internal,
            Kind::NotImplemented => Self::NotImplemented,
        }
    }
}

impl From<Kind> for Outcome {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unauthorized => Self::Unauthorized,
            Kind::Forbidden => Self::Forbidden,
            Kind::TooMany => Self::Limited,
            Kind::Upstream | Kind::UpstreamTimeout | Kind::Unavailable | Kind::Internal => Self::Failed,
            _ => Self::Refused,
        }
    }
}
