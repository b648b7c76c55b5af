//! Whose turn it is on a connection: a request is answered whole before the next one is let in.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

/// The turns of one connection.
#[derive(Default)]
pub(super) struct Turns {
    is_taken: Cell<bool>,
    /// When the last answer was done.
    ended: Cell<Option<Instant>>,
    /// Who waits to let the next request in.
    next: RefCell<Option<Waker>>,
    /// Who waits for the first request.
    began: RefCell<Option<Waker>>,
    /// The answer must not go on.
    is_cut_off: Cell<bool>,
    /// The connection's own task.
    connection: RefCell<Option<Waker>>,
}

impl Turns {
    /// A request was let in.
    pub(super) fn take(&self) {
        self.is_taken.set(true);
        if let Some(waker) = self.began.take() {
            waker.wake();
        }
    }

    /// Ends when the first request was let in.
    pub(super) async fn first(&self) {
        poll_fn(|cx| {
            if self.is_taken.get() || self.ended.get().is_some() {
                return Poll::Ready(());
            }
            *self.began.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Whether an answer is still being made or sent.
    pub(super) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }

    /// When the last answer was done.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.ended.get()
    }

    /// Wakes `waker` when the answer is done.
    pub(super) fn wake_after(&self, waker: &Waker) {
        let mut next = self.next.borrow_mut();
        if !next.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *next = Some(waker.clone());
        }
    }

    /// Ends the connection in the middle of its answer.
    pub(super) fn cut_off(&self) {
        self.is_cut_off.set(true);
        if let Some(waker) = self.connection.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Ready when the connection must end.
    pub(super) fn poll_cut_off(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_cut_off.get() {
            return Poll::Ready(());
        }
        let mut connection = self.connection.borrow_mut();
        if !connection.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *connection = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn end(&self) {
        self.is_taken.set(false);
        self.ended.set(Some(Instant::now()));
        if let Some(waker) = self.next.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// Ends the turn when it is dropped, as the last thing that an answer's body does.
pub(super) struct TurnEnd(pub(super) Rc<Turns>);

impl Drop for TurnEnd {
    fn drop(&mut self) {
        self.0.end();
    }
}
