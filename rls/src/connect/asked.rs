//! What a connection URL asks for, as users of libpq know it: `sslmode`, `sslrootcert`, and the PG variables.
//!
//! libpq's `require` encrypts for anybody who answers, unless a root certificate is there. What is sent here is an
//! administrator's password: `require` verifies, by the system's authorities where none is named, and `no-verify` is the
//! word for who does not want that.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::fault::Fault;

/// Parameters of other clients in URLs that are shared with them: they say nothing about a connection of ours.
const OF_OTHERS: &[&str] = &[
    "connection_limit",
    "gssencmode",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "sslaccept",
    "sslcrl",
    "statement_cache_size",
    "supa",
    "uselibpqcompat",
];

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) config: Config,
    pub(super) check: Check,
    pub(super) roots: Roots,
}

/// What is verified of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing: encrypted, for whoever answers.
    Nothing,
    /// That an authority signed it.
    Chain,
    /// That, and that it is for this host.
    Name,
}

/// Whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    System,
    File(PathBuf),
}

/// Reads a URL, and what variables say where it does not.
pub(super) fn read(url: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Asked, Fault> {
    let (plain, parameters) = taken_out(url);
    let mut config: Config = plain.parse().map_err(|_| super::meaningless())?;
    let said = |name: &str| parameters.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if ["sslcert", "sslkey"].iter().any(|name| said(name).is_some()) {
        return Err(Fault::Refused("sslcert and sslkey are not known here: sign in by password.".to_owned()));
    }
    if let (None, Some(password)) = (config.get_password(), variable("PGPASSWORD")) {
        config.password(password);
    }
    let roots = said("sslrootcert").or_else(|| variable("PGSSLROOTCERT")).or_else(|| default_root(variable));
    let (roots, is_named) = match roots {
        None => (Roots::System, false),
        Some(word) if word == "system" => (Roots::System, true),
        Some(path) => (Roots::File(path.into()), true),
    };
    let mode = said("sslmode").or_else(|| variable("PGSSLMODE").filter(|_| config.get_ssl_mode() == SslMode::Prefer));
    let mode = mode.unwrap_or_else(|| word(config.get_ssl_mode()).to_owned());
    let (mode, check) = meant(&mode, is_named && roots != Roots::System)?;
    config.ssl_mode(mode);
    Ok(Asked { config, check, roots })
}

/// The URL without the parameters that tokio-postgres does not know, and those.
fn taken_out(url: &str) -> (String, Vec<(String, String)>) {
    let is_url = url.starts_with("postgresql://") || url.starts_with("postgres://");
    let Some((before, query)) = url.split_once('?').filter(|_| is_url) else { return (url.to_owned(), Vec::new()) };
    let is_ours =
        |key: &str| ["sslmode", "sslrootcert", "sslcert", "sslkey"].contains(&key) || OF_OTHERS.contains(&key);
    let (ours, rest): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| is_ours(pair.split('=').next().unwrap_or_default()));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = ours.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let pairs = pairs.map(|(key, value)| (key.to_owned(), decoded(value))).collect();
    (if rest.is_empty() { before.to_owned() } else { format!("{before}?{}", rest.join("&")) }, pairs)
}

/// Where libpq looks when nothing is said.
fn default_root(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let path = PathBuf::from(variable("HOME")?).join(".postgresql/root.crt");
    path.is_file().then(|| path.to_string_lossy().into_owned())
}

const fn word(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        _ => "prefer",
    }
}

fn meant(word: &str, has_file: bool) -> Result<(SslMode, Check), Fault> {
    Ok(match word {
        "disable" => (SslMode::Disable, Check::Nothing),
        "allow" | "prefer" => (SslMode::Prefer, Check::Nothing),
        "no-verify" => (SslMode::Require, Check::Nothing),
        "require" | "verify-ca" if has_file => (SslMode::Require, Check::Chain),
        "require" | "verify-ca" | "verify-full" => (SslMode::Require, Check::Name),
        _ => {
            let known = "disable, allow, prefer, no-verify, require, verify-ca or verify-full";
            return Err(Fault::Refused(format!("sslmode in --url (or PGSSLMODE) is none of {known}.")));
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::{Check, Roots, read};

    fn asked(url: &str) -> (SslMode, Check, Roots) {
        let asked = read(url, &|_| None).unwrap();
        (asked.config.get_ssl_mode(), asked.check, asked.roots)
    }

    #[test]
    fn modes_mean_what_users_of_libpq_expect_and_require_verifies() {
        let of = |mode: &str| asked(&format!("postgresql://u:p@db.example.com/d?sslmode={mode}&application_name=x"));
        assert_eq!(of("disable"), (SslMode::Disable, Check::Nothing, Roots::System));
        assert_eq!(of("prefer"), (SslMode::Prefer, Check::Nothing, Roots::System));
        assert_eq!(of("no-verify"), (SslMode::Require, Check::Nothing, Roots::System));
        assert_eq!(of("require"), (SslMode::Require, Check::Name, Roots::System));
        assert_eq!(
            of("verify-full&sslrootcert=/etc/ca%20x.pem"),
            (SslMode::Require, Check::Name, Roots::File("/etc/ca x.pem".into()))
        );
        assert_eq!(of("require&sslrootcert=ca.pem").1, Check::Chain);
        assert_eq!(
            of("verify-ca&sslrootcert=system").1,
            Check::Name,
            "anybody gets a certificate of a public authority"
        );
        assert_eq!(asked("host=db user=u sslmode=require").1, Check::Name);
        assert!(read("postgresql://u@h/d?sslmode=sometimes", &|_| None).is_err());
    }

    #[test]
    fn a_url_that_is_shared_with_other_clients_is_understood() {
        let url = "postgresql://u:p@h:6543/d?pgbouncer=true&schema=public&sslmode=require&channel_binding=require";
        assert_eq!(asked(url).0, SslMode::Require);
        assert!(read("postgresql://u:p@h/d?nonsense=1", &|_| None).is_err());
    }

    #[test]
    fn variables_say_what_a_url_does_not() {
        let variable = |name: &str| match name {
            "PGPASSWORD" => Some("secret".to_owned()),
            "PGSSLMODE" => Some("verify-full".to_owned()),
            _ => None,
        };
        let asked = read("postgresql://u@h/d", &variable).unwrap();
        assert_eq!(asked.config.get_password(), Some(&b"secret"[..]));
        assert_eq!(asked.check, Check::Name);
        assert_eq!(
            read("postgresql://u@h/d?sslmode=disable", &variable).unwrap().config.get_ssl_mode(),
            SslMode::Disable
        );
    }
}
