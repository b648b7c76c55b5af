//! One client's connection: requests in turn, then a farewell that the client can read, or a tunnel.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::header::HOST;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tenantry_core::clock::Clock;
use tenantry_core::host::Host;
use tenantry_core::ids::uuid7;
use tenantry_core::random::Entropy;
use tenantry_platform::metrics::Metrics;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::body::Body;
use super::entry::{Entered, Entry, Unentered};
use super::gate::Gate;
use super::http2;
use super::refusal::{self, Refused, refusal};
use super::tunnel::Tunnel;
use super::turn::{TurnEnd, Turns};
use super::wire::{Patience, Wire};

/// The server reads and writes in pieces up to this size: what a stream may hold in memory, twice.
const BUFFER_BYTES_MAX: usize = 128 * 1024;

/// The first request of a connection that was made just before the end: the client has its word still to say.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// How often it is told that proxies are not understood.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Who is on the other side of a socket. The client itself may be further away, behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
}

/// What all connections of a thread share.
pub(super) struct Terms {
    pub(super) http: http1::Builder,
    pub(super) entry: Entry,
    pub(super) patience: Patience,
    pub(super) head_bytes_max: usize,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) metrics: Metrics,
    /// When it was told last that proxies are not understood.
    pub(super) told_at: Cell<Option<Instant>>,
}

/// The HTTP server as the byte check in front of it needs it: time-outs are the wire's, and answers are
/// not gathered, because an answer to an early request must not wait for a later, refused one.
pub(super) fn server() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).half_close(false).pipeline_flush(false).max_buf_size(BUFFER_BYTES_MAX);
    http
}

/// Serves a connection until it ends, or until `stop` is set and the request in flight is answered.
pub(super) async fn serve<H, F>(
    socket: TcpStream,
    peer: Peer,
    handler: H,
    terms: Rc<Terms>,
    stop: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>, Peer) -> F + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let _open = Open::new(&terms);
    if terms.entry.is_open() {
        return speak(Entered::plain(socket, peer), handler, terms, stop).await;
    }
    // In boxes: a connection that needs none of it keeps no room for it.
    match Box::pin(terms.entry.pass(socket, peer.address, terms.patience.head)).await {
        Ok(entered) if entered.is_http2 => Box::pin(http2::serve(entered, handler, terms, stop)).await,
        Ok(entered) => speak(entered, handler, terms, stop).await,
        Err(fault) => note_unentered(&terms, &fault, peer),
    }
}

/// Counted by its reason. That proxies are not understood is told once a minute: nobody gets in then, and the proxy's
/// own log names it at best.
fn note_unentered(terms: &Terms, fault: &Unentered, peer: Peer) {
    terms.metrics.unread.of(fault.word()).add_one();
    let is_due = terms.told_at.get().is_none_or(|at| at.elapsed() >= TOLD_EVERY);
    if matches!(fault, Unentered::Proxy(_)) && is_due {
        terms.told_at.set(Some(Instant::now()));
        tracing::warn!(%fault, peer = %peer.address.ip(), "a connection is closed: with proxy_protocol = \"v2\" each begins with the header of a peer in trusted_proxies");
    } else {
        tracing::debug!(%fault, peer = %peer.address, "connection ended before it spoke HTTP");
    }
}

/// HTTP/1.
async fn speak<H, F>(entered: Entered, handler: H, terms: Rc<Terms>, mut stop: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<Body>> + 'static,
{
    let Entered { stream, peer, server_name, .. } = entered;
    let turns = Rc::new(Turns::default());
    let wire = Wire::new(stream, Gate::new(terms.head_bytes_max), Rc::clone(&turns), terms.patience);
    let switched = Cell::new(None);
    let service = service_fn(|request| {
        let refused = is_misdirected(&request, server_name.as_deref()).then(|| refuse(Refused::Misdirected, &terms));
        let (answer, switched) = (refused.map_or_else(|| Err(handler(request, peer)), Ok), &switched);
        let turn = TurnEnd(Rc::clone(&turns));
        async move {
            let answer = match answer {
                Ok(refused) => refused,
                Err(answer) => answer.await,
            };
            Ok::<_, Infallible>(answer.map(|body| part(body, turn, switched)))
        }
    });
    let mut connection = terms.http.serve_connection(TokioIo::new(wire), service);
    let served = async {
        tokio::select! {
            biased;
            outcome = &mut connection => outcome,
            () = first_then_stop(&turns, &mut stop) => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        }
    };
    let outcome = tokio::select! {
        biased;
        outcome = served => Some(outcome),
        () = poll_fn(|cx| turns.poll_cut_off(cx)) => None,
    };
    let wire = connection.into_parts().io.into_inner();
    match (switched.take(), outcome) {
        (Some((tunnel, turn)), Some(Ok(()))) => {
            let (socket, ahead) = wire.into_socket();
            tunnel.run(socket, ahead, stop, turn, terms.patience).await;
        }
        (_, Some(outcome)) => say_farewell(wire, outcome, &terms).await,
        (_, None) => wire.reset(),
    }
}

/// Counted among the open connections for as long as it lives.
struct Open(Rc<Terms>);

impl Open {
    fn new(terms: &Rc<Terms>) -> Self {
        terms.metrics.connections.change(1);
        Self(Rc::clone(terms))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.change(-1);
    }
}

/// Waits for the end, and then for the first request where none has come yet.
async fn first_then_stop(turns: &Turns, stop: &mut watch::Receiver<bool>) {
    // An error says that the thread is gone.
    drop(stop.wait_for(|stop| *stop).await);
    drop(timeout(FIRST_WORD, turns.first()).await);
}

/// Whether the request is for another host than the one that the TLS handshake was for.
pub(super) fn is_misdirected<B>(request: &Request<B>, server_name: Option<&str>) -> bool {
    let Some(server_name) = server_name else { return false };
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let sent = authority.or_else(|| request.headers().get(HOST).map(|host| host.as_bytes())).unwrap_or_default();
    Host::parse(sent).map_or(true, |host| !host.name.eq_ignore_ascii_case(server_name))
}

/// Answers in the place of the handler, and says so in the log.
pub(super) fn refuse(refused: Refused, terms: &Terms) -> Response<Body> {
    terms.metrics.unread.of(refused.word()).add_one();
    let id = name(terms);
    tracing::info!(request_id = id, status = refused.status().as_u16(), reason = %refused, "request refused before it was read");
    refusal::answer(refused, &id)
}

fn name(terms: &Terms) -> String {
    uuid7(&terms.clock, &terms.entropy).hyphenated().to_string()
}

/// What follows an answer that switches protocols. Its turn has no end: no request comes after it.
type Switched = Cell<Option<(Box<Tunnel>, TurnEnd)>>;

fn part(mut body: Body, turn: TurnEnd, switched: &Switched) -> Body {
    match body.take_tunnel() {
        Some(tunnel) => {
            switched.set(Some((tunnel, turn)));
            body
        }
        None => body.ending(turn),
    }
}

async fn say_farewell(wire: Wire, outcome: hyper::Result<()>, terms: &Terms) {
    match (wire.owed_refusal(), outcome) {
        (Some(refused), _) => {
            terms.metrics.unread.of(refused.word()).add_one();
            let id = name(terms);
            tracing::info!(request_id = id, status = refused.status().as_u16(), reason = %refused, "request refused before it was read");
            wire.close(&refusal(refused, &id)).await;
        }
        (None, Ok(())) => wire.close(&[]).await,
        (None, Err(fault)) => {
            tracing::debug!(%fault, "connection broke");
            wire.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// More than the system keeps for a client that reads nothing.
    const MUCH: usize = 64 * 1024 * 1024;

    fn terms(answer: Duration) -> Rc<Terms> {
        let long = Duration::from_secs(60);
        let patience = Patience { head: long, body: long, keep_alive: long, answer, half_closed: long, tunnel: long };
        Rc::new(Terms {
            http: server(),
            entry: Entry::default(),
            patience,
            head_bytes_max: 32 * 1024,
            clock: Clock::system(),
            entropy: Entropy::seeded(1),
            metrics: Metrics::default(),
            told_at: Cell::default(),
        })
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_of_its_answer_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, address) = listener.accept().await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let handler = |_, _| std::future::ready(Response::new(Body::from(vec![0; MUCH])));
        let (_stop, stopped) = watch::channel(false);
        serve(socket, Peer { address }, handler, terms(Duration::from_millis(20)), stopped).await;
        let mut heard = Vec::new();
        let fault = client.read_to_end(&mut heard).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::ConnectionReset, "nobody takes it for whole");
        assert!(heard.len() < MUCH);
    }
}
