//! CSV: whatever is written is read back, and nothing of it is a formula.

use proptest::prelude::*;
use tenantry_core::csv::write_line;

fn line(cells: &[&str]) -> String {
    let mut bytes = Vec::new();
    write_line(&mut bytes, cells.iter().copied());
    String::from_utf8(bytes).expect("texts make a text")
}

#[test]
fn a_formula_is_text() {
    let cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "'x", "plain"];
    let written = "\"'=1+1\",\"'+1\",\"'-1\",\"'@SUM(A1)\",\"'\t=1\",\"' =1\",\"'＝1\",\"''x\",\"plain\"\r\n";
    assert_eq!(line(&cells), written);
}

#[test]
fn marks_of_the_format_stand_within_their_cell() {
    assert_eq!(line(&["a,b", "say \"no\"", "two\nlines", ""]), "\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\"\"\r\n");
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
