//! `docs/claims.md` against what there is: every claim is controlled, tested, attested or open, and every control stands
//! on claims of the list. The ids of this page itself are not counted as a test's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tenantry_custody::posture::{ATTESTED_CLAIM, CONTROLS};

use crate::checked_in::expect_file;

const LIST: &str = "docs/claims.md";
/// Every control is a control of this one: the trust page shows what they found, and nothing beside it.
const OF_ALL: &str = "EV-1";
/// What a claim begins with.
const ROOMS: [&str; 9] = ["ID", "AC", "KEY", "AUD", "RL", "WEB", "EN", "OBS", "EV"];

/// A line of the list.
#[derive(Debug)]
struct Line {
    ids: Vec<String>,
    claim: String,
    here: String,
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let cells: Vec<&str> = text.split('|').map(str::trim).collect();
        let [_, ids, claim, here, _, _] = cells.as_slice() else { return None };
        let ids: Vec<String> = ids.split(", ").map(str::to_owned).collect();
        ids.iter().all(|id| is_claim(id)).then(|| Self { ids, claim: (*claim).to_owned(), here: (*here).to_owned() })
    }

    fn is_open(&self) -> bool {
        self.here.starts_with("not yet")
    }

    fn controls(&self) -> Vec<String> {
        let stands = |claims: &[&str]| self.ids.iter().any(|id| claims.contains(&id.as_str()));
        CONTROLS.iter().filter(|control| stands(control.claims)).map(|control| format!("`{}`", control.id)).collect()
    }

    /// With the controls as they are.
    fn write(&self) -> String {
        let controls = if self.ids == [OF_ALL] { "all".to_owned() } else { self.controls().join(", ") };
        let line = format!("| {} | {} | {} | {controls} |", self.ids.join(", "), self.claim, self.here);
        line.replace("|  |", "| |")
    }
}

#[test]
fn the_list_names_the_controls_of_each_claim() {
    let line = |text: &str| Line::read(text).map_or_else(|| text.to_owned(), |line| line.write()) + "\n";
    expect_file(LIST, &text().lines().map(line).collect::<String>());
}

#[test]
fn no_claim_is_listed_twice() {
    let ids: Vec<String> = lines().into_iter().flat_map(|line| line.ids).collect();
    assert_eq!(ids.len(), known().len());
}

#[test]
fn every_control_stands_on_claims_of_the_list() {
    let known = known();
    for control in CONTROLS {
        for claim in control.claims {
            assert!(known.contains(*claim), "{} stands on {claim}, which {LIST} does not know", control.id);
        }
    }
}

#[test]
fn every_claim_is_controlled_tested_attested_or_open() {
    let cited = cited_in_tests();
    for line in lines().iter().filter(|line| !line.is_open()) {
        for id in &line.ids {
            let is_controlled = CONTROLS.iter().any(|control| control.claims.contains(&id.as_str()));
            let is_held = is_controlled || cited.contains_key(id) || id == ATTESTED_CLAIM || id == OF_ALL;
            assert!(is_held, "{LIST} claims {id}, which no control tries and no test cites");
        }
    }
}

#[test]
fn what_is_open_has_no_control() {
    for line in lines().iter().filter(|line| line.is_open()) {
        assert_eq!(line.controls(), Vec::<String>::new(), "{:?}", line.ids);
    }
}

#[test]
fn no_test_cites_a_claim_that_is_not_listed() {
    let known = known();
    let unknown: BTreeMap<_, _> = cited_in_tests().into_iter().filter(|(id, _)| !known.contains(id)).collect();
    assert!(unknown.is_empty(), "list these in {LIST}, or cite what is there: {unknown:#?}");
}

fn known() -> BTreeSet<String> {
    lines().into_iter().flat_map(|line| line.ids).collect()
}

fn lines() -> Vec<Line> {
    let lines: Vec<Line> = text().lines().filter_map(Line::read).collect();
    assert!(lines.len() > 40, "{LIST} could not be read");
    lines
}

fn text() -> String {
    fs::read_to_string(root().join(LIST)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Claims that test files cite, each with one of the files.
fn cited_in_tests() -> BTreeMap<String, PathBuf> {
    let mut cited = BTreeMap::new();
    for path in test_files() {
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')) {
            if is_claim(word) {
                cited.entry(word.to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
    cited
}

/// `AC-5`
fn is_claim(word: &str) -> bool {
    word.split_once('-').is_some_and(|(room, number)| ROOMS.contains(&room) && number.parse::<u8>().is_ok())
}

fn test_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in ["core", "platform", "identity", "edge", "custody", "tenantry"] {
        files_below(&root().join(name), &mut files);
    }
    let is_named = |path: &Path, name: &str| path.file_name().is_some_and(|file| file == name);
    let is_below = |path: &Path| path.components().any(|part| part.as_os_str() == "tests");
    let is_rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    files
        .retain(|path| is_rust(path) && !is_named(path, "claims.rs") && (is_below(path) || is_named(path, "tests.rs")));
    files
}

fn files_below(place: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, into) } else { into.push(path) }
    }
}
