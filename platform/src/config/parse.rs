//! Forms of single values. The message says what the value has to look like.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use url::Url;

use super::upstream::Upstream;

/// A parsed value, or what was expected instead.
pub(super) type Parsed<T> = Result<T, String>;

/// Longest name that still fits a page's head and a mail's subject.
const NAME_CHARS_MAX: usize = 60;
/// Longest value of a header that the configuration sets.
const HEADER_BYTES_MAX: usize = 4096;
/// A logo travels with every page.
const LOGO_BYTES_MAX: usize = 32 * 1024;
/// A sentence, not an essay: it is printed in a table.
const SENTENCE_CHARS_MAX: usize = 200;

fn expect<T>(value: Option<T>, what: &str) -> Parsed<T> {
    value.ok_or_else(|| what.to_owned())
}

pub(super) fn name(text: &str) -> Parsed<String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= NAME_CHARS_MAX && !text.contains(char::is_control);
    expect(fits.then(|| text.trim().to_owned()), "write a name of 1 to 60 characters, on one line")
}

pub(super) fn sentence(text: &str) -> Parsed<String> {
    let fits =
        !text.trim().is_empty() && text.chars().count() <= SENTENCE_CHARS_MAX && !text.contains(char::is_control);
    expect(fits.then(|| text.trim().to_owned()), "write a sentence of 1 to 200 characters, on one line")
}

/// What our own policy lets an `img` show: nothing from elsewhere.
pub(super) fn logo(text: &str) -> Parsed<String> {
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
    let is_image = text.starts_with("data:image/");
    let fits = text.len() <= LOGO_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    expect(
        ((is_path || is_image) && fits).then(|| text.to_owned()),
        "write data:image/… of at most 32 KiB, or a path of the same host",
    )
}

/// One label of a host (RFC 1123), in lower case.
pub(super) fn label(text: &str) -> Parsed<String> {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    let inside = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    let is_label =
        bytes.len() <= 63 && is_edge(bytes.first()) && is_edge(bytes.last()) && inside && !text.contains("--");
    expect(
        is_label.then(|| text.to_owned()),
        "write one label of a host: lower-case letters, digits and single dashes inside",
    )
}

/// A domain without scheme, port or dot at the end.
pub(super) fn host(text: &str) -> Parsed<String> {
    let is_host = text.len() <= 200 && text.split('.').all(host_label) && text.parse::<std::net::IpAddr>().is_err();
    expect(
        is_host.then(|| text.to_owned()),
        "write a domain alone, in lower case: example.com, without https://, port or a dot at the end",
    )
}

fn host_label(text: &str) -> bool {
    label(text).is_ok() || (text.starts_with("xn--") && label(&text.replacen("--", "-", 1)).is_ok())
}

pub(super) fn socket(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| "write an address with its port: 0.0.0.0:8080 or [::]:8080".to_owned())
}

/// A file by its whole path: what it is does not depend on where somebody stands.
pub(super) fn file(text: &str) -> Parsed<PathBuf> {
    expect(text.starts_with('/').then(|| PathBuf::from(text)), "write the file's whole path: /etc/tenantry/tls.pem")
}

/// The same, where nothing is written for none.
pub(super) fn file_or_none(text: &str) -> Parsed<Option<PathBuf>> {
    if text.is_empty() { Ok(None) } else { file(text).map(Some) }
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Parsed<IpNet> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    let network = parsed.map_err(|_| "write a network as 10.0.0.0/8, or one address".to_owned())?;
    if network.trunc() != network {
        return Err(format!("the network's own address is {}; write that, or a longer prefix", network.trunc()));
    }
    Ok(network)
}

/// Where a collector listens. What it wants to know of us is a secret, and stands in no address.
pub(super) fn collector(text: &str) -> Parsed<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_plain = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
    });
    expect(url, "write http://host:4318 or https://host, without user, query and /v1/traces")
}

pub(super) fn upstream(text: &str) -> Parsed<Upstream> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = expect(
            Some(path).filter(|path| path.starts_with('/')),
            "write the socket's whole path: unix:/run/app.sock",
        )?;
        return Ok(Upstream::Unix(PathBuf::from(path)));
    }
    let expected = "write unix:/path/to/socket, http://host:port or https://host:port, without a path or a password";
    let url = Url::parse(text).map_err(|_| expected.to_owned())?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = expect(url.host_str().filter(|_| is_bare), expected)?.to_owned();
    match (url.scheme(), url.port_or_known_default()) {
        ("http", Some(port)) => Ok(Upstream::Http { host, port }),
        ("https", Some(port)) => Ok(Upstream::Https { host, port }),
        _ => Err(expected.to_owned()),
    }
}

/// `https://host`, as a browser sends it in `Origin`.
pub(super) fn origin(text: &str) -> Parsed<String> {
    let expected =
        "write an origin as browsers send it: https://app.example.com, without a path, or * alone for every site";
    let url = Url::parse(text).map_err(|_| expected.to_owned())?;
    let is_web = matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == text;
    expect(is_web.then(|| text.to_owned()), expected)
}

/// The value of a header: visible, on one line.
pub(super) fn header_value(text: &str) -> Parsed<String> {
    let fits = text.len() <= HEADER_BYTES_MAX && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    expect(fits.then(|| text.to_owned()), "write ASCII on one line, at most 4096 characters")
}

/// An audience: one word that tokens carry (RFC 7519, section 4.1.3).
pub(super) fn audience(text: &str) -> Parsed<String> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    expect(fits.then(|| text.to_owned()), "write 1 to 200 visible ASCII characters without spaces")
}

/// `Name <who@example.com>` or the address alone.
pub(super) fn mailbox(text: &str) -> Parsed<String> {
    let parsed = text.parse::<lettre::message::Mailbox>();
    parsed.map(|_| text.to_owned()).map_err(|_| "write who@example.com, or Acme <who@example.com>".to_owned())
}

/// Where a stranger reports a weakness (RFC 9116, section 2.5.3).
pub(super) fn contact(text: &str) -> Parsed<String> {
    let is_contact = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "mailto" | "https" | "tel"));
    expect(
        (is_contact && is_line(text)).then(|| text.to_owned()),
        "write mailto:security@example.com, an https:// address or tel:",
    )
}

pub(super) fn link(text: &str) -> Parsed<String> {
    let is_link = Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.password().is_none());
    expect((is_link && is_line(text)).then(|| text.to_owned()), "write an https:// address")
}

/// The reader of addresses leaves line breaks out; in security.txt each would begin a field of its own.
fn is_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// A day of the calendar, in UTC.
pub(super) fn day(text: &str) -> Parsed<jiff::civil::Date> {
    let day = text.parse().ok().filter(|day: &jiff::civil::Date| day.to_string() == text);
    expect(day, "write a day as 2026-06-15")
}

/// `30s`, `5m`, `24h` or `7d`.
pub(super) fn span(text: &str) -> Parsed<Duration> {
    let unit_s = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => 0,
    };
    let digits = text.get(..text.len().saturating_sub(1)).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let count = digits.and_then(|digits| digits.parse::<u32>().ok()).filter(|_| unit_s > 0);
    expect(count.map(|count| Duration::from_secs(u64::from(count) * unit_s)), "write a time as 30s, 5m, 24h or 7d")
}

pub(super) fn time(text: &str) -> Parsed<Timestamp> {
    text.parse().map_err(|_| "write a time as 2027-06-30T00:00:00Z".to_owned())
}

/// A source of a content security policy (CSP 3, section 2.3.1), without those that undo it.
pub(super) fn csp_source(text: &str) -> Parsed<String> {
    const WORDS: [&str; 6] = ["'self'", "'none'", "'wasm-unsafe-eval'", "data:", "blob:", "https:"];
    let is_source = WORDS.contains(&text) || csp_hash(text) || csp_host(text);
    expect(
        is_source.then(|| text.to_owned()),
        "write 'self', data:, blob:, a host such as https://cdn.example.com, or the 'sha256-…' of a script; \
         * and 'unsafe-…' undo the policy",
    )
}

/// `'sha256-…'` in base64 (CSP 3, section 2.3.1): what `csp = "hashes"` trusts inline.
fn csp_hash(text: &str) -> bool {
    let hash = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).and_then(|hash| hash.split_once('-'));
    let is_base64 = |hash: &str| hash.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    hash.is_some_and(|(algorithm, hash)| match algorithm {
        "sha256" => hash.len() == 44 && is_base64(hash),
        "sha384" => hash.len() == 64 && is_base64(hash),
        "sha512" => hash.len() == 88 && is_base64(hash),
        _ => false,
    })
}

fn csp_host(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let authority = rest.split('/').next().unwrap_or_default();
    let name = authority.split(':').next().unwrap_or_default();
    let is_name = host(name.strip_prefix("*.").unwrap_or(name)).is_ok() && (name.contains('.') || name == "localhost");
    let is_plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/*%@+=".contains(&b));
    matches!(scheme, "https" | "http" | "wss" | "ws") && is_name && is_plain
}
