//! Every verb tells the app what it did, in a kind of event that is documented (EV-1).

use std::collections::BTreeSet;
use std::fs;

use tenantry_platform::events;

use crate::checked_in::expect_file;
use crate::house::{relative, sources};

/// Acts that an audit row keeps and no event tells, and why. The list only shrinks.
const UNTOLD: &[(&str, &str)] = &[
    ("person.verified", "`user.created` tells of it"),
    ("person.created", "`user.created` tells of it"),
    ("person.imported", "`user.created` tells of it"),
    ("session.refused", "nothing changed, and a stranger who guesses must not fill an app's queue"),
    ("user.password_reset_asked", "nothing changed; strangers ask too"),
    ("user.email_change_asked", "nothing changed until the new address is confirmed"),
    ("audit.exported", "reading changes nothing that an app could keep"),
    ("posture.tried", "always rolled back"),
];

/// Acts whose word stands elsewhere than in the call that makes them.
const SAID_ELSEWHERE: &[(&str, &str)] =
    &[("custody/src/audit/observe.rs", "what the gateway saw and counted: nothing was changed by it")];

#[test]
fn the_documentation_is_what_the_registry_says() {
    expect_file("docs/events.md", &events::document());
}

#[test]
fn each_kind_is_told_apart_and_says_what_each_field_means() {
    let kinds = events::registered();
    let words: BTreeSet<&str> = kinds.iter().map(|kind| kind.word).collect();
    assert!(words.len() > 8 && words.len() == kinds.len(), "{words:?}");
    for kind in kinds {
        assert!(
            kind.says.ends_with('.') && kind.fields.iter().all(|field| field.means.ends_with('.')),
            "{}",
            kind.word
        );
        assert!(kind.word.split('.').count() == 2 && !kind.fields.is_empty(), "{}", kind.word);
    }
}

/// An act is told by an event of the same word; where it is not, somebody has said why.
#[test]
fn each_audited_act_has_its_event_or_a_reason() {
    let told: BTreeSet<&str> = events::registered().into_iter().map(|kind| kind.word).collect();
    let exempt: BTreeSet<&str> = UNTOLD.iter().map(|(word, _)| *word).collect();
    let acts = acts();
    let silent: Vec<_> = acts.iter().filter(|(act, _)| !told.contains(&**act) && !exempt.contains(&**act)).collect();
    assert!(silent.is_empty(), "declare the event, emit it beside the audit row, or say here why not: {silent:#?}");
    let stale: Vec<_> = exempt.iter().filter(|word| acts.iter().all(|(act, _)| act != *word)).collect();
    assert!(stale.is_empty(), "no longer an act: {stale:?}");
}

/// The words of `Act::new("…"` in every source that is no test, with the file.
fn acts() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for path in sources() {
        let (text, name) = (fs::read_to_string(&path).unwrap(), relative(&path));
        if name.contains("/tests/") || name.ends_with("/tests.rs") || name.contains("/examples/") {
            continue;
        }
        for (_, call) in text.match_indices("Act::new(").map(|(at, call)| (at, &text[at + call.len()..])) {
            match call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                Some((word, _)) => drop(found.insert((word.to_owned(), name.clone()))),
                None => {
                    assert!(SAID_ELSEWHERE.iter().any(|(file, _)| *file == name), "{name}: write the act's word out")
                }
            }
        }
    }
    found
}
