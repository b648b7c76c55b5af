//! The thread that writes, so that nobody who logs ever waits for a disk or a pipe.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Lines that wait: some megabytes, a few seconds of a busy gateway whose reader stalls.
const WAITING_MOST: usize = 16_384;
/// How long the end of the process waits for a stalled reader.
const LAST_LINES_WAIT: Duration = Duration::from_secs(2);

/// After a write the thread rests, so that a busy gateway wakes it a few hundred times a second and not for each line:
/// waking a thread costs a request more than anything else in its line. Nothing is written later than this.
const REST: Duration = Duration::from_millis(5);

enum Message {
    Line(Vec<u8>),
    /// Everything before this is written: tell.
    Settle(SyncSender<()>),
}

/// A running writer. Dropped, it writes what still waits.
#[derive(Debug)]
pub struct Logging {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Logging {
    /// Writes lines to `out` on a thread of its own, which ends with the process.
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let (queue, waiting) = sync_channel(WAITING_MOST);
        let dropped = Arc::new(AtomicU64::new(0));
        let losses = Arc::clone(&dropped);
        std::thread::spawn(move || write_all(&waiting, out, &losses));
        Self { queue, dropped }
    }

    /// Takes lines, without waiting.
    pub fn writer(&self) -> impl Fn(Vec<u8>) + Send + Sync + 'static {
        let (queue, dropped) = (self.queue.clone(), Arc::clone(&self.dropped));
        move |line| {
            if queue.try_send(Message::Line(line)).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until everything logged so far is written, for two seconds at most.
    pub fn settle(&self) {
        let (tell, told) = sync_channel(1);
        if self.queue.try_send(Message::Settle(tell)).is_ok() {
            // A reader that stalls for longer loses lines; the process has to end.
            let _ = told.recv_timeout(LAST_LINES_WAIT);
        }
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.settle();
    }
}

fn write_all(waiting: &Receiver<Message>, out: impl Write, losses: &AtomicU64) {
    let mut out = std::io::BufWriter::new(out);
    while let Ok(first) = waiting.recv() {
        // What waits is written together, then flushed once.
        for message in std::iter::once(first).chain(waiting.try_iter()) {
            write_one(&mut out, message, losses);
        }
        // What could not be written stays in the buffer: a full disk may have room again.
        let _ = out.flush();
        std::thread::sleep(REST);
    }
}

fn write_one(out: &mut impl Write, message: Message, losses: &AtomicU64) {
    match message {
        Message::Line(line) => {
            if tell_losses(out, losses).and_then(|()| out.write_all(&line)).is_err() {
                losses.fetch_add(1, Ordering::Relaxed);
            }
        }
        Message::Settle(tell) => {
            // There is no other place to say that it failed, and whoever waited may have given up.
            let _ = out.flush();
            let _ = tell.send(());
        }
    }
}

fn tell_losses(out: &mut impl Write, losses: &AtomicU64) -> std::io::Result<()> {
    let count = losses.load(Ordering::Relaxed);
    if count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        r#"{{"level":"WARN","target":"log","message":"log lines were dropped: they could not be written, or nobody read them in time","fields":{{"count":{count}}}}}"#
    )?;
    losses.fetch_sub(count, Ordering::Relaxed);
    Ok(())
}
