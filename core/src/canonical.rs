//! Bytes that mean one thing: length-prefixed fields, and JSON with one spelling.
//!
//! What is hashed, signed or bound to a ciphertext is written here, so that no two different
//! values ever give the same bytes: `("ab", "c")` and `("a", "bc")` differ.

use serde_json::{Number, Value};

/// Collects fields in a fixed order, each preceded by its length in bytes (u32, big-endian).
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// Starts with a name and version of the layout, so that layouts never collide.
    pub fn new(layout: &str) -> Self {
        Self::default().bytes(layout.as_bytes())
    }

    /// Adds a field.
    ///
    /// # Panics
    /// On a field above 4 GiB, which no caller can hold.
    #[must_use]
    pub fn bytes(mut self, field: &[u8]) -> Self {
        let len = u32::try_from(field.len()).expect("a field is shorter than 4 GiB");
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(field);
        self
    }

    /// Adds a text field, in UTF-8.
    #[must_use]
    pub fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// Adds a number: eight bytes, big-endian, two's complement.
    #[must_use]
    pub fn number(self, field: i64) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    /// Adds a field that may be missing: absent and empty differ.
    #[must_use]
    pub fn optional(mut self, field: Option<&[u8]>) -> Self {
        self.0.push(u8::from(field.is_some()));
        match field {
            Some(bytes) => self.bytes(bytes),
            None => self,
        }
    }

    /// The bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The finished bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// JSON with sorted keys, no spaces and one spelling of each number.
///
/// A value gives the same text before it is stored as `jsonb` and after it is read back, whatever
/// PostgreSQL does to key order, `1.0` or `1e3`. Keys are sorted by their UTF-8 bytes.
pub fn json(value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value);
    out
}

fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => write_list(out, '[', ']', items, write_json),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| key.as_str());
            write_list(out, '{', '}', &members, |out, (key, value)| {
                write_string(out, key);
                out.push(':');
                write_json(out, value);
            });
        }
        Value::Number(number) => out.push_str(&spelled(number)),
        Value::String(text) => write_string(out, text),
        Value::Bool(_) | Value::Null => out.push_str(&value.to_string()),
    }
}

fn write_list<T>(out: &mut String, open: char, close: char, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}

fn write_string(out: &mut String, text: &str) {
    out.push_str(&Value::from(text).to_string());
}

/// Whole numbers within 64 bits are written as such, however they were read, because `jsonb` keeps
/// `1.0` and `1e17` as digits that come back as integers; all others as the shortest exponent form.
fn spelled(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    if float.fract() != 0.0 || float.abs() >= 18_446_744_073_709_551_616.0 {
        return format!("{float:e}");
    }
    // Whole and below 2^64: an i128 holds it exactly, and -0.0 becomes 0.
    (float as i128).to_string()
}
