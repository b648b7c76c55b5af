//! The administrator's connection.

use tokio_postgres::{Client, Config, NoTls};

use crate::fault::{Fault, said};

/// Connects, and lets the connection run beside.
///
/// # Errors
/// When the URL means nothing, or the server does not let us in. No error repeats a part of the URL: it holds a password.
pub async fn connect(url: &str) -> Result<Client, Fault> {
    let mut config: Config = url.parse().map_err(|_| meaningless())?;
    config.application_name("tenantry-rls");
    let (client, connection) = config.connect(NoTls).await.map_err(|error| Fault::Unreachable(said(&error)))?;
    tokio::spawn(connection);
    Ok(client)
}

/// What is said of a URL that cannot be read. Which part of it is wrong might be a part of the password.
fn meaningless() -> Fault {
    Fault::Refused(
        "--url (or DATABASE_URL) is no connection URL: its form is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with \
         @ : / ? # and % in a name or password written as %40 %3A %2F %3F %23 and %25."
            .to_owned(),
    )
}
