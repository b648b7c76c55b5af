//! A body that is held until it was looked at: on a route with a schema the app hears nothing of a request whose body
//! does not fit, and the bytes that were looked at are the bytes that it gets [WEB-7].

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{Method, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tenantry_core::ids::TenantId;
use tenantry_platform::config::{BodyFault, BodySchema};
use tenantry_platform::problem::{Kind, Problem};
use tokio::time::{Instant, timeout_at};

use super::fault::Fault;
use super::holder::{Holder, Holders, holders};
use super::inbound::{Broken, Coming};

/// Bytes held at a time, of all requests together: as much as a few hundred usual ones.
const HELD_MOST: u64 = 64 * 1024 * 1024;
/// Of one address, and of one tenant: as much as the largest body, so that no one of them keeps all others out.
const HELD_MOST_OF_ONE: u64 = HELD_MOST / 4;

/// How long one of them may take to come: whoever sends slowly keeps room from others.
const WHOLE_WITHIN: Duration = Duration::from_secs(60);

/// How much is held, and for whom. Shared by all threads.
#[derive(Clone, Debug, Default)]
pub struct Holds(Arc<Mutex<Shares>>);

#[derive(Debug, Default)]
struct Shares {
    all: u64,
    of: HashMap<Holder, u64>,
}

/// A share of what may be held; dropped with the body.
#[derive(Debug)]
struct Hold {
    holds: Holds,
    whose: Holders,
    bytes: u64,
}

/// The body of a request on its way to the app.
#[derive(Debug)]
pub enum Inbound {
    /// There is none.
    Nothing,
    /// As the client sends it.
    Coming(Box<Coming>),
    /// Already here.
    Held(Box<Held>),
}

/// A whole body.
#[derive(Debug)]
pub struct Held {
    bytes: Bytes,
    /// What is left to send.
    left: Option<Bytes>,
    _hold: Hold,
}

impl Held {
    /// All of it.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Holds {
    /// Takes a body in whole, up to `most` bytes, from a client for the tenant that it talks to. `None`: there is none,
    /// and none is needed for the method.
    ///
    /// # Errors
    /// 415 for what is not JSON by its own word, 413 beyond `most`, 422 where a body is missing, 503 while as much as may
    /// be held is held already, and what became of a body that broke off.
    pub async fn take_in(
        &self,
        request: Request<Incoming>,
        most: u64,
        (tenant, client): (Option<TenantId>, IpAddr),
    ) -> Result<(Request<()>, Option<Held>), Problem> {
        let (head, body) = request.into_parts();
        let mut body = Coming::new(body, &head.extensions);
        if body.is_end_stream() {
            refuse_nothing(&head.method)?;
            return Ok((Request::from_parts(head, ()), None));
        }
        expect_json(&head.headers)?;
        let (mut hold, mut held) = (self.hold(holders(tenant, client)), BytesMut::new());
        let too_large = || Fault::TooLarge(most).into_problem();
        if body.size_hint().lower() > most {
            return Err(too_large());
        }
        let until = Instant::now() + WHOLE_WITHIN;
        let next = async |body: &mut Coming| timeout_at(until, body.frame()).await;
        while let Some(frame) = next(&mut body).await.map_err(|_| Fault::SlowClient.into_problem())? {
            let frame = frame.map_err(|broken| Fault::from(broken).into_problem())?;
            let Ok(data) = frame.into_data() else { continue };
            if (held.len() + data.len()) as u64 > most {
                return Err(too_large());
            }
            hold.grow(data.len() as u64)?;
            held.extend_from_slice(&data);
        }
        let bytes = held.freeze();
        Ok((Request::from_parts(head, ()), Some(Held { left: Some(bytes.clone()), bytes, _hold: hold })))
    }
}

impl Holds {
    fn hold(&self, whose: Holders) -> Hold {
        Hold { holds: self.clone(), whose, bytes: 0 }
    }
}

impl Hold {
    fn grow(&mut self, bytes: u64) -> Result<(), Problem> {
        let mut shares = self.holds.0.lock();
        let would_be = |holder: &Holder| shares.of.get(holder).copied().unwrap_or_default() + bytes;
        let is_full = shares.all + bytes > HELD_MOST || self.whose.iter().any(|one| would_be(one) > HELD_MOST_OF_ONE);
        if is_full {
            let sentence = "As many bodies as may be looked at are being looked at already. Nothing was changed. Try again in a moment.";
            return Err(Problem::new(Kind::Unavailable, sentence).retry_after(1));
        }
        shares.all += bytes;
        self.whose.iter().for_each(|one| *shares.of.entry(*one).or_default() += bytes);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut shares = self.holds.0.lock();
        shares.all -= self.bytes;
        for one in &self.whose {
            let left = shares.of.get(one).copied().unwrap_or_default() - self.bytes;
            match left {
                0 => drop(shares.of.remove(one)),
                left => drop(shares.of.insert(*one, left)),
            }
        }
    }
}

/// Holds a body against its schema. It takes time in its length: not for a gateway's thread.
///
/// # Errors
/// 400 for what is no JSON, 422 that names each place that does not fit.
pub fn check(schema: &BodySchema, body: &[u8]) -> Result<(), Problem> {
    schema.check(body).map_err(|fault| match fault {
        BodyFault::NotJson(why) => {
            let sentence = format!("The body is no JSON that every reader reads alike: {why}.");
            Problem::new(Kind::Malformed, sentence).code("not_json")
        }
        BodyFault::Misfit(places) => {
            let sentence = "The body does not fit what this address takes. Mend the places named in `errors` and send the request again.";
            let problem = Problem::new(Kind::Invalid, sentence).code("body_invalid");
            places.into_iter().fold(problem, |problem, (place, why)| problem.field(place, why))
        }
    })
}

/// A method whose meaning is in its body has one.
fn refuse_nothing(method: &Method) -> Result<(), Problem> {
    if !matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        return Ok(());
    }
    let sentence = "This address takes a JSON body, and there is none. Send one with `Content-Type: application/json`.";
    Err(Problem::new(Kind::Invalid, sentence).code("body_invalid").field("", "There is no body."))
}

/// JSON by its own word (RFC 8259, section 11; RFC 6839, section 3.1), in UTF-8, and not packed.
fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let first = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_packed = headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity");
    if types.next().is_none() && is_json(first) && !is_packed {
        return Ok(());
    }
    let sentence = "This address takes JSON in UTF-8: send it with one `Content-Type: application/json` and without `Content-Encoding`.";
    Err(Problem::new(Kind::UnsupportedType, sentence))
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = essence == "application/json"
        || essence.strip_prefix("application/").is_some_and(|kind| kind.len() > 5 && kind.ends_with("+json"));
    let is_utf8 = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    is_json && parts.all(is_utf8)
}

impl Inbound {
    /// A request whose body comes.
    pub fn of(request: Request<Incoming>) -> Request<Self> {
        let (head, body) = request.into_parts();
        let body = match body.is_end_stream() {
            true => Self::Nothing,
            false => Self::Coming(Box::new(Coming::new(body, &head.extensions))),
        };
        Request::from_parts(head, body)
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Nothing => Poll::Ready(None),
            Self::Coming(body) => Pin::new(body).poll_frame(cx),
            Self::Held(held) => {
                let left = held.left.take().filter(|left| !left.is_empty());
                Poll::Ready(left.map(|left| Ok(Frame::data(left))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Coming(body) => body.is_end_stream(),
            Self::Held(held) => held.left.as_ref().is_none_or(Bytes::is_empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Coming(body) => body.size_hint(),
            Self::Held(held) => SizeHint::with_exact(held.left.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_at_a_time_has_an_end() {
        let holds = Holds::default();
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);
        let hold = |last| holds.hold(holders(None, client(last)));
        let (mut first, mut of_the_same) = (hold(1), hold(1));
        assert!(first.grow(HELD_MOST_OF_ONE).is_ok());
        let refused = of_the_same.grow(1).expect_err("its share is full");
        assert_eq!((refused.kind, refused.retry_after_s), (Kind::Unavailable, Some(1)));

        let mut others: Vec<_> = (2..5).map(hold).collect();
        assert!(others.iter_mut().all(|other| other.grow(HELD_MOST_OF_ONE).is_ok()), "others have their own");
        assert!(hold(9).grow(1).is_err(), "all of it is held");
        drop((first, others));
        assert!(of_the_same.grow(HELD_MOST_OF_ONE).is_ok(), "what is done with is free again");
        drop(of_the_same);
        let left = holds.0.lock();
        assert_eq!((left.all, left.of.len()), (0, 0), "nobody is remembered");
    }
}
