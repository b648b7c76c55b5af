//! An upgraded connection: bytes both ways, until one side, the settings or a revocation end it [KEY-3].
//!
//! What must hold:
//! - Each direction holds at most one piece in memory; the slower side sets the pace.
//! - Whoever opened it is asked about again and again: nobody talks on with what was taken away, or with what nobody can
//!   look up.
//! - However it ends, its line is in the log, once. A client is told by 1001 when it is this process that ends.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::frames::{Frames, GOING_AWAY};
use super::stream::Stream;
use super::turn::TurnEnd;
use super::upgrades::Ticket;
use super::wire::Patience;

/// One piece in flight, in each direction.
const PIECE_BYTES: usize = 16 * 1024;
/// Without a byte either way. Every library for WebSockets sends a ping more often than each minute.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// What the other side may still say after one has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How often it is asked whether the connection may stay: together with the reading of the change feed, four
/// times a second, what was revoked elsewhere is closed within the second.
pub const ASK_EVERY: Duration = Duration::from_millis(250);

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// One side closed, or broke.
    Closed,
    /// Nobody said anything for long.
    Idle,
    /// Whoever opened it may not any more.
    Revoked,
    /// Something has changed, and whether whoever opened it still may was not found out in time.
    Unknown,
    /// This process is asked to end.
    Stopped,
    /// It was never used, or cut off.
    CutOff,
}

impl Ended {
    /// The word for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Idle => "idle",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
            Self::Stopped => "stopped",
            Self::CutOff => "cut_off",
        }
    }
}

/// What a tunnel carried, and why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    pub ended: Ended,
}

/// Told once, at the end.
pub type AtEnd = Box<dyn FnOnce(Carried)>;
/// What is known of the right to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It holds.
    Yes,
    /// It is gone.
    No,
    /// It was not found out in time.
    Unknown,
}
/// Whether whoever opened it still may. Asked often; answers from memory unless something has changed, and then within
/// a bound of its own.
pub type StillMay = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Stay>>>>;

/// A switch of protocols that both sides agreed on.
pub(super) struct Tunnel {
    app: TokioIo<Upgraded>,
    still_may: StillMay,
    record: Record,
    _ticket: Ticket,
}

/// Counts, and tells them when it is dropped: a tunnel that is cut off has its line, too.
struct Record {
    received: Cell<u64>,
    sent: Cell<u64>,
    moved: Cell<Instant>,
    ended: Cell<Ended>,
    at_end: Option<AtEnd>,
}

/// One direction: where its bytes are counted, and how long whoever gets them may take none.
#[derive(Clone, Copy)]
struct Way<'r> {
    record: &'r Record,
    count: &'r Cell<u64>,
    within: Duration,
}

impl Drop for Record {
    fn drop(&mut self) {
        let carried = Carried { received: self.received.get(), sent: self.sent.get(), ended: self.ended.get() };
        if let Some(at_end) = self.at_end.take() {
            at_end(carried);
        }
    }
}

impl Tunnel {
    pub(super) fn new(app: Upgraded, still_may: StillMay, ticket: Ticket) -> Self {
        let record = Record {
            received: Cell::new(0),
            sent: Cell::new(0),
            moved: Cell::new(Instant::now()),
            ended: Cell::new(Ended::CutOff),
            at_end: None,
        };
        Self { app: TokioIo::new(app), still_may, record, _ticket: ticket }
    }

    /// Whom to tell at the end.
    pub(super) fn tell(&mut self, at_end: AtEnd) {
        self.record.at_end = Some(at_end);
    }

    /// Copies until an end. `ahead` is what the client had sent already.
    pub(super) async fn run(
        self,
        client: Stream,
        ahead: Bytes,
        mut stop: watch::Receiver<bool>,
        turn: TurnEnd,
        patience: Patience,
    ) {
        let Self { app, still_may, record, _ticket } = self;
        record.moved.set(Instant::now());
        let (mut app_reads, mut app_writes) = tokio::io::split(app);
        let (mut client_reads, mut client_writes) = tokio::io::split(client);
        let to_app = Way { record: &record, count: &record.received, within: patience.answer };
        let up = async {
            write(&mut app_writes, &ahead, to_app).await?;
            copy(&mut client_reads, &mut app_writes, to_app).await
        };
        let to_client = Way { count: &record.sent, ..to_app };
        let down = copy_until(stop.clone(), &mut app_reads, &mut client_writes, to_client);
        let ended = tokio::select! {
            () = both(up, down) => if *stop.borrow() { Ended::Stopped } else { Ended::Closed },
            ended = watch_over(&still_may, &record, patience.tunnel) => ended,
            () = last_words(&mut stop) => Ended::Stopped,
        };
        record.ended.set(ended);
        drop(turn);
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}

/// Both directions. A fault in one ends both at once; an end leaves the other its last words.
async fn both(up: impl Future<Output = io::Result<()>>, down: impl Future<Output = io::Result<()>>) {
    let (mut up, mut down) = (pin!(up), pin!(down));
    // How the last words end is nobody's concern.
    tokio::select! {
        ended = &mut up => if ended.is_ok() { drop(timeout(LAST_WORDS, down).await) },
        ended = &mut down => if ended.is_ok() { drop(timeout(LAST_WORDS, up).await) },
    }
}

async fn copy(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), way: Way<'_>) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        write(to, &piece[..read], way).await?;
    }
}

/// The app's frames to the client, until this process is asked to end: then the client is told between two frames, and
/// what the app still says is for nobody. The client's own close goes up to the app, which ends by it.
async fn copy_until(
    mut stop: watch::Receiver<bool>,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    way: Way<'_>,
) -> io::Result<()> {
    let (mut piece, mut frames) = (vec![0; PIECE_BYTES], Frames::default());
    loop {
        let read = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop), if frames.is_between() => break,
            read = from.read(&mut piece) => read?,
        };
        if read == 0 {
            return to.shutdown().await;
        }
        write(to, &piece[..read], way).await?;
        frames.pass(&piece[..read]);
    }
    write(to, &GOING_AWAY, way).await?;
    while from.read(&mut piece).await? > 0 {}
    to.shutdown().await
}

/// Ends when this process was asked to end, and both sides have had their last words.
async fn last_words(stop: &mut watch::Receiver<bool>) {
    // An error says that the thread is gone.
    drop(stop.wait_for(|stop| *stop).await);
    sleep(LAST_WORDS).await;
}

async fn write(to: &mut (impl AsyncWrite + Unpin), piece: &[u8], way: Way<'_>) -> io::Result<()> {
    let writing = async {
        to.write_all(piece).await?;
        to.flush().await
    };
    timeout(way.within, writing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    way.count.set(way.count.get() + piece.len() as u64);
    way.record.moved.set(Instant::now());
    Ok(())
}

/// Ends when whoever opened it may not any more, or nobody has said anything for long.
async fn watch_over(still_may: &StillMay, record: &Record, quiet_most: Duration) -> Ended {
    tokio::select! {
        ended = lost(still_may) => ended,
        () = idle(record, quiet_most) => Ended::Idle,
    }
}

/// Ends when whoever opened it may not any more.
pub(super) async fn lost(still_may: &StillMay) -> Ended {
    let mut tick = interval(ASK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        match still_may().await {
            Stay::Yes => tick.tick().await,
            Stay::No => return Ended::Revoked,
            Stay::Unknown => return Ended::Unknown,
        };
    }
}

async fn idle(record: &Record, quiet_most: Duration) {
    while record.moved.get().elapsed() < quiet_most {
        sleep(quiet_most.saturating_sub(record.moved.get().elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::rc::Rc;

    use http::Request;
    use http_body_util::Empty;
    use tokio::io::DuplexStream;
    use tokio::net::{TcpListener, TcpStream};

    use super::super::turn::Turns;
    use super::super::upgrades::Upgrades;
    use super::*;

    const BRIEF: Duration = Duration::from_millis(20);
    /// Longer than any test takes.
    const LONG: Duration = Duration::from_secs(60);

    const SWITCHED: &[u8] = b"HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

    /// The app's side of a switch, and the app.
    async fn switched() -> (Upgraded, DuplexStream) {
        let (ours, mut app) = tokio::io::duplex(PIECE_BYTES);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        let wish = Request::get("/").header("connection", "upgrade").header("upgrade", "websocket");
        let asking = sender.send_request(wish.body(Empty::<Bytes>::new()).unwrap());
        let answering = async {
            assert!(app.read(&mut [0; 1024]).await.unwrap() > 0);
            app.write_all(SWITCHED).await.unwrap();
        };
        let (answer, ()) = tokio::join!(asking, answering);
        (hyper::upgrade::on(answer.unwrap()).await.unwrap(), app)
    }

    /// How a tunnel between this app and a client that only listens ends, and the client.
    async fn ends(app: Upgraded, answer: Duration, quiet: Duration) -> (Ended, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, peer) = listener.accept().await.unwrap();
        let ticket = Upgrades::default().admit(None, peer.ip()).unwrap();
        let mut tunnel = Tunnel::new(app, Box::new(|| Box::pin(std::future::ready(Stay::Yes))), ticket);
        let ended = Rc::new(Cell::new(None));
        let told = Rc::clone(&ended);
        tunnel.tell(Box::new(move |carried| told.set(Some(carried.ended))));
        let patience = Patience { head: LONG, body: LONG, keep_alive: LONG, answer, half_closed: LONG, tunnel: quiet };
        let (_stop, stopped) = watch::channel(false);
        let turn = TurnEnd(Rc::new(Turns::default()));
        tunnel.run(Stream::Plain(socket), Bytes::new(), stopped, turn, patience).await;
        (ended.get().unwrap(), client)
    }

    #[tokio::test]
    async fn a_tunnel_on_which_nobody_says_anything_is_closed() {
        let (upgraded, mut app) = switched().await;
        let (ended, mut client) = ends(upgraded, LONG, BRIEF).await;
        assert_eq!(ended, Ended::Idle);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(app.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_tunnel_whose_reader_takes_nothing_is_closed() {
        let (upgraded, mut app) = switched().await;
        let talking = tokio::spawn(async move { while app.write_all(&[0x82; PIECE_BYTES]).await.is_ok() {} });
        let (ended, _client) = ends(upgraded, BRIEF, LONG).await;
        assert_eq!(ended, Ended::Closed);
        talking.await.unwrap();
    }
}
