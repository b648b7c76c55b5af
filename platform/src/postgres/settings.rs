//! How the server is set up. Given on its command line at each start: the file that initdb wrote stays as it is.

use std::path::Path;

/// Whether a commit is on disk when it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    Kept,
    /// For a test's cluster, which ends with the test.
    Disposable,
}

/// The settings that every start gives.
pub(super) fn settings(socket: &Path, cluster_name: &str, durability: Durability) -> Vec<String> {
    let socket = format!("unix_socket_directories={}", quoted(socket));
    let name = format!("cluster_name={cluster_name}");
    let chosen = ALWAYS.iter().chain(by_durability(durability)).map(|setting| (*setting).to_owned());
    [socket, name].into_iter().chain(chosen).collect()
}

const ALWAYS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "password_encryption=scram-sha-256",
    "row_security=on",
    // Control, live, test, jobs, operator and LISTEN on one node take some forty; a developer's tools the rest.
    "max_connections=200",
    "shared_buffers=64MB",
    // Files in the cluster, which a start clears away; a killed server would leave POSIX segments behind for ever.
    "dynamic_shared_memory_type=mmap",
    // Nobody replicates a private cluster.
    "wal_level=minimal",
    "max_wal_senders=0",
    // Bounds recovery after a crash to seconds.
    "max_wal_size=256MB",
    "timezone=UTC",
    "log_timezone=UTC",
    // Starts, stops and crashes; never a statement, a value or a row: those are people's data.
    "log_destination=stderr",
    "logging_collector=off",
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_checkpoints=off",
    "log_statement=none",
];

const fn by_durability(durability: Durability) -> &'static [&'static str] {
    match durability {
        Durability::Kept => &["fsync=on", "full_page_writes=on", "synchronous_commit=on"],
        Durability::Disposable => &["fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off"],
    }
}

/// The setting is a list: quotes keep a comma in a path from splitting it.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('"', "\"\""))
}
