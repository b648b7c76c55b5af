//! A small SMTP server on loopback that keeps what it is sent (RFC 5321): dev and tests send through the
//! true path and read the result, and nothing leaves the machine.
//!
//! What must always hold: it binds loopback alone; every line, message, session and the store are bounded.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tenantry_core::clock::Clock;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Mailbox;

/// A message: far more than a letter with both parts needs.
pub const MESSAGE_BYTES_MOST: usize = 1024 * 1024;
/// A command line; RFC 5321 section 4.5.3.1.4 asks for 512, parameters may add to it.
const COMMAND_BYTES_MOST: usize = 2_048;
/// Recipients of one message (RFC 5321 section 4.5.3.1.8).
const RECIPIENTS_MOST: usize = 100;
/// Conversations at a time; others wait in the listener's queue.
const SESSIONS_MOST: usize = 16;
/// A peer that says nothing for so long is dropped.
const IDLE: Duration = Duration::from_secs(60);
/// Commands of one conversation.
const COMMANDS_MOST: usize = 10_000;

/// A running sink. Dropped, it stops.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    mailbox: Mailbox,
    task: JoinHandle<()>,
}

impl Sink {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub async fn start(clock: Clock) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, mailbox) = (listener.local_addr()?, Mailbox::default());
        let task = tokio::spawn(accept(listener, mailbox.clone(), clock));
        Ok(Self { address, mailbox, task })
    }

    /// For the SMTP client: `smtp://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Where the mails are.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, mailbox: Mailbox, clock: Clock) {
    let places = Arc::new(Semaphore::new(SESSIONS_MOST));
    // The semaphore is never closed, so a place always comes.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let mut session =
            Session { mailbox: mailbox.clone(), clock: clock.clone(), sender: false, recipients: Vec::new() };
        tokio::spawn(async move {
            let _place = place;
            // A peer that goes away in the middle leaves nothing behind.
            let _ = session.talk(stream).await;
        });
    }
}

/// One conversation.
struct Session {
    mailbox: Mailbox,
    clock: Clock,
    sender: bool,
    recipients: Vec<String>,
}

/// What follows a command.
enum Next {
    Reply(&'static str),
    Data,
    Bye,
}

impl Session {
    async fn talk(&mut self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        write.write_all(b"220 localhost Tenantry mailbox\r\n").await?;
        for _ in 0..COMMANDS_MOST {
            let Some(line) = read_line(&mut read, COMMAND_BYTES_MOST).await? else { return Ok(()) };
            match self.obey(&String::from_utf8_lossy(&line)) {
                Next::Reply(reply) => say(&mut write, reply).await?,
                Next::Data => self.receive(&mut read, &mut write).await?,
                Next::Bye => return say(&mut write, "221 Bye").await,
            }
        }
        say(&mut write, "421 Too many commands").await
    }

    fn obey(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.reset("250-localhost\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 1048576"),
            "HELO" => self.reset("250 localhost"),
            "MAIL" => self.mail(rest),
            "RCPT" => self.recipient(rest),
            "DATA" if self.recipients.is_empty() => Next::Reply("503 Name a recipient first"),
            "DATA" => Next::Data,
            "RSET" => self.reset("250 OK"),
            "NOOP" => Next::Reply("250 OK"),
            "QUIT" => Next::Bye,
            _ => Next::Reply("502 Not offered here"),
        }
    }

    fn reset(&mut self, reply: &'static str) -> Next {
        self.sender = false;
        self.recipients.clear();
        Next::Reply(reply)
    }

    fn mail(&mut self, rest: &str) -> Next {
        let size = parameter(rest, "SIZE=").and_then(|size| size.parse::<usize>().ok()).unwrap_or(0);
        match path(rest, "FROM:") {
            _ if self.sender => Next::Reply("503 One sender a message"),
            _ if size > MESSAGE_BYTES_MOST => Next::Reply("552 Too large"),
            Some(_) => {
                self.sender = true;
                Next::Reply("250 OK")
            }
            None => Next::Reply("501 Write MAIL FROM:<address>"),
        }
    }

    fn recipient(&mut self, rest: &str) -> Next {
        match path(rest, "TO:") {
            _ if !self.sender => Next::Reply("503 Name a sender first"),
            _ if self.recipients.len() >= RECIPIENTS_MOST => Next::Reply("452 Too many recipients"),
            Some(address) if !address.is_empty() => {
                self.recipients.push(address.to_owned());
                Next::Reply("250 OK")
            }
            _ => Next::Reply("501 Write RCPT TO:<address>"),
        }
    }

    async fn receive<R, W>(&mut self, read: &mut BufReader<R>, write: &mut W) -> std::io::Result<()>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        say(write, "354 End with a line that is a dot").await?;
        let message = read_message(read).await?;
        let recipients = std::mem::take(&mut self.recipients);
        self.sender = false;
        let Some(message) = message else { return say(write, "552 Too large").await };
        self.mailbox.deliver(recipients, &message, self.clock.now());
        say(write, "250 Kept").await
    }
}

/// The lines up to the lonely dot, dots unstuffed (RFC 5321 section 4.5.2). `None` when they are too many:
/// they are read to their end all the same, so that the answer is heard.
async fn read_message<R: AsyncRead + Unpin>(read: &mut BufReader<R>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut message, mut fits) = (Vec::new(), true);
    while let Some(line) = read_line(read, MESSAGE_BYTES_MOST).await? {
        if line == b"." {
            return Ok(fits.then_some(message));
        }
        let line = line.strip_prefix(b".").unwrap_or(&line);
        fits &= message.len() + line.len() + 2 <= MESSAGE_BYTES_MOST;
        if fits {
            message.extend_from_slice(line);
            message.extend_from_slice(b"\r\n");
        }
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

/// A line without its end; `None` when the peer is gone. A longer one than allowed ends the conversation.
async fn read_line<R: AsyncRead + Unpin>(read: &mut BufReader<R>, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let mut limited = read.take(limit);
    tokio::time::timeout(IDLE, limited.read_until(b'\n', &mut line))
        .await
        .map_err(|_| std::io::ErrorKind::TimedOut)??;
    if line.is_empty() {
        return Ok(None);
    }
    // Only CRLF ends a line: a bare LF is how one message is smuggled into another.
    if !line.ends_with(b"\r\n") {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    line.truncate(line.len() - 2);
    Ok(Some(line))
}

async fn say<W: AsyncWrite + Unpin>(write: &mut W, reply: &str) -> std::io::Result<()> {
    write.write_all(reply.as_bytes()).await?;
    write.write_all(b"\r\n").await
}

/// `FROM:<address> …` or `TO:<address> …`, in any case.
fn path<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let head = rest.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
    let (address, _) = rest[head.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    Some(address)
}

fn parameter<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    rest.split(' ').find_map(|word| {
        word.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name)).map(|_| &word[name.len()..])
    })
}
