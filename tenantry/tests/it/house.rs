//! The rules of the house that no compiler knows: which crate may see which, how long things may be, and that
//! no lint is silenced without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Who may depend on whom. Arrows point down; the three areas never see each other. A new arrow is a decision:
/// it gets a page in `docs/decisions/` and a place here.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("platform", &["core"]),
    ("identity", &["core", "platform"]),
    ("edge", &["core", "platform"]),
    ("custody", &["core", "platform"]),
    ("rls", &["core", "platform"]), // platform in its tests alone: their private cluster
    ("tenantry", &["core", "platform", "identity", "edge", "custody", "rls"]),
];

const LONGEST_FUNCTION_LINES: usize = 70;
const LONGEST_FILE_LINES: usize = 600;

#[test]
fn no_crate_depends_against_the_arrows() {
    let drawn: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let workspace = manifest(&root().join("Cargo.toml"));
    let members: BTreeSet<_> = workspace["workspace"]["members"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(members, drawn.keys().copied().collect(), "every crate has its place among the arrows");
    for member in members {
        let manifest = manifest(&root().join(member).join("Cargo.toml"));
        let ours = siblings(&manifest).into_iter().filter(|name| name != member);
        let against: Vec<_> = ours.filter(|name| !drawn[member].contains(&name.as_str())).collect();
        assert!(against.is_empty(), "{member} must not depend on {against:?}");
    }
}

#[test]
fn long_functions_and_files_are_known_by_name() {
    let found: BTreeSet<_> = sources().iter().flat_map(|path| too_long(path)).collect();
    let known: BTreeSet<_> = exceptions().into_keys().collect();
    let new: Vec<_> = found.difference(&known).collect();
    let stale: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty(), "over the limit: shorten, or add with a reason to {EXCEPTIONS}: {new:#?}");
    assert!(stale.is_empty(), "no longer over the limit: remove from {EXCEPTIONS}: {stale:#?}");
}

#[test]
fn every_exception_has_a_reason() {
    let bare: Vec<_> = exceptions().into_iter().filter(|(_, reason)| reason.is_empty()).collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    let silencers = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut found = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let guilty = |line: &str| silencers.iter().any(|silencer| line.trim_start().starts_with(silencer));
        found.extend(text.lines().enumerate().filter(|(_, line)| guilty(line)).map(|(at, _)| named(&path, at + 1)));
    }
    assert!(found.is_empty(), "use #[expect(lint, reason = \"…\")]: {found:#?}");
}

/// Which of our crates a manifest names, in whatever table of dependencies.
fn siblings(manifest: &Table) -> Vec<String> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let dependencies = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()));
    let names = dependencies.flat_map(|of_kind| of_kind.iter().map(|(key, value)| real_name(key, value)));
    names.filter_map(|name| name.strip_prefix("tenantry-").map(str::to_owned)).collect()
}

/// A dependency may be renamed: `ground = { package = "tenantry-platform" }`.
fn real_name(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

/// The file, when it is too long, and each of its functions that is.
fn too_long(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let file = (lines.len() > LONGEST_FILE_LINES).then(|| relative(path));
    let functions = (0..lines.len()).filter_map(|at| Some((function_name(lines[at])?, length(&lines[at..])?)));
    let long = functions.filter(|(_, length)| *length > LONGEST_FUNCTION_LINES);
    file.into_iter().chain(long.map(|(name, _)| format!("{}::{name}", relative(path)))).collect()
}

/// The name, when a function begins on this line: `pub(super) const fn name<T>(…`.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = before.split_whitespace();
    let mut modifiers = words.map(|word| word.split('(').next().unwrap_or(word));
    let is_function = modifiers.all(|word| matches!(word, "pub" | "const" | "async" | "unsafe" | "extern" | "in"));
    let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (is_function && !name.is_empty()).then_some(name)
}

/// From the line of `fn` to its closing brace, which rustfmt puts at the same indent. A declaration has none.
fn length(lines: &[&str]) -> Option<usize> {
    if lines[0].ends_with(['}', ';']) {
        return Some(1);
    }
    let indent = lines[0].len() - lines[0].trim_start().len();
    let close = format!("{}}}", " ".repeat(indent));
    lines.iter().position(|line| *line == close).map(|at| at + 1)
}

/// Every Rust file of the workspace.
pub(crate) fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (member, _) in ARROWS {
        collect(&root().join(member), &mut found);
    }
    found.sort();
    assert!(found.len() > ARROWS.len(), "the workspace has sources");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

const EXCEPTIONS: &str = "tenantry/tests/it/house-exceptions.txt";

/// `path` or `path::function`, blank, `#`, reason; by line.
fn exceptions() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join(EXCEPTIONS)).unwrap();
    let entries = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parts = entries.map(|line| line.split_once('#').unwrap_or((line, "")));
    parts.map(|(name, reason)| (name.trim().to_owned(), reason.trim().to_owned())).collect()
}

fn manifest(path: &Path) -> Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn named(path: &Path, line: usize) -> String {
    format!("{}:{line}", relative(path))
}

pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
