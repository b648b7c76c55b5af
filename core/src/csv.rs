//! CSV that a spreadsheet reads as text and never runs (RFC 4180; OWASP, CSV Injection).

use std::fmt::Write as _;

/// What a spreadsheet takes for the beginning of a formula, also behind a tab or a line's end.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes one line. A cell that would begin a formula begins with an apostrophe instead.
pub fn write_line<'a>(into: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            into.push(',');
        }
        write_cell(into, cell);
    }
    into.push_str("\r\n");
}

fn write_cell(into: &mut String, cell: &str) {
    let guard = if cell.starts_with(FORMULA) { "'" } else { "" };
    let is_plain = !cell.contains(['"', ',', '\r', '\n']) && cell.trim() == cell;
    // Writing to a string cannot fail.
    let _ =
        if is_plain { write!(into, "{guard}{cell}") } else { write!(into, "\"{guard}{}\"", cell.replace('"', "\"\"")) };
}
