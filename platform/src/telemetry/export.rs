//! The thread that empties the queues.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;
use sentry_types::Dsn;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::post::{Post, Refused, Unusable};
use super::{Counts, Ends, Secrets, otlp, sentry};
use crate::config;
use crate::metrics::Signal;

/// Sent together at most.
const BATCH_MOST: usize = 512;
/// How long the first of a batch waits for company.
const BATCH_WITHIN: Duration = Duration::from_secs(1);
/// How often a batch is tried, and how long between two tries unless it is said.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MOST: Duration = Duration::from_secs(60);
/// How long the end of the process waits for what is still here.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// How Sentry's protocol is told who speaks it.
const AGENT: &str = concat!("tenantry/", env!("CARGO_PKG_VERSION"));

/// A running exporter. Dropped, it sends what still waits, for two seconds at most.
#[derive(Debug)]
pub struct Exporter(Option<Running>);

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    ended: mpsc::Receiver<()>,
}

impl Exporter {
    /// With nothing to do.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn start(
        settings: &config::Telemetry,
        secrets: &Secrets,
        ends: Ends,
        counts: Arc<Counts>,
    ) -> Result<Self, Unusable> {
        let ways = Ways::new(settings, secrets)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Unusable::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = mpsc::channel();
        let run = move || {
            runtime.block_on(run(ways, ends, &counts, stopped));
            drop(end);
        };
        std::thread::Builder::new().name("telemetry".to_owned()).spawn(run).map_err(Unusable::Thread)?;
        Ok(Self(Some(Running { stop, ended })))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let Some(Running { stop, ended }) = self.0.take() else { return };
        stop.send_replace(true);
        // Whoever takes nothing in that time loses it; the process has to end.
        let _ = ended.recv_timeout(LAST_WAIT);
    }
}

/// Where each signal goes.
struct Ways {
    traces: Option<Post>,
    logs: Option<Post>,
    errors: Option<Post>,
}

impl Ways {
    fn new(settings: &config::Telemetry, secrets: &Secrets) -> Result<Self, Unusable> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(authorization) = &secrets.otlp_authorization {
            let value = HeaderValue::from_str(authorization.expose_secret()).map_err(|_| Unusable::Authorization)?;
            headers.insert(header::AUTHORIZATION, value);
        }
        let collector = |path: &str| {
            let Some(base) = &settings.otlp else { return Ok(None) };
            let mut url = base.clone();
            url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
            Post::to(&url, headers.clone()).map(Some)
        };
        let errors = secrets.sentry_dsn.as_ref().map(|dsn| tracker(dsn.expose_secret())).transpose()?;
        Ok(Self { traces: collector("/v1/traces")?, logs: collector("/v1/logs")?, errors })
    }
}

fn tracker(dsn: &str) -> Result<Post, Unusable> {
    let dsn: Dsn = dsn.parse().map_err(|_| Unusable::Dsn)?;
    let mut headers = HeaderMap::new();
    let auth = HeaderValue::from_str(&dsn.to_auth(Some(AGENT)).to_string()).map_err(|_| Unusable::Dsn)?;
    headers.insert("x-sentry-auth", auth);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-sentry-envelope"));
    Post::to(&dsn.envelope_api_url(), headers)
}

/// Each signal by itself: one that nobody takes keeps no other waiting.
async fn run(ways: Ways, ends: Ends, counts: &Counts, stopped: watch::Receiver<bool>) {
    let lane = |signal| Lane { signal, counts, stopped: stopped.clone(), is_away: false };
    tokio::join!(
        lane(Signal::Traces).carry(ends.traces, ways.traces, BATCH_MOST, |spans| Some(otlp::traces(spans))),
        lane(Signal::Logs).carry(ends.logs, ways.logs, BATCH_MOST, |lines| Some(otlp::logs(lines))),
        lane(Signal::Errors).carry(ends.errors, ways.errors, 1, |mut events| sentry::envelope(events.pop()?).ok()),
    );
}

/// The way of one signal.
struct Lane<'c> {
    signal: Signal,
    counts: &'c Counts,
    stopped: watch::Receiver<bool>,
    /// Whether nobody took the last batch: said once.
    is_away: bool,
}

impl Lane<'_> {
    /// Sends what comes, until the end was asked for and nothing is left.
    async fn carry<T>(
        mut self,
        queue: Option<Receiver<T>>,
        to: Option<Post>,
        most: usize,
        encode: impl Fn(Vec<T>) -> Option<Vec<u8>>,
    ) {
        let (Some(mut queue), Some(to)) = (queue, to) else { return };
        while let Some(batch) = self.batch(&mut queue, most).await {
            let count = batch.len() as u64;
            let is_sent = match encode(batch) {
                Some(body) => self.send(&to, &body).await,
                None => false,
            };
            let counted = if is_sent { &self.counts.sent } else { &self.counts.dropped };
            counted.of(self.signal).add(count);
        }
    }

    /// The next batch; nothing at the end.
    async fn batch<T>(&mut self, queue: &mut Receiver<T>, most: usize) -> Option<Vec<T>> {
        let mut batch = Vec::new();
        tokio::select! {
            first = queue.recv() => batch.push(first?),
            _ = self.stopped.wait_for(|stop| *stop) => batch.push(queue.try_recv().ok()?),
        }
        let due = Instant::now() + BATCH_WITHIN;
        while batch.len() < most {
            let next = tokio::select! {
                next = timeout_at(due, queue.recv()) => next.ok().flatten(),
                _ = self.stopped.wait_for(|stop| *stop) => queue.try_recv().ok(),
            };
            match next {
                Some(next) => batch.push(next),
                None => break,
            }
        }
        Some(batch)
    }

    /// Whether somebody took it, in a few tries.
    async fn send(&mut self, to: &Post, body: &[u8]) -> bool {
        for _ in 0..TRIES {
            let refused = match to.send(body.to_vec()).await {
                Ok(()) => {
                    self.is_away = false;
                    return true;
                }
                Err(refused) => refused,
            };
            self.say_once(&refused);
            if !refused.may_pass_later() || *self.stopped.borrow() {
                return false;
            }
            let pause = refused.retry_after().unwrap_or(PAUSE).min(PAUSE_MOST);
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.stopped.wait_for(|stop| *stop) => {}
            }
        }
        false
    }

    fn say_once(&mut self, refused: &Refused) {
        if !std::mem::replace(&mut self.is_away, true) {
            let signal = crate::metrics::Word::as_str(self.signal);
            tracing::warn!(signal, %refused, "what is watched from outside is not taken; it is dropped until it is");
        }
    }
}
