//! A deadline that moves often and rings seldom.
//!
//! Moving a timer costs a lock each time. Deadlines here move with every message and nearly always
//! backwards, so the timer is left where it stands, rings too early now and then, and is set anew then.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Waits for one stage after another, each with its own patience.
pub(super) struct Alarm<S> {
    stage: Option<S>,
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: Copy + PartialEq> Alarm<S> {
    pub(super) const fn new() -> Self {
        Self { stage: None, due: None, timer: None }
    }

    /// Forgets the stage: something happened in time.
    pub(super) fn calm(&mut self) {
        self.stage = None;
    }

    /// Begins a stage that will be waited in until `due`.
    pub(super) fn begin(&mut self, stage: S, due: Instant) {
        (self.stage, self.due) = (Some(stage), Some(due));
    }

    /// Ready when the caller has waited in `stage` for longer than `patience`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stage: S, patience: Duration) -> Poll<()> {
        if self.stage != Some(stage) {
            self.begin(stage, Instant::now() + patience);
        }
        match self.due {
            Some(due) => self.poll_until(cx, due),
            None => Poll::Pending,
        }
    }

    /// Ready when it is `due`, whatever the stage.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}
