//! Names that say that their value is a secret, or a person's.

/// Each by itself makes a name sensitive.
const SECRET: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "authorization",
    "authtoken",
    "bearer",
    "clientsecret",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "csrf",
    "cvc",
    "cvv",
    "iban",
    "idtoken",
    "jwt",
    "mobile",
    "msisdn",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "phone",
    "pin",
    "privatekey",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "secrets",
    "sessiontoken",
    "setcookie",
    "sig",
    "signature",
    "ssn",
    "token",
    "tokens",
    "totp",
    "verifier",
    "xsrf",
];
/// Before `key` they make a secret; `primary_key` and `sort_key` are none.
const KEY_KINDS: &[&str] =
    &["access", "api", "auth", "encryption", "master", "private", "root", "session", "shared", "signing", "webhook"];
/// Before `number` they make something personal.
const NUMBER_KINDS: &[&str] = &["account", "card", "passport"];
/// Before `code` they make it harmless.
const PLAIN_CODES: &[&str] = &[
    "area", "charset", "close", "country", "currency", "error", "event", "exit", "http", "language", "locale",
    "postal", "promo", "reason", "region", "response", "return", "sql", "state", "status", "zip",
];
/// As the last word they speak about a secret without showing it.
const ABOUT: &[&str] = &[
    "at", "bytes", "chars", "count", "enabled", "expires", "expiry", "kind", "len", "length", "limit", "max", "method",
    "min", "policy", "required", "status", "ttl", "type", "used", "verified",
];

/// Whether a field, header, parameter or cookie of this name is never shown.
///
/// The name is read word by word (`access_token`, `accessToken`, `Access-Token`, `ACCESS_TOKEN`).
pub fn is_sensitive_name(name: &str) -> bool {
    // Cookies with these prefixes are ours or some other system's session.
    if name.starts_with("__Host-") || name.starts_with("__Secure-") {
        return true;
    }
    let (mut previous, mut found) = ("", false);
    for word in Words(name) {
        found |= is_secret(previous, word);
        previous = word;
    }
    found && !is_in(ABOUT, previous)
}

fn is_secret(previous: &str, word: &str) -> bool {
    match word.len() {
        3 if word.eq_ignore_ascii_case("key") => is_in(KEY_KINDS, previous),
        4 if word.eq_ignore_ascii_case("code") => !is_in(PLAIN_CODES, previous),
        6 if word.eq_ignore_ascii_case("number") => is_in(NUMBER_KINDS, previous),
        len => may_be_secret(len, word.as_bytes()[0]) && is_in(SECRET, word),
    }
}

/// For each first letter the lengths of the words in [`SECRET`], one bit each: most names end here.
const LENGTHS: [u32; 26] = {
    let mut lengths = [0; 26];
    let mut at = 0;
    while at < SECRET.len() {
        let word = SECRET[at].as_bytes();
        lengths[(word[0] - b'a') as usize] |= 1 << word.len();
        at += 1;
    }
    lengths
};

fn may_be_secret(len: usize, first: u8) -> bool {
    let lengths = LENGTHS.get(usize::from(first.to_ascii_lowercase().wrapping_sub(b'a')));
    len < 32 && lengths.is_some_and(|lengths| lengths >> len & 1 == 1)
}

fn is_in(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.len() == word.len() && known.eq_ignore_ascii_case(word))
}

/// The words of a name, cut at punctuation and at the humps of camel case.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self.0.find(|c: char| c.is_ascii_alphanumeric())?;
        let text = &self.0[start..];
        let bytes = text.as_bytes();
        let end = (1..bytes.len()).find(|at| is_edge(bytes, *at)).unwrap_or(bytes.len());
        // An edge is an ASCII byte or the first byte of a character: both are boundaries.
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        Some(word)
    }
}

/// Between `s` and `T` of `accessToken`, between `I` and `K` of `APIKey`, at anything but letters and digits.
fn is_edge(bytes: &[u8], at: usize) -> bool {
    let (before, here) = (bytes[at - 1], bytes[at]);
    let hump = here.is_ascii_uppercase() && !before.is_ascii_uppercase();
    let last_capital = here.is_ascii_uppercase() && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    !here.is_ascii_alphanumeric() || hump || last_capital
}
