//! Several calls on one connection in one flush: the way there and back is paid once, not once a call.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, maybe_done};

use super::fault::{DbFault, answered};

/// Sends every call before any is answered, and answers each in its place.
///
/// A call of the driver sends when it is first polled, and the server works through what arrives in that order. So a
/// call may rely on the one before it, but not on its answer.
///
/// # Errors
/// When the server is silent for longer than `silence`, as before any other answer. Whoever gives up must close the
/// connection.
pub(super) async fn in_order<T>(silence: Duration, calls: Vec<BoxFuture<'_, T>>) -> Result<Vec<T>, DbFault> {
    let mut calls: Vec<_> = calls.into_iter().map(maybe_done).collect();
    poll_fn(|cx| {
        for call in &mut calls {
            let _ = call.poll_unpin(cx);
        }
        Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(calls.len());
    for mut call in calls {
        answered(silence, &mut call).await?;
        answers.extend(std::pin::Pin::new(&mut call).take_output());
    }
    Ok(answers)
}
