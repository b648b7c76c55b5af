//! The app's answer on its way to the client, and the client's body on its way to the app.
//!
//! Nothing is collected: one piece is in flight at a time, and the slower side sets the pace.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::body::BrokenOff;
use super::contract::{strip_answer_trailers, strip_request_trailers};
use super::fault::Fault;
use super::held::Inbound;
use super::inbound::Broken;
use super::pool::Lease;
use super::tunnel::ASK_EVERY;
use super::turn::Turns;
use super::vigil::Vigil;

/// The app stopped in the middle of its answer.
#[derive(Debug, thiserror::Error)]
#[error("the app sent nothing for {} seconds in the middle of an answer", .0.as_secs())]
struct Stalled(Duration);

/// The body of the app's answer. Its end gives the connection back; anything else closes it.
pub struct Relay {
    body: Incoming,
    lease: Option<Lease>,
    alarm: Alarm<Stage>,
    patience: Duration,
    vigil: Vigil,
}

/// What the next piece is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A moment, after which whoever asked is asked about.
    Moment,
    /// As long as the app may be silent.
    Silence,
}

impl Relay {
    pub(super) fn new(body: Incoming, lease: Lease, patience: Duration) -> Self {
        let mut relay = Self { body, lease: Some(lease), alarm: Alarm::new(), patience, vigil: Vigil::none() };
        if relay.body.is_end_stream() {
            relay.release();
        }
        relay
    }

    /// Watches over the answer, unless it is through already.
    pub(super) fn watch(&mut self, vigil: impl FnOnce() -> Vigil) {
        if self.lease.is_some() {
            self.vigil = vigil();
        }
    }

    /// Says which connection the answer goes out on.
    pub(super) fn bind(&mut self, turns: &Rc<Turns>) {
        self.vigil.bind(turns);
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }

    fn settle(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) -> Option<Result<Frame<Bytes>, BrokenOff>> {
        self.alarm.calm();
        match frame {
            Some(Err(fault)) => {
                self.lease = None;
                Some(Err(fault.into()))
            }
            Some(Ok(frame)) => {
                if self.body.is_end_stream() {
                    self.release();
                } else if self.vigil.is_waiting() {
                    self.vigil.begin();
                }
                Some(Ok(without(frame, strip_answer_trailers)))
            }
            None => {
                self.release();
                None
            }
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.vigil.is_waiting() && self.patience > ASK_EVERY {
            ready!(self.alarm.poll(cx, Stage::Moment, ASK_EVERY));
            self.vigil.begin();
        }
        ready!(self.alarm.poll(cx, Stage::Silence, self.patience));
        self.lease = None;
        Poll::Ready(Some(Err(Stalled(self.patience).into())))
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(this.settle(frame)),
            Poll::Pending => this.poll_patience(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A frame whose trailers, if they are that, were gone through.
fn without(frame: Frame<Bytes>, strip: fn(&mut HeaderMap)) -> Frame<Bytes> {
    if !frame.is_trailers() {
        return frame;
    }
    frame.into_trailers().map_or_else(
        |frame| frame,
        |mut trailers| {
            strip(&mut trailers);
            Frame::trailers(trailers)
        },
    )
}

/// What became of a client's body so far.
pub(super) struct Progress {
    moved: Cell<Instant>,
    fault: RefCell<Option<Fault>>,
}

impl Progress {
    fn new() -> Rc<Self> {
        Rc::new(Self { moved: Cell::new(Instant::now()), fault: RefCell::new(None) })
    }

    /// When the last piece went to the app.
    pub(super) fn moved(&self) -> Instant {
        self.moved.get()
    }

    /// Why the client's body broke off, if it did.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.borrow_mut().take()
    }
}

/// The client's body broke off; the reason is in [`Progress::fault`].
#[derive(Debug, thiserror::Error)]
#[error("the client's body broke off")]
pub(super) struct BrokenBody;

/// The body of the client's request.
pub(super) struct Upload(Option<Box<Flow>>);

struct Flow {
    body: Inbound,
    most: u64,
    left: u64,
    progress: Rc<Progress>,
}

impl Upload {
    /// A request's body of at most `most` bytes, and how to watch it; where there is no body, nothing is watched.
    ///
    /// # Errors
    /// The announced length is more.
    pub(super) fn new(body: Inbound, most: u64) -> Result<(Self, Option<Rc<Progress>>), Fault> {
        if body.is_end_stream() {
            return Ok((Self::none(), None));
        }
        if body.size_hint().lower() > most {
            return Err(Fault::TooLarge(most));
        }
        let progress = Progress::new();
        let flow = Flow { body, most, left: most, progress: Rc::clone(&progress) };
        Ok((Self(Some(Box::new(flow))), Some(progress)))
    }

    /// The body of a request that has none.
    pub(super) const fn none() -> Self {
        Self(None)
    }
}

impl Flow {
    fn count(&mut self, frame: Result<Frame<Bytes>, Broken>) -> Result<Frame<Bytes>, Fault> {
        self.progress.moved.set(Instant::now());
        let frame = frame?;
        let count = frame.data_ref().map_or(0, Bytes::len) as u64;
        self.left = self.left.checked_sub(count).ok_or(Fault::TooLarge(self.most))?;
        Ok(without(frame, strip_request_trailers))
    }

    fn note(&mut self, fault: Fault) -> BrokenBody {
        self.progress.fault.replace(Some(fault));
        BrokenBody
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        let Some(flow) = &mut self.get_mut().0 else { return Poll::Ready(None) };
        let Some(frame) = ready!(Pin::new(&mut flow.body).poll_frame(cx)) else { return Poll::Ready(None) };
        Poll::Ready(Some(flow.count(frame).map_err(|fault| flow.note(fault))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|flow| flow.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |flow| flow.body.size_hint())
    }
}
