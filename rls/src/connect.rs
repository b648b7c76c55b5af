//! The administrator's connections.

mod asked;
mod tls;

use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::{AsyncMessage, Client, Connection, Socket};

use self::tls::{Encrypted, MakeTls};

use crate::fault::{Fault, said};

/// Connects, and lets the connection run beside.
///
/// # Errors
/// When the URL means nothing, or the server does not let us in. No error repeats a part of the URL: it holds a password.
pub async fn connect(url: &str) -> Result<Client, Fault> {
    let (client, connection) = open(url).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn open(url: &str) -> Result<(Client, Connection<Socket, Encrypted<Socket>>), Fault> {
    let mut asked = asked::read(url, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    asked.config.application_name("tenantry-rls");
    let tls = MakeTls::new(asked.check, &asked.roots)?;
    asked.config.connect(tls).await.map_err(|error| match tls::refusal(&error) {
        Some(why) => unvouched(&why),
        None => Fault::Unreachable(said(&error)),
    })
}

fn unvouched(why: &str) -> Fault {
    Fault::Refused(format!(
        "the server's certificate is not to be believed: {why}. Name the authority that signed it with sslrootcert=FILE in \
         --url (hosts of databases offer theirs for download), or say sslmode=no-verify to encrypt for whoever answers."
    ))
}

/// Connects, and keeps every notice that the server sends: a statement's are there when it has answered.
///
/// # Errors
/// When the URL means nothing, or the server does not let us in.
pub async fn connect_hearing(url: &str) -> Result<(Client, Heard), Fault> {
    let (client, mut connection) = open(url).await?;
    let heard = Heard::default();
    let told = heard.clone();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message {
                let detail = notice.detail().map(|detail| format!(" {detail}")).unwrap_or_default();
                told.add(format!("{}{detail}", notice.message()));
            }
        }
    });
    Ok((client, heard))
}

/// What the server said beside its answers.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    /// As many are kept between two askings; a function may raise notices without end.
    const LIMIT: usize = 1_000;

    /// Takes what was said since the last asking.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, notice: String) {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < Self::LIMIT {
            notices.push(notice);
        }
    }
}

/// What is said of a URL that cannot be read. Which part of it is wrong might be a part of the password.
fn meaningless() -> Fault {
    Fault::Refused(
        "--url (or DATABASE_URL) is no connection URL: its form is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with \
         @ : / ? # and % in a name or password written as %40 %3A %2F %3F %23 and %25."
            .to_owned(),
    )
}
