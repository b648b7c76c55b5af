//! What a process that serves is told by signals: to end, to read certificates anew, to let another one take over.

use std::time::Duration;

use tenantry_edge::gateway::Gateway;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Server;
use crate::handover;

/// How often files of certificates are looked at: whoever renews them need not know of us.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Everything that `tenantry serve` is told by signals, listened to from the start.
pub(super) struct Signals {
    stop: Stop,
    reload: Signal,
    hand_over: Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        let (reload, hand_over) = (signal(SignalKind::hangup())?, signal(SignalKind::user_defined2())?);
        Ok(Self { stop: stop_signal()?, reload, hand_over })
    }

    /// Waits for the end, and does until then what it is told.
    pub(super) async fn attend(&mut self, server: &Server) {
        let certificates: Vec<_> = server.gateways().filter_map(Gateway::certificates).collect();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = self.stop.asked() => return handover::notify("STOPPING=1"),
                Some(()) = self.reload.recv() => certificates.iter().for_each(|certificates| certificates.reload()),
                Some(()) = self.hand_over.recv() => tokio::select! {
                    is_taken_over = hand_over(server) => if is_taken_over { return },
                    // A successor that nobody waits for ends by itself.
                    () = self.stop.asked() => return handover::notify("STOPPING=1"),
                },
                _ = look.tick() => certificates.iter().for_each(|certificates| certificates.look()),
            }
        }
    }
}

/// Starts a successor. Whether it serves now.
async fn hand_over(server: &Server) -> bool {
    let handed = async { handover::hand_over(&server.listeners()?).await };
    match handed.await {
        Ok(successor) => {
            let pid = successor.id().unwrap_or_default();
            tracing::info!(pid, "a new process serves; this one ends what it has in flight");
            handover::notify(&format!("MAINPID={pid}"));
            true
        }
        Err(fault) => {
            tracing::error!(%fault, "nothing was handed over, and this process serves on");
            false
        }
    }
}

/// SIGINT and SIGTERM, listened to from the start.
#[derive(Debug)]
pub struct Stop(Signal, Signal);

/// Begins to listen for the end.
pub fn stop_signal() -> std::io::Result<Stop> {
    Ok(Stop(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

impl Stop {
    /// Waits for either.
    pub async fn wait(mut self) {
        self.asked().await;
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
