//! Why there is no answer of the app, and what the client is told.

use std::io;

use tenantry_platform::metrics::UpstreamFault;
use tenantry_platform::problem::{Kind, Problem};

use super::refusal::Refused;
use super::tunnel::Ended;
use super::websocket::Unasked;

/// Why there is no answer of the app.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the app does not take connections: {0}")]
    Unreachable(io::Error),
    #[error("the app took too long to take a connection")]
    ConnectTimedOut,
    #[error("the app took too long to answer")]
    HeadTimedOut,
    #[error("the app closed the connection or did not speak HTTP: {0}")]
    Broken(hyper::Error),
    #[error("the app's answer has two lengths, or one that cannot be read")]
    AmbiguousLength,
    #[error("the app switched protocols without being asked")]
    Switched,
    #[error("the app's 101 is no answer to the WebSocket that was asked for: {0}")]
    Unasked(Unasked),
    #[error("as many requests as may be open wait for the app already")]
    Busy,
    #[error("the request's body is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the client's body broke off: {0}")]
    Client(hyper::Error),
    #[error("the client's body did not arrive in time")]
    SlowClient,
    #[error("whoever asked may not hear the answer any more: {}", .0.as_str())]
    Lost(Ended),
}

impl Fault {
    /// Whether the connection ended before the head of an answer, as it does when an app closes a quiet one.
    pub(super) fn is_closed_door(&self) -> bool {
        match self {
            Self::Broken(fault) => !fault.is_parse() && !fault.is_timeout() && !fault.is_user(),
            _ => false,
        }
    }

    /// The word that it is counted under. None: nobody is to blame for it.
    pub(super) const fn word(&self) -> Option<UpstreamFault> {
        Some(match self {
            Self::Unreachable(_) => UpstreamFault::Unreachable,
            Self::ConnectTimedOut => UpstreamFault::ConnectTimeout,
            Self::HeadTimedOut => UpstreamFault::Timeout,
            Self::Broken(_) | Self::AmbiguousLength | Self::Switched | Self::Unasked(_) => UpstreamFault::Broken,
            Self::Busy => UpstreamFault::Busy,
            Self::TooLarge(_) | Self::Client(_) | Self::SlowClient => UpstreamFault::Client,
            Self::Lost(_) => return None,
        })
    }

    /// The answer to the client; the fault itself stays in our log.
    pub(super) fn into_problem(self) -> Problem {
        match &self {
            Self::ConnectTimedOut | Self::HeadTimedOut => Problem::new(
                Kind::UpstreamTimeout,
                "The app behind this address took too long. Try again; what you sent may have been acted on.",
            ),
            Self::Busy => Problem::new(
                Kind::Unavailable,
                "The app behind this address is busy. Nothing was sent to it. Try again in a moment.",
            )
            .retry_after(1),
            Self::TooLarge(most) => {
                Problem::new(Kind::TooLarge, format!("The body may have {most} bytes here. Send less, or in parts."))
            }
            Self::Client(fault) => refusal_in(fault).map_or_else(
                || Problem::new(Kind::Malformed, "The body ended before its announced length."),
                Refused::problem,
            ),
            Self::SlowClient => Refused::SlowBody.problem(),
            Self::Lost(Ended::Revoked) => Problem::new(
                Kind::Unauthorized,
                "What you called with was taken away while the app was working on this. What you sent may have been acted on.",
            )
            .code("revoked_meanwhile"),
            Self::Lost(_) => Problem::new(
                Kind::Unavailable,
                "Something has changed about you, and what could not be found out in time. Try again; what you sent may have been acted on.",
            )
            .code("node_behind")
            .retry_after(1),
            Self::Unreachable(_) | Self::Broken(_) | Self::AmbiguousLength | Self::Switched | Self::Unasked(_) => {
                Problem::new(
                    Kind::Upstream,
                    "The app behind this address did not answer properly. Try again in a moment.",
                )
            }
        }
        .because(&self)
    }
}

/// The byte check's word, when it was that which broke off the body.
fn refusal_in(fault: &hyper::Error) -> Option<Refused> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(fault);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(refused) = inner.and_then(|inner| inner.downcast_ref::<Refused>()) {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}
