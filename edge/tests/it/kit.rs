//! A gateway of one's own, an app that does what a test tells it, and a client that speaks bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tenantry_core::clock::{Clock, Timestamp};
use tenantry_core::path::CleanPath;
use tenantry_core::random::Entropy;
use tenantry_edge::gateway::contract::{Consumed, Way};
use tenantry_edge::gateway::{
    Body, Dial, Found, Gateway, Handshake, Inbound, Luggage, Outcome, Peer, Place, Pool, RouteTable, Site, Stay,
    StillMay, Upgrade, Upgrades, admit, forward, front, start,
};
use tenantry_platform::config::{Config, Dev};
use tenantry_platform::metrics::Metrics;
use tenantry_platform::page::Nonce;
use tenantry_platform::problem::{Kind, Problem};

/// Longer than anything a test waits for: only a test that fails gets here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One public route for everything.
pub(crate) const EVERYTHING: &str =
    "[[routes]]\npath = \"/*\"\nmethods = \"any\"\nguard = \"public\"\npublic_because = \"a test\"\nkind = \"api\"\n";

/// A configuration for loopback with these lines.
pub(crate) fn config(lines: &str) -> Config {
    let dev = Dev { port: 0, upstream: None };
    Config::for_dev("test.toml", lines, &dev).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The clock of every test.
pub(crate) fn clock() -> Clock {
    Clock::fixed(Timestamp::from_second(1_781_524_800).unwrap())
}

/// A running gateway.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Gateway,
    pub(crate) metrics: Metrics,
}

impl Front {
    /// In front of `app`, everything public.
    pub(crate) fn new(app: &App) -> Self {
        Self::with(app, "", EVERYTHING)
    }

    /// In front of `app`, with more settings of `[upstream]` and then whatever else.
    pub(crate) fn with(app: &App, upstream: &str, rest: &str) -> Self {
        let listen =
            if rest.contains("[listen]") { "" } else { "[listen]\nthreads = 1\nmax_body_bytes = 2000000000\n" };
        Self::of(&config(&format!("[upstream]\nurl = \"http://{}\"\n{upstream}\n{listen}{rest}", app.address)))
    }

    pub(crate) fn of(config: &Config) -> Self {
        Self::try_of(config).unwrap()
    }

    pub(crate) fn try_of(config: &Config) -> io::Result<Self> {
        let table = Arc::new(RouteTable::new(config, &Metrics::default()).unwrap());
        let (dial, clock, metrics) = (Dial::new(&config.upstream)?, clock(), Metrics::default());
        let gateway = start(&config.listen, Vec::new(), &clock, &Entropy::seeded(1), &metrics, move || {
            let (table, pool) = (Arc::clone(&table), Pool::new(dial.clone(), &Metrics::default()));
            move |request, _: Peer| answer(Arc::clone(&table), Rc::clone(&pool), request)
        });
        let gateway = gateway?;
        Ok(Self { address: gateway.address(), gateway, metrics })
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// What it answers to these bytes until it closes.
    pub(crate) fn tell(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.send(bytes);
        client.read_to_end()
    }
}

/// The life of a request, without credentials.
async fn answer(table: Arc<RouteTable>, pool: Rc<Pool>, request: Request<Incoming>) -> Response<Body> {
    if let Some(answer) = front::answer_asterisk(&request) {
        return answer;
    }
    let id = HeaderValue::from_static("request-1");
    match pass(&table, &pool, request, &id).await {
        Ok(answer) => answer,
        Err(problem) => problem.respond(Some("request-1")).map(Body::from),
    }
}

async fn pass(
    table: &RouteTable,
    pool: &Rc<Pool>,
    request: Request<Incoming>,
    id: &HeaderValue,
) -> Result<Response<Body>, Problem> {
    let handshake = Handshake::read(&request)?;
    let path =
        CleanPath::parse(request.uri().path()).map_err(|fault| Problem::new(Kind::Malformed, fault.to_string()))?;
    let Found::Route(route) = table.find(request.method(), &path) else { return Err(Problem::not_found()) };
    let passage = admit(route, Outcome::NotPresented, Place { tenant: None, mode: None })?;
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let nonce = route.wants_nonce(request.headers()).then(|| Nonce::fresh(&Entropy::seeded(7)));
    let luggage = Luggage {
        way: Way { client: [192, 0, 2, 7].into(), is_https: false, host: &host },
        site: Site::Plain,
        identity: HeaderValue::from_static("signed"),
        request_id: id,
        consumed: Consumed::Nothing,
        is_from_trusted: false,
        trace: None,
        nonce,
        upgrade: handshake.map(upgrade).transpose()?,
        still_may: still_may(),
    };
    forward(passage, Inbound::of(request), pool, luggage).await
}

/// Open for as long as the test lets it be.
fn upgrade(handshake: Handshake) -> Result<Upgrade, Problem> {
    let ticket = Upgrades::default().admit(None, [192, 0, 2, 7].into())?;
    Ok(Upgrade { handshake, ticket })
}

fn still_may() -> StillMay {
    Box::new(|| Box::pin(std::future::ready(Stay::Yes)))
}

/// An app on a port of its own: each connection is handled by `serve` on its own thread.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    /// What `serve` had to tell.
    pub(crate) told: Receiver<String>,
}

impl App {
    pub(crate) fn new(serve: impl Fn(Client, &Sender<String>) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, tell) = (serve.clone(), tell.clone());
                thread::spawn(move || serve(Client::of(stream), &tell));
            }
        });
        Self { address, told }
    }

    /// Tells the head of each request and gives `answer` to it.
    pub(crate) fn answering(answer: &'static str) -> Self {
        Self::new(move |mut client, tell| {
            while let Some(head) = client.read_head() {
                client.skip_body(&head);
                // The test may have ended already.
                let _ = tell.send(head);
                client.send(answer);
            }
        })
    }

    /// The next thing that it told.
    pub(crate) fn next(&self) -> String {
        self.told.recv_timeout(PATIENCE).expect("the app has something to tell")
    }

    /// Whether it was left alone.
    pub(crate) fn heard_nothing(&self) -> bool {
        self.told.try_recv().is_err()
    }
}

/// One end of a connection.
pub(crate) struct Client {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    /// Sends what the other side still takes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Says that no more will come.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next head with its empty line; `None` at the end.
    pub(crate) fn read_head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.ahead.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.ahead, rest)).ok();
            }
            if self.read_more() == 0 {
                return None;
            }
        }
    }

    /// One answer whose length is stated.
    pub(crate) fn read_answer(&mut self) -> String {
        let head = self.read_head().expect("an answer");
        let body = self.read_exactly(length(&head));
        head + &String::from_utf8_lossy(&body)
    }

    pub(crate) fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        while self.ahead.len() < count && self.read_more() > 0 {}
        let rest = self.ahead.split_off(count.min(self.ahead.len()));
        std::mem::replace(&mut self.ahead, rest)
    }

    pub(crate) fn skip_body(&mut self, head: &str) {
        self.read_exactly(length(head));
    }

    /// Everything until the other side closes, by end or by reset.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.read_more() > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.ahead)).into_owned()
    }

    /// Waits until the other side is gone.
    pub(crate) fn wait_for_end(&mut self) {
        while self.read_more() > 0 {
            self.ahead.clear();
        }
    }

    /// One read into `buffer`; 0 at the end.
    pub(crate) fn read_into(&mut self, buffer: &mut [u8]) -> usize {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.ahead[..count]);
            self.ahead.drain(..count);
            return count;
        }
        self.stream.read(buffer).unwrap_or_default()
    }

    fn read_more(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(count) => {
                self.ahead.extend_from_slice(&piece[..count]);
                count
            }
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came: {fault}")
            }
            Err(_) => 0,
        }
    }
}

fn length(head: &str) -> usize {
    header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or_default()
}

/// The value of the first header of a name.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let lines = head.lines().skip(1).map_while(|line| line.split_once(':'));
    let mut named = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default()
}
