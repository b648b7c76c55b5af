//! Where the configuration of `dev` comes from: the team's file, the beginning of one, or the demo's own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tenantry_platform::config::{Config, Dev, Upstream};

use crate::Fault;
use crate::cli::DevArgs;
use crate::demo;

/// What a command without a file begins with.
pub(super) const STARTER: &str = include_str!("starter.toml");
/// Where a team keeps its configuration.
const USUAL: &str = "tenantry.toml";
/// Where the demo configuration's app would be, were it not the demo.
const APP: &str = "http://127.0.0.1";

/// The configuration of `dev`: a file of the app's team, or the demo's own.
pub fn configuration(path: Option<&Path>, port: u16, upstream: Option<Upstream>) -> Result<Config, Fault> {
    match path {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            read(path, &text, port, upstream)
        }
        None => Ok(watched(Config::for_dev(demo::CONFIG_NAME, demo::CONFIG, &Dev { port, upstream })?)),
    }
}

/// The configuration of a file's text.
pub(super) fn read(path: &Path, text: &str, port: u16, upstream: Option<Upstream>) -> Result<Config, Fault> {
    Ok(watched(Config::for_dev(&path.display().to_string(), text, &Dev { port, upstream })?))
}

/// With a listener of operations on a free port, whether one is configured or not.
fn watched(mut config: Config) -> Config {
    config.operations.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    config
}

/// The team's file: the one that was named, or beside a command the usual one, if it is there.
pub(super) fn file(args: &DevArgs) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(USUAL)).filter(|path| !args.command.is_empty() && path.is_file());
    args.config.clone().or_else(usual)
}

/// Where the app listens, if the command line says so.
pub(super) fn upstream(args: &DevArgs) -> Result<Option<Upstream>, Fault> {
    let named = args.app_port.map(|port| format!("{APP}:{port}")).or_else(|| args.upstream.clone());
    named.map(|text| parse(&text)).transpose()
}

fn parse(text: &str) -> Result<Upstream, Fault> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
        return Ok(Upstream::Unix(path.into()));
    }
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.path() == "/");
    let parts = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
    let fault = || format!("--upstream takes http://HOST:PORT or unix:/PATH, and {text:?} is neither");
    parts.map(|(host, port)| Upstream::Http { host, port }).ok_or_else(|| fault().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_place_on_this_machine_or_another_and_nothing_more() {
        assert_eq!(parse("unix:/run/app.sock").unwrap(), Upstream::Unix("/run/app.sock".into()));
        assert_eq!(parse("http://127.0.0.1:5173").unwrap(), Upstream::Http { host: "127.0.0.1".into(), port: 5173 });
        for text in ["", "127.0.0.1:3000", "https://a", "http://a/b", "unix:app.sock", "unix:"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
