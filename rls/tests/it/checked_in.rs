//! Parts of pages that a test writes and a person reads: what differs from the checked-in text fails.

use std::fs;
use std::path::Path;

/// Set to anything, the parts are written instead of compared. Read the difference before it is committed.
const ACCEPT: &str = "TENANTRY_ACCEPT";
const FROM: &str = "<!-- measured: from here -->\n";
const TO: &str = "<!-- measured: to here -->\n";

#[track_caller]
pub(crate) fn expect_part(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    let page = fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(FROM).unwrap();
    let (known, after) = rest.split_once(TO).unwrap();
    if std::env::var_os(ACCEPT).is_some() {
        fs::write(&file, format!("{before}{FROM}{text}{TO}{after}")).unwrap();
        return;
    }
    let differs = known.lines().zip(text.lines()).find(|(known, now)| known != now);
    let hint =
        format!("{path} is no longer true. If it should change, run the test with {ACCEPT}=1 and read the difference.");
    assert!(known == text, "{hint}\nFirst difference, known and now:\n{differs:#?}");
}
