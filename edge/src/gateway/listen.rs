//! The gateway's threads: each has its own listener, its own runtime and its own handler, and shares nothing
//! on the way of a request.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use socket2::{Domain, Protocol, Socket, Type};
use tenantry_core::clock::Clock;
use tenantry_core::random::Entropy;
use tenantry_platform::config::Listen;
use tenantry_platform::metrics::Metrics;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::body::Body;
use super::conn::{Peer, Terms, serve, server};
use super::refusal::{Refused, refusal};
use super::wire::Patience;

/// Connections that wait for a busy thread; the kernel caps it further.
const BACKLOG: i32 = 4096;

/// A rest after the machine had no descriptor or memory for a connection: asking again at once would
/// only burn the processor.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Taking any part of an answer; a client that reads nothing for so long has gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// An answer to a client that closed its sending side. Long enough for a script that says all it has to say
/// and then listens; short enough that a closed tab does not keep the app working.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(2);

/// The threads that serve.
pub struct Gateway {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<Thread>,
}

struct Thread {
    handle: thread::JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

/// Opens the listeners and starts the threads. `make` is called once on each thread, for the handler of all
/// requests there; what the handler returns need not leave its thread.
///
/// # Errors
/// The address cannot be listened on, or a thread cannot be started.
pub fn start<M, H, F>(
    listen: &Listen,
    clock: &Clock,
    entropy: &Entropy,
    metrics: &Metrics,
    make: M,
) -> io::Result<Gateway>
where
    M: Fn() -> H + Clone + Send + 'static,
    H: Fn(Request<Incoming>, Peer) -> F + Clone + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let (stop, _) = watch::channel(false);
    let count = threads(listen);
    let first = bind(listen.address)?;
    let mut gateway = Gateway { address: first.local_addr()?, stop, threads: Vec::with_capacity(count) };
    let mut first = Some(first);
    for number in 0..count {
        let listener = first.take().map_or_else(|| bind(gateway.address), Ok)?;
        let work = Work {
            listener,
            connections_max: (listen.max_connections as usize).div_ceil(count),
            drain: listen.drain,
            stop: gateway.stop.subscribe(),
        };
        let terms = terms(listen, clock.clone(), entropy.clone(), metrics.clone());
        gateway.threads.push(spawn(number, work, terms, make.clone())?);
    }
    Ok(gateway)
}

impl Gateway {
    /// Where it listens, with the port that the system chose if none was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets the requests in flight end for as long as the settings say, and
    /// returns when all threads have ended.
    pub async fn drain(mut self) {
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            // An error says that the thread is gone already.
            drop(thread.ended.await);
            drop(thread.handle.join());
        }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn threads(listen: &Listen) -> usize {
    listen.threads.map_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get), usize::from)
}

fn terms(
    listen: &Listen,
    clock: Clock,
    entropy: Entropy,
    metrics: Metrics,
) -> impl FnOnce() -> Rc<Terms> + Send + use<> {
    let patience = Patience {
        head: listen.head_timeout,
        body: listen.body_idle_timeout,
        keep_alive: listen.keep_alive_timeout,
        answer: ANSWER_TIMEOUT,
        half_closed: HALF_CLOSED_TIMEOUT,
    };
    let head_bytes_max = listen.max_head_bytes as usize;
    move || Rc::new(Terms { http: server(), patience, head_bytes_max, clock, entropy, metrics })
}

/// A listener that shares its port with the other threads'; the kernel spreads the connections.
fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What a thread needs besides its handler.
struct Work {
    listener: std::net::TcpListener,
    connections_max: usize,
    drain: Duration,
    stop: watch::Receiver<bool>,
}

fn spawn<M, H, F>(
    number: usize,
    work: Work,
    terms: impl FnOnce() -> Rc<Terms> + Send + 'static,
    make: M,
) -> io::Result<Thread>
where
    M: Fn() -> H + Send + 'static,
    H: Fn(Request<Incoming>, Peer) -> F + Clone + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let (end, ended) = oneshot::channel();
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    let handle = thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => {
                drop(ready.send(Ok(())));
                runtime.block_on(accept(work, terms(), make()));
            }
            Err(fault) => drop(ready.send(Err(fault))),
        }
        drop(end);
    })?;
    is_ready.recv().map_err(io::Error::other)??;
    Ok(Thread { handle, ended })
}

async fn accept<H, F>(mut work: Work, terms: Rc<Terms>, handler: H)
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let listener = match TcpListener::from_std(work.listener) {
        Ok(listener) => listener,
        Err(fault) => return tracing::error!(%fault, "a gateway thread cannot listen"),
    };
    // Its own channel: threads that share one would take turns at its lock with every request.
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut is_short = false;
    loop {
        tokio::select! {
            biased;
            _ = work.stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() >= work.connections_max => {
                    terms.metrics.unread.of(Refused::Full.word()).add_one();
                    turn_away(&stream);
                }
                Ok((stream, address)) => {
                    is_short = false;
                    // Without it, small answers wait for an acknowledgement; nothing breaks if it fails.
                    drop(stream.set_nodelay(true));
                    connections.spawn_local(serve(stream, Peer { address }, handler.clone(), Rc::clone(&terms), stopped.clone()));
                }
                Err(fault) if is_theirs(&fault) => {}
                Err(fault) => {
                    // Said once: it is tried again twenty times a second.
                    if !std::mem::replace(&mut is_short, true) {
                        tracing::error!(%fault, "cannot take connections; raise the limit of open files (ulimit -n) or lower listen.max_connections");
                    }
                    sleep(ACCEPT_REST).await;
                }
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    // Whoever is not done by then is cut off when the set is dropped.
    drop(timeout(work.drain, async { while connections.join_next().await.is_some() {} }).await);
}

/// One more connection than there may be: told so without waiting for it to say anything.
fn turn_away(stream: &TcpStream) {
    // A client that does not take it at once is not waited for.
    drop(stream.try_write(&refusal(Refused::Full, "")));
}

/// A connection that went before it was taken is nobody's fault; anything else is the machine's.
fn is_theirs(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
