//! HTTP/2 to the client: many requests over one connection, each by the rules of HTTP/1.
//!
//! What must hold:
//! - What the byte check would refuse is refused: each head is judged as if it had come over HTTP/1.
//! - A client pays for what it makes us do: streams, headers, resets, unread answers and silence have their bounds.
//! - The end of a connection ends the app's work for it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tenantry_core::head::{HeadFault, Judgement, judge};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};

use super::alarm::Alarm;
use super::body::Body;
use super::conn::{Peer, Terms, is_misdirected, refuse};
use super::entry::Entered;
use super::inbound::BodyPatience;
use super::refusal::Refused;
use super::stream::Stream;
use super::turn::Turns;
use super::wire::Patience;

/// Requests at a time over one connection: what browsers use, and what RFC 9113, section 6.5.2, asks for at least.
const STREAMS_MOST: u32 = 100;
/// Bytes of one body that are kept before they are asked for: RFC 9113's own default.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same over all bodies of a connection.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Bytes of one answer that wait for the client to take them.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client opened and reset before anybody looked at them; one more ends the connection (CVE-2023-44487).
const RESETS_MOST: usize = 20;
/// Streams that a client made us reset; one more ends the connection (CVE-2025-8671).
const FORCED_RESETS_MOST: usize = 100;
/// A client that is silent for so long is asked whether it is there, and has so long to say so.
const PING_AFTER: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves a connection until it ends, or until `stop` is set and the requests in flight are answered.
pub(super) async fn serve<H, F>(entered: Entered, handler: H, terms: Rc<Terms>, mut stop: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>, Peer) -> F + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let Patience { answer, keep_alive, .. } = terms.patience;
    let (streams, socket) = (Streams::new(answer), Paced::new(entered.stream, answer));
    let (of_service, of_peer, name, head_bytes_max) =
        (streams.clone(), entered.peer, entered.server_name, terms.head_bytes_max);
    let server = server(streams.clone(), &terms);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let pace = of_service.begin();
        let judged = admit(&mut request, name.as_deref(), head_bytes_max);
        request.extensions_mut().insert(BodyPatience(terms.patience.body));
        let answering = judged.map(|()| handler(request, of_peer)).map_err(|refused| refuse(refused, &terms));
        async move {
            let answer = match answering {
                Ok(answering) => answering.await,
                Err(refused) => refused,
            };
            Ok::<_, Infallible>(answer.map(|body| body.paced(pace)))
        }
    });
    let mut connection = pin!(server.serve_connection(TokioIo::new(socket), service));
    let outcome = tokio::select! {
        biased;
        outcome = connection.as_mut() => outcome,
        _ = stop.wait_for(|stop| *stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = streams.quiet_for(keep_alive) => {
            connection.as_mut().graceful_shutdown();
            // What the client has not taken by then, nobody waits for.
            timeout(answer, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(fault) = outcome {
        tracing::debug!(%fault, "connection broke");
    }
}

fn server(streams: Streams, terms: &Terms) -> http2::Builder<Streams> {
    let mut server = http2::Builder::new(streams);
    server
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MOST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(terms.head_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS_MOST)
        .max_local_error_reset_streams(FORCED_RESETS_MOST)
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_TIMEOUT);
    server
}

/// Judges a request, and gives it the form that one of HTTP/1 has.
fn admit(request: &mut Request<Incoming>, server_name: Option<&str>, head_bytes_max: usize) -> Result<(), Refused> {
    settle(request, head_bytes_max)?;
    if is_misdirected(request, server_name) { Err(Refused::Misdirected) } else { Ok(()) }
}

/// Writes the head as HTTP/1 would say it, lets the byte check judge that, and then joins cookies and says `Host`.
fn settle<B>(request: &mut Request<B>, head_bytes_max: usize) -> Result<(), HeadFault> {
    if request.uri().scheme_str().is_some_and(|scheme| scheme != "https") {
        return Err(HeadFault::Target);
    }
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Err(HeadFault::TransferEncoding);
    }
    join_cookies(request);
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if let Some(authority) = &authority
        && !request.headers().contains_key(header::HOST)
    {
        let host = HeaderValue::from_str(authority).map_err(|_| HeadFault::Host)?;
        request.headers_mut().insert(header::HOST, host);
    }
    match judge(&written(request, authority.as_deref()))? {
        Judgement::Complete(head) if head.len <= head_bytes_max => Ok(()),
        Judgement::Complete(_) | Judgement::Incomplete => Err(HeadFault::TooLarge),
    }
}

fn written<B>(request: &Request<B>, authority: Option<&str>) -> Vec<u8> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let mut head = Vec::with_capacity(1024);
    head.extend_from_slice(request.method().as_str().as_bytes());
    head.push(b' ');
    if let Some(authority) = authority.filter(|_| target != "*" && *request.method() != http::Method::CONNECT) {
        head.extend_from_slice(b"https://");
        head.extend_from_slice(authority.as_bytes());
    }
    head.extend_from_slice(target.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Crumbs of cookies become one header again (RFC 9113, section 8.2.3).
fn join_cookies<B>(request: &mut Request<B>) {
    let crumbs: Vec<&[u8]> = request.headers().get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    // Valid values with a valid text between them.
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        request.headers_mut().insert(header::COOKIE, joined);
    }
}

/// The streams of one connection: how many are open, and how each of them gets on.
#[derive(Clone)]
struct Streams(Rc<Open>);

struct Open {
    count: Cell<usize>,
    /// When the last one ended.
    ended: Cell<Instant>,
    /// Of the request that was just taken, until its stream is begun.
    next: RefCell<Option<Pace>>,
    patience: Duration,
}

/// Whether an answer waits for its client, and with which of its pieces.
#[derive(Clone, Default)]
pub(super) struct Pace {
    waits: Rc<Cell<(bool, u32)>>,
    /// The stream is cut off by them, as a connection of HTTP/1 is.
    turns: Rc<Turns>,
}

impl Pace {
    /// The client is given a piece, and takes its time.
    pub(super) fn give(&self) {
        self.waits.set((true, self.waits.get().1.wrapping_add(1)));
    }

    /// The next piece was asked for.
    pub(super) fn ask(&self) {
        self.waits.set((false, self.waits.get().1));
    }

    /// What cuts the stream off in the middle of its answer.
    pub(super) const fn turns(&self) -> &Rc<Turns> {
        &self.turns
    }
}

impl Streams {
    fn new(patience: Duration) -> Self {
        let (count, ended, next) = (Cell::new(0), Cell::new(Instant::now()), RefCell::new(None));
        Self(Rc::new(Open { count, ended, next, patience }))
    }

    /// Called for a request, at once before its stream is begun.
    fn begin(&self) -> Pace {
        let pace = Pace::default();
        *self.0.next.borrow_mut() = Some(pace.clone());
        pace
    }

    /// Ends when nobody has asked anything for so long.
    async fn quiet_for(&self, patience: Duration) {
        loop {
            let due = if self.0.count.get() == 0 { self.0.ended.get() } else { Instant::now() } + patience;
            sleep_until(due).await;
            if self.0.count.get() == 0 && self.0.ended.get() + patience <= Instant::now() {
                return;
            }
        }
    }
}

/// Streams stay on their thread.
impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let pace = self.0.next.borrow_mut().take().unwrap_or_default();
        self.0.count.set(self.0.count.get() + 1);
        let open = Rc::clone(&self.0);
        spawn_local(Watched { stream: Box::pin(stream), pace, alarm: Alarm::new(), open });
    }
}

/// A stream that is reset when its client takes nothing of its answer for long, or may not hear the rest.
struct Watched<F> {
    stream: Pin<Box<F>>,
    pace: Pace,
    alarm: Alarm<u32>,
    open: Rc<Open>,
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.stream.as_mut().poll(cx).is_ready() || this.pace.turns.poll_cut_off(cx).is_ready() {
            return Poll::Ready(());
        }
        match this.pace.waits.get() {
            (true, piece) => this.alarm.poll(cx, piece, this.open.patience),
            (false, _) => {
                this.alarm.calm();
                Poll::Pending
            }
        }
    }
}

impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        self.open.count.set(self.open.count.get() - 1);
        self.open.ended.set(Instant::now());
    }
}

/// A socket whose client must take something in time.
struct Paced {
    stream: Stream,
    writing: Alarm<()>,
    patience: Duration,
}

impl Paced {
    const fn new(stream: Stream, patience: Duration) -> Self {
        Self { stream, writing: Alarm::new(), patience }
    }

    fn note<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing.calm();
            return written;
        }
        self.writing.poll(cx, (), self.patience).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Paced {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.note(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;

    /// Runs one stream with this pace until it is over.
    fn run(pace: impl FnOnce(&Pace), stream: impl Future<Output = ()> + 'static) -> usize {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
        runtime.block_on(async {
            let streams = Streams::new(Duration::from_millis(20));
            pace(&streams.begin());
            streams.execute(stream);
            assert_eq!(streams.0.count.get(), 1);
            streams.quiet_for(Duration::from_millis(5)).await;
            streams.0.count.get()
        })
    }

    #[test]
    fn a_stream_whose_client_takes_nothing_is_reset() {
        assert_eq!(run(Pace::give, std::future::pending()), 0);
    }

    #[test]
    fn a_stream_that_waits_for_the_app_is_left_alone() {
        let late = Instant::now() + Duration::from_millis(100);
        let app = |pace: &Pace| {
            pace.give();
            pace.ask();
        };
        run(app, async move { sleep_until(late).await });
        assert!(Instant::now() >= late);
    }
}
