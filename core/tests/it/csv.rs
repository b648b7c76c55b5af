//! CSV: whatever is written is read back, and nothing of it is a formula.

use proptest::prelude::*;
use tenantry_core::csv::write_line;

fn line(cells: &[&str]) -> String {
    let mut text = String::new();
    write_line(&mut text, cells.iter().copied());
    text
}

#[test]
fn a_formula_is_text() {
    assert_eq!(line(&["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "plain"]), "'=1+1,'+1,'-1,'@SUM(A1),\"'\t=1\",plain\r\n");
    assert_eq!(line(&["=HYPERLINK(\"https://a.b\",\"x\")"]), "\"'=HYPERLINK(\"\"https://a.b\"\",\"\"x\"\")\"\r\n");
}

#[test]
fn cells_with_marks_of_the_format_are_quoted() {
    assert_eq!(
        line(&["a,b", "say \"no\"", "two\nlines", " space", ""]),
        "\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\" space\",\r\n"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_and_begins_no_formula(cells in proptest::collection::vec(".{0,12}", 1..5)) {
        let read = read(&line(&cells.iter().map(String::as_str).collect::<Vec<_>>()));
        prop_assert_eq!(read.len(), cells.len());
        for (read, written) in read.iter().zip(&cells) {
            prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert!(read == written || read.strip_prefix('\'') == Some(written));
        }
    }
}

/// RFC 4180, read strictly.
fn read(text: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.strip_suffix("\r\n").unwrap_or(text).chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}
