//! One exchange with the app: send the request, wait for the head of the answer, once more if that is safe.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::Upgraded;
use tokio::time::{Instant, sleep_until, timeout};

use super::fault::Fault;
use super::pool::{Lease, Pool};
use super::relay::{Progress, Relay, Upload};
use super::tunnel::{ASK_EVERY, StillMay, lost};
use super::websocket::Handshake;

/// Sends a request and returns the head of the answer, its body still flowing.
///
/// A connection that was open already may be closing just now. Then the request is sent once more on a
/// new one, if the app cannot have acted on it: it was never written, or it is idempotent without a body.
pub(super) fn exchange(
    pool: &Rc<Pool>,
    request: Request<Upload>,
    patience: Duration,
    progress: Option<&Progress>,
    still_may: &StillMay,
) -> impl Future<Output = Result<Response<Relay>, Fault>> {
    let is_repeatable = is_repeatable(&request);
    async move {
        let lease = pool.lease().await?;
        let is_reused = lease.is_reused();
        let spare = (is_reused && is_repeatable).then(|| repeat(&request));
        match send(pool, lease, request, patience, (progress, still_may)).await {
            Ok(answer) => Ok(answer),
            Err(lost) if is_reused => Box::pin(once_more(pool, lost, spare, patience, (progress, still_may))).await,
            Err(lost) => Err(lost.fault),
        }
    }
}

/// On a new connection, where that is safe.
async fn once_more(
    pool: &Rc<Pool>,
    lost: Lost,
    spare: Option<Request<Upload>>,
    patience: Duration,
    asked: (Option<&Progress>, &StillMay),
) -> Result<Response<Relay>, Fault> {
    let request = lost.unsent.or_else(|| spare.filter(|_| lost.fault.is_closed_door()));
    let Some(request) = request else { return Err(lost.fault) };
    pool.metrics.upstream_retries.add_one();
    let lease = pool.connect().await?;
    send(pool, lease, request, patience, asked).await.map_err(|lost| lost.fault)
}

/// What came of asking for another protocol.
pub(super) enum Switch {
    /// The head of the 101, and the connection.
    Agreed(Response<()>, Upgraded),
    /// Another answer, which passes like any.
    Declined(Response<Relay>),
}

/// Asks the app for a WebSocket, on a connection of its own: what it agrees to is never lent again.
pub(super) async fn switch(
    pool: &Rc<Pool>,
    request: Request<Upload>,
    handshake: &Handshake,
    patience: Duration,
) -> Result<Switch, Fault> {
    let mut lease = pool.connect().await?;
    let mut answer = match timeout(patience, lease.sender().send_request(request)).await {
        Ok(answer) => answer.map_err(Fault::Broken)?,
        Err(_) => return Err(Fault::HeadTimedOut),
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return accept(answer, lease, pool.dial.settings.body_idle_timeout).map(Switch::Declined);
    }
    handshake.check(answer.headers()).map_err(Fault::Unasked)?;
    let upgraded = hyper::upgrade::on(&mut answer).await.map_err(Fault::Broken)?;
    Ok(Switch::Agreed(answer.map(drop), upgraded))
}

/// A request without an answer.
struct Lost {
    fault: Fault,
    /// The request itself, when not a byte of it was written.
    unsent: Option<Request<Upload>>,
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self { fault, unsent: None }
    }
}

async fn send(
    pool: &Rc<Pool>,
    mut lease: Lease,
    request: Request<Upload>,
    patience: Duration,
    (progress, still_may): (Option<&Progress>, &StillMay),
) -> Result<Response<Relay>, Lost> {
    let begun = Instant::now();
    let mut answer = pin!(lease.sender().try_send_request(request));
    let answer = match lease.before(begun + patience.min(ASK_EVERY), answer.as_mut()).await {
        Some(answer) => answer,
        None => tokio::select! {
            biased;
            answer = answer => answer,
            fault = Box::pin(too_late(begun, patience, progress, still_may)) => return Err(fault.into()),
        },
    };
    match answer {
        Ok(answer) => accept(answer, lease, pool.dial.settings.body_idle_timeout).map_err(Lost::from),
        Err(mut lost) => {
            let unsent = lost.take_message();
            let fault = progress.and_then(Progress::fault).unwrap_or_else(|| Fault::Broken(lost.into_error()));
            Err(Lost { fault, unsent })
        }
    }
}

/// Ends when nobody waits for the answer any more: the app has kept silent for too long, or whoever asked may not hear
/// it. Asked after a moment only: most answers are there by then.
async fn too_late(begun: Instant, patience: Duration, progress: Option<&Progress>, still_may: &StillMay) -> Fault {
    tokio::select! {
        biased;
        () = out_of_patience(begun + patience, patience, progress) => Fault::HeadTimedOut,
        ended = lost(still_may) => Fault::Lost(ended),
    }
}

/// Ends when the app has kept silent for `patience` since the request last moved.
async fn out_of_patience(mut due: Instant, patience: Duration, progress: Option<&Progress>) {
    loop {
        sleep_until(due).await;
        match progress.map(|progress| progress.moved() + patience) {
            Some(later) if later > due => due = later,
            _ => return,
        }
    }
}

fn accept(answer: Response<Incoming>, lease: Lease, patience: Duration) -> Result<Response<Relay>, Fault> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Fault::Switched);
    }
    if has_ambiguous_length(answer.headers()) {
        return Err(Fault::AmbiguousLength);
    }
    Ok(answer.map(|body| Relay::new(body, lease, patience)))
}

/// Two ways to find the end of a body are two answers to whoever reads the other one (RFC 9112, section 6.3).
fn has_ambiguous_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    let is_odd = coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || length.is_some_and(|length| !length.as_bytes().iter().all(u8::is_ascii_digit));
    is_odd || lengths.next().is_some() || codings.next().is_some() || (length.is_some() && coding.is_some())
}

/// Idempotent (RFC 9110, section 9.2.2) and without a body that may be half sent.
fn is_repeatable(request: &Request<Upload>) -> bool {
    let is_idempotent =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS);
    is_idempotent && request.body().is_end_stream()
}

fn repeat(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::none());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
