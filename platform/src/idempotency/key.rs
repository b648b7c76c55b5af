//! The header, read strictly: nobody may have to guess which key was meant.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::HEADER;
use crate::problem::{Kind, Problem};

/// A UUID has 36 characters; what programs make of several ids fits too.
const CHARS_MOST: usize = 255;

/// SHA-256 of a key. The key itself is not kept: some programs write an address there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The key of the one header, as the draft writes it (`"8e03978e…"`, a string of RFC 8941) or bare, as Stripe's
/// clients do. Both spellings are the same key.
///
/// # Errors
/// 400 for two headers and for what is neither.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let mut lines = headers.get_all(HEADER).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let text = line.to_str().ok().filter(|_| lines.next().is_none());
    let key = text.and_then(parse).ok_or_else(malformed)?;
    Ok(Some(Key(Sha256::digest(key.as_bytes()).into())))
}

fn parse(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"') {
        Some(rest) => unquote(rest.strip_suffix('"')?)?,
        // A comma may be the seam of two headers that a proxy put together.
        None if text.contains(['"', '\\', ',']) => return None,
        None => text.to_owned(),
    };
    let fits = (1..=CHARS_MOST).contains(&key.len());
    (fits && key.bytes().all(|byte| byte.is_ascii_graphic())).then_some(key)
}

/// What stands between the quotation marks: `\"` and `\\` are the only escapes (RFC 8941, section 3.3.3).
fn unquote(inner: &str) -> Option<String> {
    let (mut key, mut rest) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(char) = rest.next() {
        match char {
            '\\' => key.push(rest.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            '"' => return None,
            plain => key.push(plain),
        }
    }
    Some(key)
}

fn malformed() -> Problem {
    let sentence = format!(
        "Send one `Idempotency-Key` of 1 to {CHARS_MOST} visible ASCII characters, such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\"."
    );
    Problem::new(Kind::Malformed, sentence).code("idempotency_key_malformed")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(lines: &[&str]) -> Result<Option<Key>, u16> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        read(&headers).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn the_drafts_spelling_and_the_bare_one_are_the_same_key() {
        assert_eq!(of(&["\"8e03-978e\""]), of(&["8e03-978e"]));
        assert_eq!(of(&[r#""a\"b\\c""#]).map(|key| key.is_some()), Ok(true));
        assert_ne!(of(&["8e03-978e"]), of(&["8e03-978f"]));
        assert_eq!(of(&[]), Ok(None));
    }

    #[test]
    fn what_could_mean_two_keys_or_none_is_refused() {
        let long = "k".repeat(CHARS_MOST + 1);
        let odd = [
            "",
            "\"",
            "\"\"",
            "a b",
            "\"a b\"",
            "a,b",
            "a\"b",
            "\"a\"b\"",
            "\"a\\b\"",
            "\"a\";p=1",
            "schlüssel",
            &long,
        ];
        for line in odd {
            assert_eq!(of(&[line]), Err(400), "{line}");
        }
        assert_eq!(of(&["one", "one"]), Err(400), "two headers, even of one text");
        assert!(of(&[&"k".repeat(CHARS_MOST)]).is_ok());
    }
}
