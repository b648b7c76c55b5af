//! The byte check between a client's socket and the HTTP server.
//!
//! What must hold:
//! - The server never sees a byte of a head that was not judged whole, nor of a message after the one
//!   that is being answered.
//! - In the common case, a request that arrives in one piece, nothing is copied: the bytes are judged in
//!   the server's own buffer.
//! - Every stage of waiting has its own time-out; a trickle does not extend it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::alarm::Alarm;
use super::gate::{Gate, Phase};
use super::refusal::Refused;
use super::stream::Stream;
use super::turn::Turns;

/// How long a client may take over what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A whole head, from its first byte.
    pub(super) head: Duration,
    /// [`BODY_PROGRESS`] bytes of a body, while somebody waits for them.
    pub(super) body: Duration,
    /// The next request on an open connection.
    pub(super) keep_alive: Duration,
    /// Taking any part of an answer.
    pub(super) answer: Duration,
    /// An answer to a client that closed its sending side: it may have gone altogether.
    pub(super) half_closed: Duration,
    /// A byte either way, after a switch of protocols.
    pub(super) tunnel: Duration,
}

/// A body that brings less than this in its time is a trickle meant to hold the connection.
pub(super) const BODY_PROGRESS: usize = 1024;

/// Requests sent ahead are kept up to this size while one is being answered.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// One read of a head that comes in pieces.
const PIECE_BYTES: usize = 4 * 1024;

/// After a refusal, what a client is still sending is read for so long and so much, or the reset that
/// closing causes could overtake the answer (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    KeepAlive,
    Head,
    Body,
    Answering,
    HalfClosed,
}

/// A client's connection.
pub(super) struct Wire {
    stream: Stream,
    gate: Gate,
    turns: Rc<Turns>,
    patience: Patience,
    /// Read, but not let through.
    held: BytesMut,
    /// How many bytes of `held` may go through.
    cleared: usize,
    /// Bytes of a body since the alarm was last calmed.
    progress: usize,
    reading: Alarm<Stage>,
    writing: Alarm<()>,
    /// The client closed its sending side.
    has_ended: bool,
}

impl Wire {
    pub(super) fn new(stream: Stream, gate: Gate, turns: Rc<Turns>, patience: Patience) -> Self {
        Self {
            stream,
            gate,
            turns,
            patience,
            held: BytesMut::new(),
            cleared: 0,
            progress: 0,
            reading: Alarm::new(),
            writing: Alarm::new(),
            has_ended: false,
        }
    }

    /// Why the connection must be closed with an answer that the server could not make, if so.
    pub(super) fn owed_refusal(&self) -> Option<Refused> {
        self.gate.owed_refusal()
    }

    /// Writes `last` and closes in the order that lets the client read it.
    pub(super) async fn close(mut self, last: &[u8]) {
        let farewell = async {
            self.stream.write_all(last).await?;
            self.stream.shutdown().await
        };
        let is_said = timeout(self.patience.answer, farewell).await.is_ok_and(|said| said.is_ok());
        if is_said && !self.has_ended {
            // Whether the client hears it out is its own affair.
            drop(timeout(LINGER, self.drain()).await);
        }
    }

    /// The socket without the byte check, and what the client had sent ahead: after a switch of protocols.
    pub(super) fn into_socket(self) -> (Stream, Bytes) {
        (self.stream, self.held.freeze())
    }

    /// Closes so that nobody takes the answer for whole.
    pub(super) fn reset(self) {
        self.stream.reset();
    }

    async fn drain(&mut self) -> io::Result<()> {
        let mut sink = vec![0; PIECE_BYTES];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            let count = self.stream.read(&mut sink).await?;
            if count == 0 {
                break;
            }
            left = left.saturating_sub(count);
        }
        Ok(())
    }

    /// One step: `Ready(None)` to go on, `Ready(Some(()))` when the server has its bytes or the end.
    fn step(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Option<()>>> {
        if self.cleared > 0 {
            self.hand_over(buf);
            return Poll::Ready(Ok(Some(())));
        }
        match self.gate.phase() {
            Phase::Refused { is_owed: true, .. } => Poll::Ready(Ok(Some(()))),
            Phase::Refused { refused, .. } => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refused))),
            Phase::Answering if self.turns.is_taken() => self.watch(cx),
            Phase::Answering => {
                self.begin_next();
                Poll::Ready(Ok(None))
            }
            Phase::Head | Phase::Body if self.held.is_empty() => self.read_through(cx, buf),
            Phase::Head | Phase::Body => self.read_piece(cx),
        }
    }

    /// The client's patience counts from the end of the answer, whenever that is noticed.
    fn begin_next(&mut self) {
        self.gate.begin_next();
        if let Some(ended) = self.turns.ended() {
            self.reading.begin(Stage::KeepAlive, ended + self.patience.keep_alive);
        }
    }

    /// Reads into the server's buffer, judges there, and takes back what may not go through yet.
    fn read_through(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Option<()>>> {
        let start = buf.filled().len();
        if self.has_ended {
            return Poll::Ready(Ok(Some(())));
        }
        let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(cx, buf) else {
            return self.wait(cx).map(Ok);
        };
        outcome?;
        let fresh = &buf.filled()[start..];
        if fresh.is_empty() {
            self.has_ended = true;
            return Poll::Ready(Ok(Some(())));
        }
        let passed = pass(&mut self.gate, &self.turns, fresh);
        self.held.extend_from_slice(&fresh[passed..]);
        buf.set_filled(start + passed);
        self.note_progress(passed);
        Poll::Ready(Ok((passed > 0).then_some(())))
    }

    /// Judges what is held; reads more of it when that does not suffice.
    fn read_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<()>>> {
        self.cleared = pass(&mut self.gate, &self.turns, &self.held);
        if self.cleared > 0 || self.gate.phase().is_refused() {
            self.reading.calm();
            return Poll::Ready(Ok(None));
        }
        if self.has_ended {
            self.held.clear();
            return Poll::Ready(Ok(Some(())));
        }
        match self.fill(cx) {
            Poll::Ready(outcome) => Poll::Ready(outcome.map(|()| None)),
            Poll::Pending => self.wait(cx).map(Ok),
        }
    }

    /// While a request is answered: keeps what is sent ahead, and notices a client that leaves.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<()>>> {
        if !self.held.is_empty() {
            self.turns.wake_after(cx.waker());
        }
        while !self.has_ended && self.held.len() < AHEAD_BYTES_MAX {
            match self.fill(cx) {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending => return self.look_again_later(cx),
            }
            self.turns.wake_after(cx.waker());
        }
        if !self.has_ended {
            return self.look_again_later(cx);
        }
        ready!(self.reading.poll(cx, Stage::HalfClosed, self.patience.half_closed));
        Poll::Ready(Ok(Some(())))
    }

    /// The server does not read again by itself when the answer is done. The alarm makes it, in time to see
    /// whether the connection has been quiet for too long; until then nothing has to be woken.
    fn look_again_later<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        while self.reading.poll(cx, Stage::Answering, self.patience.keep_alive).is_ready() {
            self.reading.calm();
        }
        Poll::Pending
    }

    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = [const { MaybeUninit::uninit() }; PIECE_BYTES];
        let mut piece = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        self.has_ended = piece.filled().is_empty();
        self.held.extend_from_slice(piece.filled());
        Poll::Ready(Ok(()))
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.cleared.min(buf.remaining());
        buf.put_slice(&self.held[..count]);
        self.held.advance(count);
        self.cleared -= count;
        self.note_progress(count);
    }

    fn note_progress(&mut self, count: usize) {
        self.progress += count;
        if self.progress >= BODY_PROGRESS || !matches!(self.gate.phase(), Phase::Body) {
            self.progress = 0;
            self.reading.calm();
        }
    }

    /// Nothing to read: what is waited for decides for how long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let (stage, patience) = match self.gate.phase() {
            Phase::Body => (Stage::Body, self.patience.body),
            _ if is_blank(&self.held) => (Stage::KeepAlive, self.patience.keep_alive),
            _ => (Stage::Head, self.patience.head),
        };
        ready!(self.reading.poll(cx, stage, patience));
        match stage {
            Stage::Head => self.gate.refuse(Refused::SlowHead),
            Stage::Body => self.gate.refuse(Refused::SlowBody),
            Stage::KeepAlive | Stage::Answering | Stage::HalfClosed => return Poll::Ready(Some(())),
        }
        Poll::Ready(None)
    }

    /// Only while the client takes nothing does its patience count.
    fn note_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            ready!(self.writing.poll(cx, (), self.patience.answer));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.writing.calm();
        if self.has_ended {
            self.reading.calm();
        }
        written
    }
}

/// Empty lines after a request are old clients' habit, and no beginning of the next one.
fn is_blank(held: &[u8]) -> bool {
    held.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Judges bytes; a head that passes takes the turn.
fn pass(gate: &mut Gate, turns: &Turns, bytes: &[u8]) -> usize {
    let is_head = gate.phase() == Phase::Head;
    let passed = gate.pass(bytes);
    if is_head && passed > 0 {
        turns.take();
    }
    passed
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if ready!(this.step(cx, buf))?.is_some() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.note_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// The connection says its own farewell: [`Wire::close`].
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
