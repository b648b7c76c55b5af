//! One thread's open connections to the apps.
//!
//! What must hold:
//! - A connection serves one exchange at a time, and is lent again only after the whole answer was read.
//! - Whatever else ends an exchange (a client that left, a time-out, a lie about a length) closes it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::Poll;

use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tenantry_platform::config::Upstream;
use tenantry_platform::metrics::{Line as State, Metrics};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use super::alarm::Alarm;
use super::dial::Dial;
use super::fault::Fault;
use super::relay::Upload;

/// One thread's connections to the app. Belongs to the thread that made it.
pub struct Pool {
    pub(super) dial: Dial,
    idle: RefCell<Vec<Idle>>,
    open: Cell<usize>,
    is_swept: Cell<bool>,
    pub(super) metrics: Metrics,
}

struct Idle {
    line: Box<Line>,
    since: Instant,
}

/// An open connection: closed when dropped.
struct Line {
    sender: SendRequest<Upload>,
    task: AbortHandle,
    /// Of [`Lease::before`]. Kept, because setting it anew costs more than letting it ring.
    alarm: Alarm<()>,
    pool: Weak<Pool>,
    /// Where it is counted, as what.
    metrics: Metrics,
    state: State,
}

impl Line {
    fn become_state(&mut self, state: State) {
        self.metrics.upstream_connections.of(self.state).change(-1);
        self.metrics.upstream_connections.of(state).change(1);
        self.state = state;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.metrics.upstream_connections.of(self.state).change(-1);
        self.task.abort();
        if let Some(pool) = self.pool.upgrade() {
            pool.open.set(pool.open.get() - 1);
        }
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(dial: Dial, metrics: &Metrics) -> Rc<Self> {
        let (idle, open, is_swept) = (RefCell::default(), Cell::new(0), Cell::new(false));
        Rc::new(Self { dial, idle, open, is_swept, metrics: metrics.clone() })
    }

    /// A connection that is open, else a new one.
    pub(super) async fn lease(self: &Rc<Self>) -> Result<Lease, Fault> {
        match self.take_idle() {
            Some(line) => Ok(Lease { line, is_reused: true }),
            // In a box: most requests need none of it, and keep no room for it.
            None => Box::pin(self.connect()).await,
        }
    }

    /// A new connection.
    pub(super) async fn connect(self: &Rc<Self>) -> Result<Lease, Fault> {
        if self.open.get() >= usize::from(self.dial.settings.max_connections) {
            return Err(Fault::Busy);
        }
        let opening = timeout(self.dial.settings.connect_timeout, self.open());
        let line = opening.await.map_err(|_| Fault::ConnectTimedOut)??;
        Ok(Lease { line, is_reused: false })
    }

    async fn open(self: &Rc<Self>) -> Result<Box<Line>, Fault> {
        match &self.dial.settings.address {
            Upstream::Http { host, port } | Upstream::Https { host, port } => {
                let host = host.trim_matches(['[', ']']);
                let stream = TcpStream::connect((host, *port)).await.map_err(Fault::Unreachable)?;
                stream.set_nodelay(true).map_err(Fault::Unreachable)?;
                match self.dial.secured() {
                    None => self.greet(stream).await,
                    Some(secured) => {
                        let stream = secured.shake_hands(stream).await.map_err(Fault::Unreachable)?;
                        self.greet(stream).await
                    }
                }
            }
            Upstream::Unix(path) => self.greet(UnixStream::connect(path).await.map_err(Fault::Unreachable)?).await,
        }
    }

    async fn greet<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        self: &Rc<Self>,
        stream: S,
    ) -> Result<Box<Line>, Fault> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Fault::Broken)?;
        // Its end is seen by whoever holds the sender.
        let task = spawn_local(async move { drop(connection.with_upgrades().await) }).abort_handle();
        self.open.set(self.open.get() + 1);
        self.metrics.upstream_opened.add_one();
        self.metrics.upstream_connections.of(State::Busy).change(1);
        let (pool, metrics) = (Rc::downgrade(self), self.metrics.clone());
        Ok(Box::new(Line { sender, task, alarm: Alarm::new(), pool, metrics, state: State::Busy }))
    }

    /// The connection that was used last, if it is still good.
    fn take_idle(&self) -> Option<Box<Line>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut line, since }) = idle.pop() {
            if since.elapsed() > self.dial.settings.idle_timeout {
                idle.clear();
                return None;
            }
            if line.sender.is_ready() {
                line.become_state(State::Busy);
                return Some(line);
            }
        }
        None
    }

    fn keep(self: &Rc<Self>, mut line: Box<Line>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < usize::from(self.dial.settings.max_idle) {
            line.become_state(State::Idle);
            idle.push(Idle { line, since: Instant::now() });
        }
        drop(idle);
        if !self.is_swept.replace(true) {
            spawn_local(sweep(Rc::downgrade(self)));
        }
    }
}

/// Closes what nobody has used for long, until nothing is left to close.
async fn sweep(pool: Weak<Pool>) {
    while let Some(patience) = pool.upgrade().map(|pool| pool.dial.settings.idle_timeout) {
        sleep(patience).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.idle.borrow_mut();
        idle.retain(|kept| kept.since.elapsed() < patience && !kept.line.sender.is_closed());
        if idle.is_empty() {
            pool.is_swept.set(false);
            return;
        }
    }
}

/// A connection for one exchange. Dropped before the end of the answer, it is closed.
pub(super) struct Lease {
    line: Box<Line>,
    is_reused: bool,
}

impl Lease {
    pub(super) fn sender(&mut self) -> &mut SendRequest<Upload> {
        &mut self.line.sender
    }

    /// Waits for something until it is `due`, which costs no timer of its own.
    pub(super) async fn before<F: Future>(&mut self, due: Instant, mut awaited: Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|cx| match awaited.as_mut().poll(cx) {
            Poll::Ready(came) => Poll::Ready(Some(came)),
            Poll::Pending => self.line.alarm.poll_until(cx, due).map(|()| None),
        })
        .await
    }

    /// Whether the connection has served before, so that its app may be closing it right now.
    pub(super) fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// The answer was read whole: the connection may serve again as soon as it is quiet.
    pub(super) fn give_back(self) {
        let Some(pool) = self.line.pool.upgrade() else { return };
        let mut line = self.line;
        if line.sender.is_ready() {
            pool.keep(line);
        } else if !line.sender.is_closed() {
            // The app answered before the request's body was through.
            spawn_local(async move {
                if timeout(pool.dial.settings.idle_timeout, line.sender.ready()).await.is_ok_and(|ready| ready.is_ok())
                {
                    pool.keep(line);
                }
            });
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
