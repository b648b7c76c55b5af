//! The way out: SMTP over tokio and rustls, by the URL of the environment.
//!
//! `smtps://` is TLS from the first byte, `smtp://…?tls=required` is STARTTLS or nothing,
//! `?tls=opportunistic` STARTTLS where offered, and `smtp://` alone plain text, for loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::compose::compose;
use super::looks::Looks;
use super::{JOB, Queued, nowhere, sent};
use crate::config;
use crate::jobs::{JobFault, Runner};
use crate::metrics::Delivery;

/// Replies that refuse us, not the mail: authentication wanted, too weak, or wrong (RFC 4954 section 6).
const OUR_OWN_FAULT: [u16; 4] = [530, 534, 535, 538];

/// Mail cannot be sent with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum MailFault {
    /// The sender is no mailbox.
    #[error("mail.from is no mailbox; write it as `Acme <no-reply@example.com>`")]
    From,
    /// The server's URL cannot be used.
    #[error("TENANTRY_SMTP_URL cannot be used; write smtps://user:password@host, or smtp://host?tls=required")]
    Url,
    /// A template cannot be used.
    #[error("mail.templates: {}: {what}", file.display())]
    Template {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it, and what to write instead.
        what: String,
    },
    /// The file of certificates cannot be used.
    #[error("mail.tls_ca: {} cannot be used: {why}. Write the path of a PEM file of certificates.", path.display())]
    Certificates {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificates for a connection that has none.
    #[error("mail.tls_ca is set, but TENANTRY_SMTP_URL asks for no TLS; write smtps://, or smtp://…?tls=required")]
    PlainWithCertificates,
}

/// Who carries mails to the server.
#[derive(Clone)]
pub struct Postman {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    looks: Arc<Looks>,
}

impl std::fmt::Debug for Postman {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postman")
    }
}

impl Postman {
    /// Reads the URL; connects with the first mail.
    ///
    /// # Errors
    /// [`MailFault`], without the URL: it holds a password.
    pub fn new(config: &config::Mail, url: &SecretString) -> Result<Self, MailFault> {
        let from = config.from.parse().map_err(|_| MailFault::From)?;
        let builder =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret()).map_err(|_| MailFault::Url)?;
        let builder = match &config.tls_ca {
            Some(path) => builder.tls(trusting(path, url.expose_secret())?),
            None => builder,
        };
        let looks = Looks::configured(config)?;
        Ok(Self { transport: builder.timeout(Some(config.timeout)).build(), from, looks: Arc::new(looks) })
    }

    async fn carry(&self, queued: &Queued) -> Result<(), JobFault> {
        let dressed = self.looks.dress(&queued.mail);
        let message = compose(queued, &dressed, &self.from).map_err(JobFault::Final)?;
        self.transport.send(message).await.map(drop).map_err(|error| judge(&error))
    }
}

/// The kind of TLS that the URL asks for, with the certificates of a file besides the system's.
fn trusting(path: &Path, url: &str) -> Result<Tls, MailFault> {
    let url = Url::parse(url).map_err(|_| MailFault::Url)?;
    let unread = |why: String| MailFault::Certificates { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|fault| unread(fault.to_string()))?;
    let certificates = Certificate::from_pem(&pem).map_err(|fault| unread(fault.to_string()))?;
    let parameters = TlsParameters::builder(url.host_str().unwrap_or_default().to_owned());
    let parameters =
        parameters.add_root_certificate(certificates).build().map_err(|fault| unread(fault.to_string()))?;
    let wanted = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    match (url.scheme(), wanted.as_deref()) {
        ("smtps", _) => Ok(Tls::Wrapper(parameters)),
        (_, Some("required")) => Ok(Tls::Required(parameters)),
        (_, Some("opportunistic")) => Ok(Tls::Opportunistic(parameters)),
        _ => Err(MailFault::PlainWithCertificates),
    }
}

/// Sends the mails of the queue.
pub fn attend(runner: &mut Runner, postman: Postman) {
    nowhere::attend(runner);
    let postman = Arc::new(postman);
    runner.on(JOB, move |ground, queued: Queued| {
        let postman = Arc::clone(&postman);
        async move {
            let carried = postman.carry(&queued).await;
            ground.metrics.mails.of(delivery(&carried)).add_one();
            carried?;
            // It is out: what cannot be noted must not send it again.
            if let Err(fault) = sent::note(&ground, &queued).await {
                tracing::warn!(%fault, "a mail was sent, and that it was is not on the page of mails");
            }
            Ok(())
        }
    });
}

const fn delivery(carried: &Result<(), JobFault>) -> Delivery {
    match carried {
        Ok(()) => Delivery::Sent,
        Err(JobFault::Retry(_)) => Delivery::Deferred,
        Err(JobFault::Final(_)) => Delivery::Refused,
    }
}

/// 5xx is about this mail and final; 4xx, no answer and a refused sign-in may change.
fn judge(error: &smtp::Error) -> JobFault {
    let ours = error.status().is_some_and(|code| OUR_OWN_FAULT.contains(&code.into()));
    let why = error.status().map_or_else(|| error.to_string(), |code| format!("the mail server answered {code}"));
    if error.is_permanent() && !ours { JobFault::Final(why) } else { JobFault::Retry(why) }
}
