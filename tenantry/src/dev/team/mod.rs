//! `tenantry dev -- COMMAND`: the team's own app, started, shown and ended with Tenantry.
//!
//! What must always hold:
//! - The app and all that it started end when this process does, however that happens (`guard.sh`).
//! - What it says goes to the terminal as it comes; of it, a bounded end is kept for the page.
//! - Until it answers, and after it has ended, whoever may see its pages sees how it stands, and nobody else.

mod output;
pub(crate) mod page;

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tenantry_platform::config::Upstream;
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::cli::{say, say_error};
use output::Lines;

/// The shell program that runs the app and watches the pipe.
const GUARD: &str = include_str!("guard.sh");
/// How often an app that is starting is asked whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// A connection on this machine is there or is not.
const ASK_WITHIN: Duration = Duration::from_secs(1);
/// The guard asks for five seconds and then no longer asks.
const END_WITHIN: Duration = Duration::from_secs(8);

/// How the app stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Started, and nothing answers yet.
    Starting,
    /// It takes connections.
    Answering,
    /// It is gone, in these words.
    Ended(String),
}

/// What the gateway sees of the app. Clones share it.
#[derive(Clone, Debug)]
pub struct View {
    stage: watch::Receiver<Stage>,
    lines: Arc<Mutex<Lines>>,
    command: Arc<str>,
}

impl View {
    /// How it stands now.
    pub fn stage(&self) -> Stage {
        self.stage.borrow().clone()
    }

    /// Waits until it answers, or has ended.
    ///
    /// # Errors
    /// How it ended.
    pub async fn answering(&self) -> Result<(), String> {
        let mut stage = self.stage.clone();
        let settled = stage.wait_for(|stage| *stage != Stage::Starting).await.map(|stage| stage.clone());
        match settled {
            Ok(Stage::Ended(how)) => Err(format!("your app {how} before it answered")),
            _ => Ok(()),
        }
    }
}

/// The running app. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) view: View,
    leash: ChildStdin,
    group: Option<Pid>,
    /// Whether we asked for its end.
    is_asked: Arc<AtomicBool>,
    life: JoinHandle<()>,
}

impl Team {
    /// Starts the command with these variables, beside those of this process.
    pub(super) async fn start(
        command: &[OsString],
        upstream: &Upstream,
        variables: Vec<(&'static str, String)>,
    ) -> Result<Self, String> {
        if answers(upstream).await {
            let place = place(upstream);
            return Err(format!(
                "something answers on {place} already, before your app was started. Stop it, or name another port with --app-port."
            ));
        }
        let shown: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        let shown: Arc<str> = shown.join(" ").into();
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "guard.sh"]).args(command).envs(variables).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let broken = |fault: io::Error| format!("your app cannot be started: {fault}");
        let mut guard = guard.spawn().map_err(broken)?;
        let group = guard.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let leash = guard.stdin.take().ok_or("your app cannot be started: it has no pipe")?;
        let lines = Arc::new(Mutex::new(Lines::default()));
        let output = [
            guard.stdout.take().map(|pipe| tokio::spawn(output::pass(pipe, Arc::clone(&lines)))),
            guard.stderr.take().map(|pipe| tokio::spawn(output::pass(pipe, Arc::clone(&lines)))),
        ];
        let (tell, stage) = watch::channel(Stage::Starting);
        let (upstream, is_asked) = (upstream.clone(), Arc::new(AtomicBool::new(false)));
        let asked = Arc::clone(&is_asked);
        let life = tokio::spawn(async move {
            tokio::select! {
                status = guard.wait() => return ended(&tell, status, output, &asked).await,
                () = until_it_answers(&upstream) => {}
            }
            tell.send_replace(Stage::Answering);
            say(&format!("Your app answers on {}.", place(&upstream)));
            ended(&tell, guard.wait().await, output, &asked).await;
        });
        Ok(Self { view: View { stage, lines, command: shown }, leash, group, is_asked, life })
    }

    /// Ends the app with everything that it started.
    pub(super) async fn stop(self) {
        self.is_asked.store(true, Ordering::Relaxed);
        drop(self.leash);
        let is_gone = timeout(END_WITHIN, self.life).await.is_ok();
        if let Some(group) = self.group.filter(|_| !is_gone) {
            // It may have gone at this very moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

type Output = [Option<JoinHandle<()>>; 2];

async fn ended(tell: &watch::Sender<Stage>, status: io::Result<ExitStatus>, output: Output, is_asked: &AtomicBool) {
    let how = match status.as_ref().map(ExitStatus::code) {
        // As the shell says that a signal ended it.
        Ok(Some(code @ 129..)) => format!("was ended by signal {}", code - 128),
        Ok(Some(code)) => format!("ended with exit code {code}"),
        _ => "was killed".to_owned(),
    };
    // Its last words first. A grandchild that lives on may hold the pipes open.
    for pipe in output.into_iter().flatten() {
        let _ = timeout(ASK_WITHIN, pipe).await;
    }
    if is_asked.load(Ordering::Relaxed) {
        return;
    }
    say_error(&format!("Your app {how}. The gateway goes on; start `tenantry dev` again when the app is mended."));
    tell.send_replace(Stage::Ended(how));
}

async fn until_it_answers(upstream: &Upstream) {
    while !answers(upstream).await {
        sleep(ASK_EVERY).await;
    }
}

async fn answers(upstream: &Upstream) -> bool {
    let asking = async {
        match upstream {
            Upstream::Unix(path) => UnixStream::connect(path).await.is_ok(),
            Upstream::Http { host, port } | Upstream::Https { host, port } => {
                TcpStream::connect((host.trim_matches(['[', ']']), *port)).await.is_ok()
            }
        }
    };
    timeout(ASK_WITHIN, asking).await.unwrap_or(false)
}

/// Where the app listens, as people write it.
pub(super) fn place(upstream: &Upstream) -> String {
    match upstream {
        Upstream::Unix(path) => format!("unix:{}", path.display()),
        Upstream::Http { host, port } => format!("http://{host}:{port}"),
        Upstream::Https { host, port } => format!("https://{host}:{port}"),
    }
}
