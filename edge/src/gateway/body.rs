//! What an answer carries: nothing, a text made here, a page of the console, or the app's stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::http2::Pace;
use super::relay::Relay;
use super::tunnel::{AtEnd, Tunnel};
use super::turn::TurnEnd;

/// Why a stream broke off. The reader can only close: the head of the answer is long gone.
pub type BrokenOff = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer of the gateway.
#[derive(Default)]
pub struct Body {
    content: Content,
    /// Dropped with the body, which tells the connection that the next request may come in.
    _turn: Option<TurnEnd>,
    /// What the connection becomes after this answer.
    tunnel: Option<Box<Tunnel>>,
    /// Over HTTP/2: told when a piece is given to the client.
    pace: Option<Pace>,
}

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Whole(Bytes),
    Page(axum::body::Body),
    Relay(Box<Relay>),
}

impl Body {
    /// A body without a byte.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Ties the body to the turn of its request on the connection.
    pub(super) fn ending(mut self, turn: TurnEnd) -> Self {
        if let Content::Relay(relay) = &mut self.content {
            relay.bind(&turn.0);
        }
        self._turn = Some(turn);
        self
    }

    /// Tells `pace` what the client is given.
    pub(super) fn paced(mut self, pace: Pace) -> Self {
        if let Content::Relay(relay) = &mut self.content {
            relay.bind(pace.turns());
        }
        self.pace = Some(pace);
        self
    }

    /// The empty body of an answer that switches protocols.
    pub(super) fn switching(tunnel: Tunnel) -> Self {
        Self { tunnel: Some(Box::new(tunnel)), ..Self::default() }
    }

    pub(super) fn take_tunnel(&mut self) -> Option<Box<Tunnel>> {
        self.tunnel.take()
    }

    /// Where the answer switches protocols: calls `at_end` when what follows has ended, and not before.
    /// Otherwise gives it back, unused.
    pub fn tell_at_end<T>(&mut self, told: T, at_end: impl FnOnce(T) -> AtEnd) -> Option<T> {
        let Some(tunnel) = &mut self.tunnel else { return Some(told) };
        tunnel.tell(at_end(told));
        None
    }

    fn of(content: Content) -> Self {
        Self { content, ..Self::default() }
    }
}

impl Content {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(_) => match std::mem::take(self) {
                Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Ready(None),
            },
            Self::Page(page) => Pin::new(page).poll_frame(cx).map_err(Into::into),
            Self::Relay(relay) => Pin::new(&mut **relay).poll_frame(cx),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::of(if bytes.is_empty() { Content::Empty } else { Content::Whole(bytes) })
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<axum::body::Body> for Body {
    fn from(body: axum::body::Body) -> Self {
        Self::of(Content::Page(body))
    }
}

impl From<Relay> for Body {
    fn from(relay: Relay) -> Self {
        Self::of(Content::Relay(Box::new(relay)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        let Some(pace) = &this.pace else { return this.content.poll_frame(cx) };
        pace.ask();
        let frame = this.content.poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            pace.give();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(_) => false,
            Content::Page(page) => page.is_end_stream(),
            Content::Relay(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Page(page) => page.size_hint(),
            Content::Relay(relay) => relay.size_hint(),
        }
    }
}
