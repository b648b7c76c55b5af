//! Telling a secret in a file that must hold none.

use url::Url;

/// What to do with it instead.
pub(super) const ADVICE: &str =
    "Secrets never stand in this file: give them by the environment, as TENANTRY_… or TENANTRY_…_FILE.";

/// Whether people write secrets under such a name. No setting of ours has one.
pub(super) fn is_named(name: &str) -> bool {
    const MARKS: [&str; 8] = ["secret", "password", "passwd", "token", "private", "credential", "_url", "root_key"];
    let name = name.to_ascii_lowercase();
    MARKS.iter().any(|mark| name.contains(mark))
}

/// Whether the text is a secret by its form: a URL with a password, a connection, a private key, an API key.
pub(super) fn is_value(text: &str) -> bool {
    const BEGINNINGS: [&str; 8] =
        ["postgres://", "postgresql://", "smtp://", "smtps://", "redis://", "-----BEGIN", "sk_live_", "sk_test_"];
    let has_password = || Url::parse(text).is_ok_and(|url| url.password().is_some());
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) || has_password()
}
