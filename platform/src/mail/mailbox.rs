//! What the sink received: the newest mails of this process, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use mail_parser::{Message, MessageParser};
use parking_lot::RwLock;
use serde::Serialize;
use tenantry_core::clock::Timestamp;
use tokio::sync::Notify;

/// Mails kept: the oldest goes when another comes.
const MAILS_MOST: usize = 500;
/// Links shown of one mail.
const LINKS_MOST: usize = 20;

/// A mail as it came in over SMTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Received {
    /// From 1, in order of arrival.
    pub id: u64,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The `From` header.
    pub from: String,
    /// The subject, decoded.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part; empty without one.
    pub html: String,
    /// The addresses in the plain part, in order.
    pub links: Vec<String>,
    /// When it came.
    pub at: Timestamp,
    /// Tells twins apart from two mails.
    pub message_id: String,
}

/// A bounded store of mails. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Mailbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    store: RwLock<Store>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Store {
    last: u64,
    mails: VecDeque<Arc<Received>>,
}

impl Mailbox {
    /// All mails, newest first.
    pub fn newest_first(&self) -> Vec<Arc<Received>> {
        self.0.store.read().mails.iter().rev().cloned().collect()
    }

    /// The mails to one address, newest first; the address's case does not matter.
    pub fn to(&self, address: &str) -> Vec<Arc<Received>> {
        let is_to = |mail: &Arc<Received>| mail.to.iter().any(|to| to.eq_ignore_ascii_case(address));
        self.0.store.read().mails.iter().rev().filter(|mail| is_to(mail)).cloned().collect()
    }

    /// The newest mail to one address; where there is none yet, the first that comes.
    pub async fn next_to(&self, address: &str) -> Arc<Received> {
        loop {
            let mut arrived = std::pin::pin!(self.0.arrived.notified());
            // Listens before it looks, so that no mail comes in between.
            arrived.as_mut().enable();
            if let Some(mail) = self.to(address).into_iter().next() {
                return mail;
            }
            arrived.await;
        }
    }

    /// One mail.
    pub fn find(&self, id: u64) -> Option<Arc<Received>> {
        self.0.store.read().mails.iter().find(|mail| mail.id == id).cloned()
    }

    /// Keeps a message as it was transmitted. What is no message becomes a mail whose text is the bytes.
    pub(super) fn deliver(&self, recipients: Vec<String>, bytes: &[u8], at: Timestamp) {
        let mut store = self.0.store.write();
        store.last += 1;
        let mail = read(store.last, recipients, bytes, at);
        if store.mails.len() >= MAILS_MOST {
            store.mails.pop_front();
        }
        store.mails.push_back(Arc::new(mail));
        drop(store);
        self.0.arrived.notify_waiters();
    }
}

fn read(id: u64, to: Vec<String>, bytes: &[u8], at: Timestamp) -> Received {
    let message = MessageParser::default().parse(bytes).unwrap_or_default();
    let text = message.body_text(0).unwrap_or_else(|| String::from_utf8_lossy(bytes));
    let is_html = |part: &u32| message.parts.get(*part as usize).is_some_and(mail_parser::MessagePart::is_text_html);
    let html =
        message.html_body.first().filter(|part| is_html(part)).and_then(|_| message.body_html(0)).unwrap_or_default();
    Received {
        id,
        to,
        from: sender(&message),
        subject: message.subject().unwrap_or_default().to_owned(),
        links: links(&text),
        text: text.into_owned(),
        html: html.into_owned(),
        at,
        message_id: message.message_id().unwrap_or_default().to_owned(),
    }
}

fn sender(message: &Message<'_>) -> String {
    let first = message.from().and_then(|address| address.first());
    let address = first.and_then(|address| address.address()).unwrap_or_default();
    match first.and_then(|address| address.name()) {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

/// What starts with a scheme of the web and ends at a space or bracket.
fn links(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')'));
    let linked = words.filter(|word| word.starts_with("http://") || word.starts_with("https://"));
    linked.map(|word| word.trim_end_matches(['.', ',', ';', '!']).to_owned()).take(LINKS_MOST).collect()
}
