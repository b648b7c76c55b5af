//! A database of one test, and the real binary on it.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tenantry_platform::postgres::shared_for_tests;
use tokio_postgres::{Client, Config, NoTls};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A database of its own, in the cluster that all tests share, and a folder.
pub(crate) struct Bed {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) folder: TempDir,
    /// What the roles of this test begin with, since roles belong to the cluster.
    pub(crate) prefix: String,
}

/// What a run of the binary ended with.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bed {
    /// A database with this schema, in which `$p` stands for the prefix of this test's roles.
    pub(crate) async fn new(schema: &str) -> Self {
        let cluster = shared_for_tests().await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (prefix, name) =
            (format!("t{}_{number}", std::process::id()), format!("bed_{}_{number}", std::process::id()));
        let postgres = connect(&cluster.administrator("postgres")).await;
        postgres.batch_execute(&format!("create database {name}")).await.unwrap();
        let client = connect(&cluster.administrator(&name)).await;
        client.batch_execute(&schema.replace("$p", &prefix)).await.unwrap();
        Self { url: cluster.administrator_url(&name), client, folder: TempDir::new().unwrap(), prefix }
    }

    /// The same with an `rls.toml` in the folder, in which `$p` stands for the prefix.
    pub(crate) fn with(self, settings: &str) -> Self {
        std::fs::write(self.folder.path().join("rls.toml"), settings.replace("$p", &self.prefix)).unwrap();
        self
    }

    /// Runs the binary in the folder, with the database's URL in the environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// The command that `run` runs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry-rls"));
        command.args(arguments).current_dir(self.folder.path()).env("DATABASE_URL", &self.url);
        command
    }

    /// Another connection of the administrator.
    pub(crate) async fn another(&self) -> Client {
        connect(&self.url.parse().unwrap()).await
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.client.batch_execute(&sql.replace("$p", &self.prefix)).await.unwrap();
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The report as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// The ids of the findings above `info`.
    pub(crate) fn holes(&self) -> Vec<String> {
        let report = self.json();
        let findings = report["findings"].as_array().unwrap().iter();
        let above = findings.filter(|finding| finding["severity"] != "info");
        above.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
