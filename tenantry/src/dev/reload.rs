//! Reads `tenantry.toml` again whenever it is saved.
//!
//! What must always hold: a file with a fault changes nothing; one without comes into force whole. The file is
//! looked at by its content, four times a second: it is small, and editors save in more ways than a watcher knows.

use std::path::Path;
use std::time::Duration;

use tenantry_platform::config::{Config, Upstream};
use tokio::time::sleep;

use super::source;
use crate::cli::{say, say_error};
use crate::serve::Server;

/// Sooner than a hand goes from the editor to the browser.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// An editor that writes in pieces is done by then.
const SETTLED_AFTER: Duration = Duration::from_millis(50);

/// What was begun with and cannot be exchanged while it runs.
const KEPT: [(&str, Section); 4] = [
    ("[listen]", |config| format!("{:?}", config.listen)),
    ("[hosts]", |config| format!("{:?}", config.hosts)),
    ("[database]", |config| format!("{:?}", config.database)),
    ("[log]", |config| format!("{:?}", config.log)),
];

type Section = fn(&Config) -> String;

/// Follows a file for as long as the future is polled.
pub(super) async fn follow(path: &Path, port: u16, upstream: Option<&Upstream>, server: &mut Server) {
    let mut known = std::fs::read_to_string(path).ok();
    loop {
        sleep(LOOK_EVERY).await;
        let Some(text) = changed(path, known.as_deref()).await else { continue };
        match source::read(path, &text, port, upstream.cloned()) {
            Ok(config) => take(path, config, server).await,
            Err(faults) => say_error(&format!("{faults}\nThe configuration that was read before stays in force.")),
        }
        known = Some(text);
    }
}

/// The file's text when it is another one and is no longer being written. One that is away is being replaced.
async fn changed(path: &Path, known: Option<&str>) -> Option<String> {
    let first = std::fs::read_to_string(path).ok().filter(|text| Some(text.as_str()) != known)?;
    sleep(SETTLED_AFTER).await;
    std::fs::read_to_string(path).ok().filter(|text| *text == first)
}

async fn take(path: &Path, config: Config, server: &mut Server) {
    let before = &server.app.config;
    let kept = KEPT.iter().filter(|(_, section)| section(before) != section(&config)).map(|(name, _)| *name);
    let kept: Vec<&str> = kept.collect();
    if let Err(fault) = server.reload(config).await {
        say_error(&format!("{}: {fault}. The configuration that was read before stays in force.", path.display()));
        return;
    }
    say(&format!("{} is in force.", path.display()));
    if !kept.is_empty() {
        say(&format!("{} will be so at the next start of `tenantry dev`.", kept.join(", ")));
    }
}
