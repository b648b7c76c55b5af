//! The administrator's connection.

use tokio_postgres::{Client, Config, NoTls};

use crate::fault::{Fault, said};

/// Connects, and lets the connection run beside.
///
/// # Errors
/// When the URL means nothing, or the server does not let us in.
pub async fn connect(url: &str) -> Result<Client, Fault> {
    let mut config: Config = url.parse().map_err(|error| Fault::Unreachable(said(&error)))?;
    config.application_name("tenantry-rls");
    let (client, connection) = config.connect(NoTls).await.map_err(|error| Fault::Unreachable(said(&error)))?;
    tokio::spawn(connection);
    Ok(client)
}
