//! A client's body, with patience where nobody else has any.
//!
//! Over HTTP/1 the wire waits for it; over HTTP/2 many bodies come over one connection, and each has its own time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Extensions;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::alarm::Alarm;
use super::fault::Fault;
use super::wire::BODY_PROGRESS;

/// In a request's extensions: how long its body may take over [`BODY_PROGRESS`] bytes, while somebody waits for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyPatience(pub(super) Duration);

/// The body of a client's request, as it comes.
pub struct Coming {
    body: Incoming,
    patience: Option<Duration>,
    alarm: Alarm<()>,
    progress: usize,
}

/// Why a client's body is not whole.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The client went, or said something that is no body.
    #[error(transparent)]
    Off(hyper::Error),
    /// It came too slowly.
    #[error("the body of the request did not arrive in time")]
    Slow,
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Off(fault) => Self::Client(fault),
            Broken::Slow => Self::SlowClient,
        }
    }
}

impl Coming {
    /// The body of a request with these extensions.
    pub fn new(body: Incoming, extensions: &Extensions) -> Self {
        let patience = extensions.get::<BodyPatience>().map(|patience| patience.0);
        Self { body, patience, alarm: Alarm::new(), progress: 0 }
    }

    fn note(&mut self, count: usize) {
        self.progress += count;
        if self.progress >= BODY_PROGRESS {
            self.progress = 0;
            self.alarm.calm();
        }
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let Some(patience) = this.patience else { return Poll::Pending };
            ready!(this.alarm.poll(cx, (), patience));
            return Poll::Ready(Some(Err(Broken::Slow)));
        };
        if let Some(Ok(frame)) = &frame {
            this.note(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Broken::Off)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Debug for Coming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coming").finish_non_exhaustive()
    }
}
