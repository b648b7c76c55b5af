//! A database of one's own in the tests' cluster, with roles of one's own, since roles belong to the whole cluster.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenantry_platform::postgres::{PrivateCluster, shared_for_tests};
use tenantry_rls::attack::{Options, attack};
use tenantry_rls::catalog::{self, Catalog};
use tenantry_rls::config::Settings;
use tenantry_rls::finding::Finding;
use tenantry_rls::verify::{World, verify};
use tokio_postgres::Client;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The roles that a text may name, and whether they sign in.
const ROLES: [(&str, bool); 5] =
    [("app", true), ("owner", false), ("other", false), ("role_a", true), ("role_b", true)];

/// How long an attack may take.
const BUDGET: Duration = Duration::from_secs(60);

/// A database, and the roles of one case.
pub(crate) struct Place {
    cluster: &'static PrivateCluster,
    number: u32,
}

impl Place {
    /// An empty database whose `public` the owner may use and create in.
    pub(crate) async fn new() -> Self {
        let place = Self { cluster: shared_for_tests().await, number: COUNT.fetch_add(1, Ordering::Relaxed) };
        let admin = place.client_of("postgres").await;
        for (role, signs_in) in ROLES {
            let may = if signs_in { "login" } else { "nologin" };
            let name = place.role(role);
            admin.batch_execute(&format!("create role {name} {may} password '{name}'")).await.unwrap();
        }
        admin.batch_execute(&format!("create database {}", place.database())).await.unwrap();
        let owner = place.role("owner");
        place.administrator().await.batch_execute(&format!("grant create on schema public to {owner}")).await.unwrap();
        place
    }

    /// Its name.
    pub(crate) fn database(&self) -> String {
        format!("place_{}", self.number)
    }

    /// The name of a role here.
    pub(crate) fn role(&self, role: &str) -> String {
        format!("{role}_of_{}", self.number)
    }

    /// A text with the names of this place: `@app@`, `@owner@`, `@other@`, `@role_a@`, `@role_b@`, `@db@`.
    pub(crate) fn named(&self, text: &str) -> String {
        let text = text.replace("@db@", &self.database());
        ROLES.iter().fold(text, |text, (role, _)| text.replace(&format!("@{role}@"), &self.role(role)))
    }

    /// A text as it was before [`Self::named`].
    pub(crate) fn unnamed(&self, text: &str) -> String {
        let text = text.replace(&self.database(), "@db@");
        ROLES.iter().fold(text, |text, (role, _)| text.replace(&self.role(role), &format!("@{role}@")))
    }

    /// The administrator's URL.
    pub(crate) fn url(&self) -> String {
        self.cluster.administrator_url(&self.database())
    }

    /// The administrator.
    pub(crate) async fn administrator(&self) -> Client {
        self.client_of(&self.database()).await
    }

    /// Runs a script as the owner, or as whom the script says; what is wrong with it otherwise.
    pub(crate) async fn load(&self, script: &str) -> Result<(), String> {
        let script = format!("set role {};\n{}", self.role("owner"), self.named(script));
        self.administrate(&script).await
    }

    /// Runs a script as the administrator.
    pub(crate) async fn administrate(&self, script: &str) -> Result<(), String> {
        let said = |error: tokio_postgres::Error| tenantry_rls::fault::said(&error);
        self.administrator().await.batch_execute(&self.named(script)).await.map_err(said)
    }

    /// What psql says to a script, as a role.
    pub(crate) async fn psql(&self, role: &str, script: &str) -> String {
        let url = self.cluster.url(&self.role(role), &self.role(role), &self.database());
        let script = self.named(script);
        tokio::task::spawn_blocking(move || psql(&url, &script)).await.unwrap()
    }

    /// The snapshot of it.
    pub(crate) async fn catalog(&self) -> Result<Catalog, String> {
        let mut client = tenantry_rls::connect::connect(&self.url()).await.map_err(|fault| fault.to_string())?;
        catalog::read(&mut client).await.map_err(|fault| fault.to_string())
    }

    /// What `attack` finds.
    pub(crate) async fn attack(&self, catalog: &Catalog, settings: &Settings) -> Result<Vec<Finding>, String> {
        attacked(self.url(), catalog, settings).await
    }

    /// What `attack` says to a login that is no administrator.
    pub(crate) async fn attack_as(
        &self,
        role: &str,
        catalog: &Catalog,
        settings: &Settings,
    ) -> Result<Vec<Finding>, String> {
        attacked(self.cluster.url(&self.role(role), &self.role(role), &self.database()), catalog, settings).await
    }

    /// Takes all of it away.
    pub(crate) async fn remove(self) {
        let admin = self.client_of("postgres").await;
        let database = self.database();
        admin.batch_execute(&format!("drop database {database} with (force)")).await.unwrap();
        for (role, _) in ROLES {
            admin.batch_execute(&format!("drop role {}", self.role(role))).await.unwrap();
        }
    }

    async fn client_of(&self, database: &str) -> Client {
        tenantry_rls::connect::connect(&self.cluster.administrator_url(database)).await.unwrap()
    }
}

async fn attacked(url: String, catalog: &Catalog, settings: &Settings) -> Result<Vec<Finding>, String> {
    let mut client = tenantry_rls::connect::connect(&url).await.map_err(|fault| fault.to_string())?;
    let options = Options { url, yes: true, budget: BUDGET };
    let settings = settings.completed(catalog);
    let world = World::new(catalog, &settings).map_err(|fault| fault.to_string())?;
    let attack = attack(&mut client, &world, &options).await.map_err(|fault| fault.to_string())?;
    Ok(attack.findings)
}

/// Runs psql; a statement that fails inside a transaction does not end it.
fn psql(url: &str, script: &str) -> String {
    use std::io::Write as _;
    let mut command = Command::new("psql");
    command.args(["-X", "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_ROLLBACK=on", "-d", url, "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What `verify` finds.
pub(crate) fn verified(catalog: &Catalog, settings: &Settings) -> Result<Vec<Finding>, String> {
    let world = World::new(catalog, settings).map_err(|fault| fault.to_string())?;
    Ok(verify(&world))
}
