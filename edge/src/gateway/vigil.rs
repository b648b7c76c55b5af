//! An answer in flight, for as long as whoever asked may hear the rest of it [KEY-3].
//!
//! What must hold:
//! - An answer that comes in one piece, or is through within a moment, costs no question.
//! - From then on it is asked about as often as a tunnel. Once whoever asked may not any more, the connection is cut off,
//!   also where the client reads nothing and the rest waits in a buffer.

use std::rc::Rc;

use http::HeaderValue;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep_until};

use super::tunnel::{ASK_EVERY, StillMay, lost};
use super::turn::Turns;

/// Watches over one answer. Dropped with it.
pub(super) struct Vigil {
    state: State,
}

enum State {
    /// Nobody has to be asked, or it is over.
    Off,
    /// To be asked, unless the answer is through before.
    Waiting(Box<Question>),
    Asking(AbortHandle),
}

struct Question {
    begun: Instant,
    still_may: StillMay,
    request_id: HeaderValue,
    /// The connection that the answer goes out on.
    turns: Option<Rc<Turns>>,
}

impl Vigil {
    /// Over an answer that nobody's right depends on.
    pub(super) fn none() -> Self {
        Self { state: State::Off }
    }

    pub(super) fn new(still_may: StillMay, request_id: HeaderValue) -> Self {
        let question = Question { begun: Instant::now(), still_may, request_id, turns: None };
        Self { state: State::Waiting(Box::new(question)) }
    }

    /// Says which connection to cut off.
    pub(super) fn bind(&mut self, turns: &Rc<Turns>) {
        if let State::Waiting(question) = &mut self.state {
            question.turns = Some(Rc::clone(turns));
        }
    }

    /// Whether it has yet to begin.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Begins to ask when the moment is over, by itself: a client that reads nothing makes nobody ask for the next piece.
    pub(super) fn begin(&mut self) {
        if let State::Waiting(question) = std::mem::replace(&mut self.state, State::Off) {
            self.state = State::Asking(spawn_local(question.ask()).abort_handle());
        }
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        if let State::Asking(asking) = &self.state {
            asking.abort();
        }
    }
}

impl Question {
    async fn ask(self: Box<Self>) {
        sleep_until(self.begun + ASK_EVERY).await;
        let ended = lost(&self.still_may).await;
        tracing::info!(
            request_id = self.request_id.to_str().unwrap_or_default(),
            ended = ended.as_str(),
            "an answer in flight is cut off: whoever asked may not hear the rest"
        );
        if let Some(turns) = &self.turns {
            turns.cut_off();
        }
    }
}
