//! Files that a test writes and a person reads: what differs from the checked-in text fails.

use std::fs;
use std::path::Path;

/// Set to anything, the files are written instead of compared. Read the difference before it is committed.
const ACCEPT: &str = "TENANTRY_ACCEPT";

#[track_caller]
pub(crate) fn expect_file(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    if std::env::var_os(ACCEPT).is_some() {
        fs::write(&file, text).unwrap();
        return;
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).find(|(known, now)| known != now);
    let hint =
        format!("{path} is no longer true. If it should change, run the test with {ACCEPT}=1 and read the difference.");
    assert!(known == text, "{hint}\nFirst difference, known and now:\n{differs:#?}");
}
