//! Who makes the proofs: principals are vouched for, and permits given without one, in few places that are known
//! by name (AC-1, AC-3, AC-6).

use std::collections::BTreeSet;
use std::fs;

use crate::checked_in::expect_file;
use crate::house::{relative, sources};

/// `Principal::vouch(…)`, and `Permit::<P, M>::system(…)` however it is written.
const PROOFS: [&str; 2] = ["::vouch(", "::system("];
/// Other things that the system has.
const NO_PERMITS: [&str; 3] = ["Actor", "Clock", "Entropy"];

/// A new line in the file is a new way around the guard: it needs a reason that a reader believes.
#[test]
fn proofs_are_made_where_the_list_says() {
    let mut found = BTreeSet::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        for proof in PROOFS {
            let makes =
                text.match_indices(proof).any(|(at, _)| !NO_PERMITS.iter().any(|other| text[..at].ends_with(other)));
            if makes && !is_test(&relative(&path)) {
                found.insert(format!("{} {}\n", proof.trim_matches([':', '(']), relative(&path)));
            }
        }
    }
    expect_file("tenantry/tests/it/proofs.txt", &found.into_iter().collect::<String>());
}

/// The kit's permits are for tests; the binary is built without them, and no source but a test names them.
#[test]
fn minted_permits_are_in_tests_alone() {
    let mints = |text: &str| text.contains(concat!("::", "minted("));
    let found: Vec<String> =
        sources().iter().filter(|path| mints(&fs::read_to_string(path).unwrap())).map(|path| relative(path)).collect();
    assert!(found.len() > 2, "the tests mint permits: {found:?}");
    let elsewhere: Vec<_> = found.iter().filter(|path| !is_test(path) && !path.contains("/examples/")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}
