//! CSV as RFC 4180 writes it, with cells that no spreadsheet takes for a formula (OWASP, CSV Injection).
//!
//! Every cell stands in quotation marks, so that no separator of any country ends it. A cell that would begin a formula
//! gets an apostrophe in front; so does one that begins with an apostrophe, and taking one apostrophe away from
//! the front of a cell gives back what was written, always.

/// Writes one line.
pub fn write_line<'a>(page: &mut Vec<u8>, cells: impl IntoIterator<Item = &'a str>) {
    for (at, text) in cells.into_iter().enumerate() {
        if at > 0 {
            page.push(b',');
        }
        cell(page, text);
    }
    page.extend_from_slice(b"\r\n");
}

fn cell(page: &mut Vec<u8>, text: &str) {
    page.push(b'"');
    if is_formula(text) {
        page.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            page.push(b'"');
        }
        page.push(byte);
    }
    page.push(b'"');
}

/// Whether a spreadsheet may calculate it. Some trim what comes before, some take full-width signs for the narrow ones.
fn is_formula(text: &str) -> bool {
    let is_blank =
        |sign: char| sign.is_whitespace() || sign.is_control() || matches!(sign, '\u{feff}' | '\u{200b}'..='\u{200f}');
    let begins = |sign: char| {
        matches!(sign, '=' | '+' | '-' | '@' | '\'' | '＝' | '＋' | '－' | '＠' | '−' | '﹢' | '﹣' | '﹦' | '﹫')
    };
    let first = text.chars().next();
    first.is_some_and(|sign| matches!(sign, '\t' | '\r' | '\n'))
        || text.trim_start_matches(is_blank).starts_with(begins)
}
