//! The way of a request: from the client's socket to the app and back.
//!
//! Files are named by the phases. `listen` opens the threads; `entry` waits for what comes before HTTP: a trusted
//! `proxy`'s word and TLS by `certificates`. `conn` serves HTTP/1 behind `wire` and `gate`, the byte check, and `http2`
//! serves HTTP/2 by the same rules; `front`, `routes`, `origin` and `cors` answer the first questions; `passage` is
//! the proof that a request may be forwarded; `forward` sends it by the `contract`, over `pool` and
//! `upstream`; `relay` streams both bodies, `held` keeps one until it was looked at, and `vigil` cuts an answer off whose
//! receiver may not hear the rest; `headers` are said by every answer. `websocket` judges the one protocol that a request
//! may switch to, `upgrades` counts who has switched, `tunnel` carries the bytes.
//!
//! What must always hold:
//! - A byte that two readers could read in two ways reaches neither the server nor the app.
//! - Nothing is forwarded without a [`Passage`], and only [`admit`] makes one.
//! - Memory does not grow with the size of a body; every wait has its end.
//! - A client that leaves ends the app's work for it.

mod alarm;
mod body;
mod certificates;
mod conn;
pub mod contract;
pub mod cors;
mod dial;
mod entry;
mod fault;
mod forward;
mod frames;
pub mod front;
mod gate;
mod headers;
pub mod held;
mod holder;
mod http2;
mod inbound;
mod listen;
pub mod origin;
mod passage;
mod pool;
mod proxy;
mod refusal;
mod relay;
mod routes;
mod stream;
mod tunnel;
mod turn;
mod upgrades;
mod upstream;
mod vigil;
mod websocket;
mod wire;

pub use body::{Body, BrokenOff};
pub use certificates::Certificates;
pub use conn::Peer;
pub use dial::Dial;
pub use forward::{Luggage, Upgrade, forward};
#[cfg(any(test, feature = "fuzzing"))]
pub use gate::property as gate_property;
pub use headers::{SecurityHeaders, Site};
pub use held::{Held, Holds, Inbound};
pub use inbound::Coming;
pub use listen::{Gateway, start};
pub use passage::{Outcome, Passage, Place, admit};
pub use pool::Pool;
pub use routes::{AppRoute, Found, RouteTable};
pub use tunnel::{ASK_EVERY, AtEnd, Carried, Ended, Stay, StillMay};
pub use upgrades::{OPEN_MOST_OF_ADDRESS, OPEN_MOST_OF_TENANT, Ticket, Upgrades};
pub use websocket::Handshake;

/// The protocol's name in a TLS handshake (RFC 9113, section 3.2).
const HTTP_2: &[u8] = b"h2";
