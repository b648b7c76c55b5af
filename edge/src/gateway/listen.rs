//! The gateway's threads: each has its own listener, its own runtime and its own handler, and shares nothing
//! on the way of a request. One that ends before it should is begun anew: the kernel goes on giving connections to its
//! listener, and nobody else would ever take them.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tenantry_core::clock::Clock;
use tenantry_core::random::Entropy;
use tenantry_platform::config::{Listen, Tls};
use tenantry_platform::metrics::Metrics;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::body::Body;
use super::certificates::Certificates;
use super::conn::{Peer, Terms, serve, server};
use super::entry::Entry;
use super::refusal::{Refused, refusal};
use super::tunnel::IDLE_TIMEOUT;
use super::wire::Patience;

/// Connections that wait for a busy thread; the kernel caps it further.
const BACKLOG: i32 = 4096;

/// A rest after the machine had no descriptor or memory for a connection: asking again at once would
/// only burn the processor.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Taking any part of an answer, or of what a tunnel carries; whoever reads nothing for so long has gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// An answer to a client that closed its sending side. Long enough for a script that says all it has to say
/// and then listens; short enough that a closed tab does not keep the app working.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(2);

/// Before a thread that ended early begins anew: one that does so again at once must not fill the log.
const REST: Duration = Duration::from_secs(1);

/// The threads that serve.
pub struct Gateway {
    address: SocketAddr,
    certificates: Option<Arc<Certificates>>,
    /// Each listener once more, for a process that takes over.
    doors: Vec<std::net::TcpListener>,
    stop: watch::Sender<bool>,
    threads: Vec<Thread>,
}

struct Thread {
    handle: thread::JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

/// Opens the listeners and starts the threads. `make` is called once on each thread, for the handler of all
/// requests there; what the handler returns need not leave its thread. `given` are listeners that another process
/// hands over, with whoever waits in their queues.
///
/// # Errors
/// The address cannot be listened on, a certificate cannot be used, or a thread cannot be started.
pub fn start<M, H, F>(
    listen: &Listen,
    given: Vec<std::net::TcpListener>,
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
    let certificates = certificates(listen, metrics)?;
    let tls = certificates.as_ref().map(Certificates::server).transpose()?;
    let (address, shares) = listeners(listen.address, given, count)?;
    let doors = shares.iter().flatten().map(std::net::TcpListener::try_clone).collect::<io::Result<_>>()?;
    let mut gateway = Gateway { address, certificates, doors, stop, threads: Vec::with_capacity(count) };
    for (number, listeners) in shares.into_iter().enumerate() {
        let work = Work {
            listeners,
            connections_max: (listen.max_connections as usize).div_ceil(count),
            drain: listen.drain,
            stop: gateway.stop.subscribe(),
        };
        let terms = terms(listen, tls.clone(), clock.clone(), entropy.clone(), metrics.clone());
        gateway.threads.push(spawn(number, work, terms, make.clone())?);
    }
    Ok(gateway)
}

impl Gateway {
    /// Where it listens, with the port that the system chose if none was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificates that it serves with, where TLS ends here.
    pub const fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.certificates.as_ref()
    }

    /// Its listeners, to be handed to a process that takes over. It goes on until [`Gateway::drain`].
    pub fn listeners(&self) -> &[std::net::TcpListener] {
        &self.doors
    }

    /// Takes no more connections, lets the requests in flight end for as long as the settings say, and
    /// returns when all threads have ended.
    pub async fn drain(mut self) {
        self.doors.clear();
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

fn certificates(listen: &Listen, metrics: &Metrics) -> io::Result<Option<Arc<Certificates>>> {
    match &listen.tls {
        Tls::Files(files) => Certificates::load(files, metrics).map(Some),
        Tls::Front | Tls::Off => Ok(None),
    }
}

fn terms(
    listen: &Listen,
    tls: Option<Arc<ServerConfig>>,
    clock: Clock,
    entropy: Entropy,
    metrics: Metrics,
) -> impl Fn() -> Rc<Terms> + Send + use<> {
    let entry = Entry { tls, proxies: listen.proxy_protocol.then(|| listen.trusted_proxies.clone()) };
    let patience = Patience {
        head: listen.head_timeout,
        body: listen.body_idle_timeout,
        keep_alive: listen.keep_alive_timeout,
        answer: ANSWER_TIMEOUT,
        half_closed: HALF_CLOSED_TIMEOUT,
        tunnel: IDLE_TIMEOUT,
    };
    let head_bytes_max = listen.max_head_bytes as usize;
    move || {
        Rc::new(Terms {
            http: server(),
            entry: entry.clone(),
            patience,
            head_bytes_max,
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            told_at: Cell::default(),
        })
    }
}

/// What each thread listens on. What was handed over is shared out first: each listener has a queue of its own, and
/// nobody may be left waiting in it.
fn listeners(
    asked: SocketAddr,
    given: Vec<std::net::TcpListener>,
    count: usize,
) -> io::Result<(SocketAddr, Vec<Vec<std::net::TcpListener>>)> {
    let mut shares: Vec<Vec<_>> = std::iter::repeat_with(Vec::new).take(count).collect();
    let mut address = asked;
    for (number, listener) in given.into_iter().enumerate() {
        address = listener.local_addr()?;
        if asked.port() != 0 && address != asked {
            return Err(io::Error::other(format!("what listens on {address} cannot be taken over for {asked}")));
        }
        listener.set_nonblocking(true)?;
        shares[number % count].push(listener);
    }
    for share in shares.iter_mut().filter(|share| share.is_empty()) {
        let listener = bind(address)?;
        address = listener.local_addr()?;
        share.push(listener);
    }
    Ok((address, shares))
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
    /// Kept for a thread that is begun anew.
    listeners: Vec<std::net::TcpListener>,
    connections_max: usize,
    drain: Duration,
    stop: watch::Receiver<bool>,
}

fn spawn<M, H, F>(
    number: usize,
    mut work: Work,
    terms: impl Fn() -> Rc<Terms> + Send + 'static,
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
        match runtime() {
            Ok(first) => {
                drop(ready.send(Ok(())));
                keep(number, first, &mut work, &terms, &make);
            }
            Err(fault) => drop(ready.send(Err(fault))),
        }
        drop(end);
    })?;
    is_ready.recv().map_err(io::Error::other)??;
    Ok(Thread { handle, ended })
}

fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// Serves until the end, and begins anew when that comes early. Whoever was connected then is not any more; whoever waits
/// to be taken waits on.
fn keep<H, F>(
    number: usize,
    first: LocalRuntime,
    work: &mut Work,
    terms: &impl Fn() -> Rc<Terms>,
    make: &impl Fn() -> H,
) where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let mut next = Ok(first);
    loop {
        let served = next.and_then(|runtime| {
            let serving = || serve_on(runtime, work, terms, make);
            catch_unwind(AssertUnwindSafe(serving)).unwrap_or_else(|_| Err(io::Error::other("it panicked")))
        });
        let Err(fault) = served else { return };
        if *work.stop.borrow() {
            return;
        }
        tracing::error!(number, %fault, "a gateway thread has ended early; it begins anew");
        thread::sleep(REST);
        next = runtime();
    }
}

fn serve_on<H, F>(
    runtime: LocalRuntime,
    work: &mut Work,
    terms: &impl Fn() -> Rc<Terms>,
    make: &impl Fn() -> H,
) -> io::Result<()>
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    runtime.block_on(accept(work, terms(), make()))
}

/// Takes and serves connections until the end.
///
/// # Errors
/// The listeners cannot be used.
async fn accept<H, F>(work: &mut Work, terms: Rc<Terms>, handler: H) -> io::Result<()>
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let doors = Doors::of(&work.listeners)?;
    // Its own channel: threads that share one would take turns at its lock with every request.
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let take = |connections: &mut JoinSet<()>, stream: TcpStream, address| {
        if connections.len() >= work.connections_max {
            terms.metrics.unread.of(Refused::Full.word()).add_one();
            return turn_away(&stream, &terms);
        }
        // Without it, small answers wait for an acknowledgement; nothing breaks if it fails.
        drop(stream.set_nodelay(true));
        connections.spawn_local(serve(stream, Peer { address }, handler.clone(), Rc::clone(&terms), stopped.clone()));
    };
    let mut is_short = false;
    loop {
        tokio::select! {
            biased;
            _ = work.stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = doors.accept() => match accepted {
                Ok((stream, address)) => {
                    is_short = false;
                    take(&mut connections, stream, address);
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
    work.listeners.clear();
    doors.close(|stream, address| take(&mut connections, stream, address));
    stop.send_replace(true);
    // Whoever is not done by then is cut off when the set is dropped.
    drop(timeout(work.drain, async { while connections.join_next().await.is_some() {} }).await);
    Ok(())
}

/// The listeners of a thread.
struct Doors {
    listeners: Vec<TcpListener>,
    /// Whose turn is next.
    next: Cell<usize>,
}

impl Doors {
    fn of(listeners: &[std::net::TcpListener]) -> io::Result<Self> {
        let open = |listener: &std::net::TcpListener| TcpListener::from_std(listener.try_clone()?);
        let listeners = listeners.iter().map(open).collect::<io::Result<_>>()?;
        Ok(Self { listeners, next: Cell::new(0) })
    }

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| {
            let (before, after) = self.listeners.split_at(self.next.get());
            for (number, listener) in after.iter().chain(before).enumerate() {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    self.next.set((self.next.get() + number + 1) % self.listeners.len());
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Takes whoever waits already, and closes: what is left in a queue then is reset by the kernel.
    fn close(self, mut take: impl FnMut(TcpStream, SocketAddr)) {
        for listener in self.listeners.into_iter().filter_map(|listener| listener.into_std().ok()) {
            for (stream, address) in (0..BACKLOG).map_while(|_| listener.accept().ok()) {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                // One that cannot be taken is closed.
                drop(stream.map(|stream| take(stream, address)));
            }
        }
    }
}

/// One more connection than there may be: told so without waiting for it to say anything, where HTTP is its first word.
fn turn_away(stream: &TcpStream, terms: &Terms) {
    if terms.entry.is_open() {
        // A client that does not take it at once is not waited for.
        drop(stream.try_write(&refusal(Refused::Full, "")));
    }
}

/// A connection that went before it was taken is nobody's fault; anything else is the machine's.
fn is_theirs(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
