//! Whoever watches from outside, in a test: takes what is posted, and says what it is told to.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::{Condvar, Mutex};
use prost::Message as _;
use sentry_types::protocol::v7::{Envelope, Event};
use url::Url;

/// A request that it took.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Where to.
    pub path: String,
    /// The lines of its head, in small letters.
    pub head: String,
    /// What it carried.
    pub body: Vec<u8>,
}

/// A collector and error tracker on loopback, on a thread of its own.
#[derive(Clone, Debug)]
pub struct Collector {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: Mutex<Vec<Taken>>,
    more: Condvar,
    /// What it answers to the next ones, before it takes everything.
    refusals: Mutex<VecDeque<&'static str>>,
}

impl Collector {
    /// One that takes everything, after these refusals: `503 Service Unavailable\r\nretry-after: 0`.
    ///
    /// # Panics
    /// Where loopback has no free port.
    pub fn start(refusals: impl IntoIterator<Item = &'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State { refusals: Mutex::new(refusals.into_iter().collect()), ..State::default() });
        let of_thread = Arc::clone(&state);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| of_thread.take(stream)));
        Self { address, state }
    }

    /// For `[telemetry] otlp`.
    ///
    /// # Panics
    /// Never: it is an address.
    pub fn url(&self) -> Url {
        format!("http://{}", self.address).parse().expect("an address")
    }

    /// For TENANTRY_SENTRY_DSN.
    pub fn dsn(&self) -> String {
        format!("http://publickey@{}/42", self.address)
    }

    /// Everything so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().clone()
    }

    /// Everything, once `enough` of it is there.
    pub fn wait(&self, enough: impl Fn(&[Taken]) -> bool) -> Vec<Taken> {
        let mut taken = self.state.taken.lock();
        while !enough(&taken) {
            self.state.more.wait(&mut taken);
        }
        taken.clone()
    }
}

impl State {
    fn take(&self, mut stream: TcpStream) {
        let Some(taken) = read(&stream) else { return };
        let refusal = self.refusals.lock().pop_front();
        self.taken.lock().push(taken);
        self.more.notify_all();
        let answer = format!("HTTP/1.1 {}\r\ncontent-length: 0\r\n\r\n", refusal.unwrap_or("200 OK"));
        // Whoever asked may have gone.
        let _ = stream.write_all(answer.as_bytes());
    }
}

fn read(stream: &TcpStream) -> Option<Taken> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Taken { path: head.split(' ').nth(1)?.to_owned(), head, body })
}

/// The spans among what was taken.
pub fn spans(taken: &[Taken]) -> Vec<Span> {
    let requests = taken.iter().filter(|taken| taken.path == "/v1/traces");
    let decoded = requests.filter_map(|taken| ExportTraceServiceRequest::decode(&*taken.body).ok());
    decoded.flat_map(|all| all.resource_spans).flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
}

/// The lines of the log among what was taken.
pub fn lines(taken: &[Taken]) -> Vec<LogRecord> {
    let requests = taken.iter().filter(|taken| taken.path == "/v1/logs");
    let decoded = requests.filter_map(|taken| ExportLogsServiceRequest::decode(&*taken.body).ok());
    decoded.flat_map(|all| all.resource_logs).flat_map(|of| of.scope_logs).flat_map(|of| of.log_records).collect()
}

/// The errors among what was taken.
pub fn errors(taken: &[Taken]) -> Vec<Event<'static>> {
    let requests = taken.iter().filter(|taken| taken.path == "/api/42/envelope/");
    requests.filter_map(|taken| Envelope::from_slice(&taken.body).ok()?.event().cloned()).collect()
}

/// An attribute that is text.
pub fn said<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}
