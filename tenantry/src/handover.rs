//! A restart that refuses nobody: the listeners go from this process to its successor, with whoever waits in them.
//!
//! On SIGUSR2 this very program is started once more, from the file where it stands now. It gets the listeners over its
//! standard input, a unix socket, and says when it serves. Only then does this process take nobody new, finish what is
//! in flight, and end. A successor that does not come to serve changes nothing.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Tells the successor what its standard input is.
const VARIABLE: &str = "TENANTRY_HANDOVER";
/// A start that takes longer has failed: it waits for a lease of its own, and for a database.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Descriptors in one message; the kernel takes 253.
const AT_ONCE: usize = 64;
/// Follows a message: more come, or none.
const MORE: u8 = 1;
const LAST: u8 = 0;
/// What the successor says when it serves.
const READY: u8 = b'r';

/// The end of a hand-over on the successor's side.
#[derive(Debug)]
pub(crate) struct Predecessor;

/// What a predecessor hands to this process: its listeners, and itself to be told; nothing where there is none.
pub(crate) fn inherited() -> io::Result<(Vec<TcpListener>, Option<Predecessor>)> {
    if std::env::var_os(VARIABLE).is_none() {
        return Ok((Vec::new(), None));
    }
    let mut listeners = Vec::new();
    while receive(&mut listeners)? == MORE {}
    Ok((listeners, Some(Predecessor)))
}

impl Predecessor {
    /// Says that this process serves.
    pub(crate) fn tell_ready(self) -> io::Result<()> {
        rustix::io::write(io::stdin().as_fd(), &[READY])?;
        Ok(())
    }
}

fn receive(listeners: &mut Vec<TcpListener>) -> io::Result<u8> {
    let mut mark = [LAST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let stdin = io::stdin();
    let received = recvmsg(stdin.as_fd(), &mut [IoSliceMut::new(&mut mark)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            listeners.extend(given.map(TcpListener::from));
        }
    }
    Ok(mark[0])
}

/// Starts a successor, hands it the listeners, and waits until it serves.
///
/// # Errors
/// It did not start, or did not come to serve: this process goes on.
pub(crate) async fn hand_over(listeners: &[TcpListener]) -> io::Result<Child> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut successor = start(theirs.into())?;
    let handed = async {
        send(&ours, listeners)?;
        ours.set_nonblocking(true)?;
        let mut said = [0];
        tokio::net::UnixStream::from_std(ours)?.read_exact(&mut said).await.map(|_| ())
    };
    let outcome = timeout(READY_WITHIN, handed).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    if let Err(fault) = outcome {
        // One that has ended by itself is gone already.
        drop(successor.start_kill());
        return Err(io::Error::new(fault.kind(), format!("the new process did not come to serve: {fault}")));
    }
    Ok(successor)
}

fn start(stdin: OwnedFd) -> io::Result<Child> {
    let mut successor = Command::new(program()?);
    successor.args(std::env::args_os().skip(1)).env(VARIABLE, "1").stdin(Stdio::from(stdin));
    successor.spawn()
}

/// The file that this process was started from, as it is now: also where a newer one stands in its place.
fn program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let text = own.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| own.clone(), PathBuf::from))
}

fn send(to: &UnixStream, listeners: &[TcpListener]) -> io::Result<()> {
    let mut shares = listeners.chunks(AT_ONCE).peekable();
    while let Some(share) = shares.next() {
        let descriptors: Vec<_> = share.iter().map(TcpListener::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("the listeners do not fit into a message"));
        }
        let mark = [if shares.peek().is_some() { MORE } else { LAST }];
        sendmsg(to.as_fd(), &[IoSlice::new(&mark)], &mut ancillary, SendFlags::empty())?;
    }
    Ok(())
}

/// Tells the service manager, where one listens (`sd_notify`): that this process serves, or which one does now.
pub(crate) fn notify(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let told = address(Path::new(&socket)).and_then(|to| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &to));
    if let Err(fault) = told {
        tracing::warn!(%fault, state, "the service manager was not told");
    }
}

fn address(socket: &Path) -> io::Result<SocketAddr> {
    match socket.as_os_str().as_encoded_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(socket),
    }
}
