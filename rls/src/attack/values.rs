//! A value for a column of any type, and others where its checks refuse the first.

use super::facts::Facts;
use super::harvest;
use super::identity::{Side, base};
use super::pattern;
use crate::catalog::Column;
use crate::name::literal;

/// Where addresses of seeded rows are.
pub(super) const MAIL_DOMAIN: &str = "example.com";

/// What a column is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Value {
    Text(String),
    Null,
    Default,
}

impl Value {
    pub(super) fn sql(&self) -> String {
        match self {
            Self::Text(text) => literal(text),
            Self::Null => "null".to_owned(),
            Self::Default => "default".to_owned(),
        }
    }
}

/// What a value is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell<'a> {
    pub(super) column: &'a Column,
    pub(super) side: Side,
    /// The number of the row; equal numbers on both sides have equal natural keys.
    pub(super) row: usize,
    /// A number of the table, small and its own.
    pub(super) table: usize,
    /// Whether it is part of a unique key, so that no two rows have it.
    pub(super) is_key: bool,
    /// Whether that key has the tenant in it, so that both tenants may have it.
    pub(super) is_shared: bool,
    /// The later of two instants, as by name.
    pub(super) is_late: bool,
}

impl Cell<'_> {
    fn serial(&self) -> usize {
        let side = usize::from(self.side == Side::B && !self.is_shared);
        (self.table % 500) * 400 + (self.row % 190) * 2 + side
    }

    /// A text that is nowhere else in the database.
    pub(super) fn canary(&self) -> String {
        let side = if self.is_shared { 'k' } else { self.side.letter() };
        format!("canary_{side}_{}_{}_{}", self.table, self.row, self.column.number)
    }
}

/// What columns are called that say when a row came to its end.
const OVER: &[&str] =
    &["deleted", "archived", "revoked", "disabled", "cancel", "removed", "suspended", "ended", "closed"];

/// Values that the column may take, the most telling first.
pub(super) fn candidates(cell: Cell<'_>, facts: &Facts, checks: &[&str]) -> Vec<Value> {
    let type_name = cell.column.type_name.as_str();
    let domain_checks = facts.checks(type_name);
    let checks: Vec<&str> = checks.iter().copied().chain(domain_checks).collect();
    let mut texts = of_type(cell, facts, facts.base(type_name), &checks);
    texts.dedup();
    let mut values: Vec<Value> = texts.into_iter().map(Value::Text).collect();
    // What is there when nobody says anything is what most rows have.
    let usual =
        cell.column.default.as_deref().is_some_and(|text| text.starts_with('\'') || matches!(text, "true" | "false"));
    match &cell.column.default {
        Some(_) if usual && !cell.is_key => values.insert(0, Value::Default),
        Some(_) => values.push(Value::Default),
        None => {}
    }
    if !cell.column.is_not_null {
        // Most rows are not over yet.
        let name = cell.column.name.to_ascii_lowercase();
        let is_over = OVER.iter().any(|word| name.contains(word)) && !cell.is_key;
        values.insert(if is_over { 0 } else { values.len() }, Value::Null);
    }
    if values.is_empty() {
        values.push(Value::Default);
    }
    values
}

fn of_type(cell: Cell<'_>, facts: &Facts, type_name: &str, checks: &[&str]) -> Vec<String> {
    if let Some(element) = type_name.strip_suffix("[]") {
        return arrays(of_type(cell, facts, element, checks));
    }
    if let Some(fact) = facts.of_type(type_name).filter(|fact| !fact.labels.is_empty()) {
        return fact.labels.clone();
    }
    let serial = cell.serial();
    match base(type_name) {
        "text" | "character varying" | "character" | "name" | "public.citext" | "citext" => {
            texts(cell, type_name, checks)
        }
        "uuid" => vec![uuid(cell)],
        "smallint" => numbers(if cell.is_key { 3_000 + serial % 29_000 } else { 3 }, checks),
        "integer" => numbers(if cell.is_key { 1_900_000_000 + serial } else { 3 }, checks),
        "bigint" => numbers(if cell.is_key { 8_100_000_000 + serial } else { 3 }, checks),
        "numeric" | "double precision" | "real" | "money" => {
            numbers(if cell.is_key { 3 + serial % 900 } else { 3 }, checks)
        }
        "oid" => vec![(3_000_000_000 + serial).to_string()],
        "boolean" => vec!["true".to_owned(), "false".to_owned()],
        "bytea" => vec![format!("\\x{}", hex(&cell.canary()))],
        "json" | "jsonb" => documents(cell, checks),
        other => instants(cell, other).unwrap_or_else(|| rare(cell, other)),
    }
}

fn arrays(elements: Vec<String>) -> Vec<String> {
    let quoted = |text: &String| format!("{{\"{}\"}}", text.replace('\\', "\\\\").replace('"', "\\\""));
    elements.iter().take(4).map(quoted).chain(["{}".to_owned()]).collect()
}

fn uuid(cell: Cell<'_>) -> String {
    let side = if cell.is_shared { 'c' } else { cell.side.letter() };
    let letters: String = std::iter::repeat_n(side, 4).collect();
    format!("{letters}{:04x}-{:04x}-4000-8000-{:012x}", cell.table, cell.column.number, cell.row + 1)
}

fn numbers(first: usize, checks: &[&str]) -> Vec<String> {
    let first = i64::try_from(first).unwrap_or(3);
    let mut found = vec![first];
    let asked: Vec<i64> = checks.iter().flat_map(|check| harvest::numbers(check)).collect();
    if let (Some(least), Some(most)) = (asked.iter().min(), asked.iter().max()) {
        // Between bounds, and another for every row.
        found.extend((most > least).then(|| least + first.rem_euclid(most - least)));
    }
    for number in checks.iter().flat_map(|check| harvest::numbers(check)) {
        found.extend([number, number.saturating_add(1), number.saturating_sub(1)]);
    }
    found.extend([1, 0, 10, 100, -1]);
    found.iter().map(i64::to_string).collect()
}

fn documents(cell: Cell<'_>, checks: &[&str]) -> Vec<String> {
    let canary = cell.canary();
    let keys: serde_json::Map<String, serde_json::Value> =
        checks.iter().flat_map(|check| harvest::values(check)).map(|key| (key, canary.clone().into())).collect();
    let plain = serde_json::json!({ "canary": canary }).to_string();
    let with_keys = serde_json::Value::Object(keys).to_string();
    let asked = super::documents::asked(checks.iter().copied(), |_| Some(canary.clone()));
    let asked = asked.iter().map(serde_json::Value::to_string);
    let rest = [plain, with_keys, "{}".to_owned(), "[]".to_owned(), format!("\"{canary}\""), "1".to_owned()];
    rest[..1].iter().cloned().chain(asked).chain(rest[1..].iter().cloned()).collect()
}

fn instants(cell: Cell<'_>, type_name: &str) -> Option<Vec<String>> {
    let day = 1 + cell.row % 28;
    let (year, month) = if cell.is_late { (2038, 2) } else { (2020, 1 + cell.row / 28 % 12) };
    let others = |text: String| vec![text, "2026-01-15".to_owned(), "2040-01-01".to_owned(), "2000-01-01".to_owned()];
    let plain = type_name.split('(').next().unwrap_or(type_name);
    match plain {
        "date" => Some(others(format!("{year}-{month:02}-{day:02}"))),
        name if name.starts_with("timestamp") => Some(others(format!("{year}-{month:02}-{day:02} 12:00:00+00"))),
        name if name.starts_with("time") => {
            Some(vec![format!("{}:{:02}:00", if cell.is_late { 20 } else { 10 }, cell.row % 60)])
        }
        "interval" => Some(vec!["1 hour".to_owned()]),
        _ => None,
    }
}

fn rare(cell: Cell<'_>, type_name: &str) -> Vec<String> {
    let (serial, canary) = (cell.serial(), cell.canary());
    let start = serial * 10;
    let text = match base(type_name) {
        "inet" => format!("10.{}.{}.{}", serial / 65_536 % 250, serial / 256 % 256, serial % 256),
        "cidr" => format!("10.{}.{}.0/24", serial / 256 % 256, serial % 256),
        "macaddr" => format!("02:00:00:{:02x}:{:02x}:{:02x}", serial / 65_536 % 256, serial / 256 % 256, serial % 256),
        "int4range" | "int8range" | "numrange" => format!("[{start},{})", start + 5),
        "int4multirange" | "int8multirange" | "nummultirange" => format!("{{[{start},{})}}", start + 5),
        "daterange" => range(cell, ""),
        "tsrange" | "tstzrange" => range(cell, " 12:00:00"),
        "datemultirange" | "tsmultirange" | "tstzmultirange" => format!("{{{}}}", range(cell, "")),
        "xml" => format!("<a>{canary}</a>"),
        "point" => "(1,2)".to_owned(),
        "box" => "(2,2),(1,1)".to_owned(),
        "circle" => "<(1,1),1>".to_owned(),
        "path" | "polygon" => "((1,1),(2,2),(2,1))".to_owned(),
        "line" => "{1,2,3}".to_owned(),
        "lseg" => "[(1,1),(2,2)]".to_owned(),
        "bit" | "bit varying" => bits(type_name),
        "\"char\"" => "c".to_owned(),
        "pg_lsn" => "0/1".to_owned(),
        "regclass" => "pg_catalog.pg_class".to_owned(),
        "regproc" => "pg_catalog.now".to_owned(),
        "regtype" => "integer".to_owned(),
        name if name.ends_with("hstore") => format!("\"canary\"=>\"{canary}\""),
        name if name.ends_with("vector") => vector(type_name),
        name if name.ends_with("geometry") || name.ends_with("geography") => "POINT(1 2)".to_owned(),
        _ => canary,
    };
    vec![text, "{}".to_owned(), "()".to_owned()]
}

fn range(cell: Cell<'_>, time: &str) -> String {
    let year = 2020 + cell.serial() / 300 % 900;
    let (month, day) = (1 + cell.serial() / 25 % 12, 1 + cell.serial() % 25);
    format!("[{year}-{month:02}-{day:02}{time},{year}-{month:02}-{:02}{time})", day + 1)
}

fn bits(type_name: &str) -> String {
    "1".repeat(length(type_name).unwrap_or(1).min(64))
}

fn vector(type_name: &str) -> String {
    let items = vec!["1"; length(type_name).unwrap_or(3).min(4_000)];
    format!("[{}]", items.join(","))
}

/// The number in brackets.
fn length(type_name: &str) -> Option<usize> {
    type_name.split_once('(')?.1.split([',', ')']).next()?.trim().parse().ok()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Texts: what the checks name first, then a canary in the shape that the column's name suggests, then other shapes.
fn texts(cell: Cell<'_>, type_name: &str, checks: &[&str]) -> Vec<String> {
    // A pattern is no value that fits it.
    let is_pattern = |check: &str, value: &str| check.contains("~~") && value.contains('%');
    let values = |check: &&str| harvest::values(check).into_iter().filter(|value| !is_pattern(check, value)).collect();
    let named: Vec<String> =
        checks.iter().filter(|check| lists(check)).flat_map(|check| -> Vec<_> { values(check) }).collect();
    let canary = cell.canary();
    let tail = format!("{}{}{}", cell.table, cell.side.letter(), cell.row);
    let digits = format!("{:08}", cell.serial());
    let name = cell.column.name.to_ascii_lowercase();
    let mail = format!("{canary}@{MAIL_DOMAIN}");
    let first = if name.contains("mail") { mail.clone() } else { canary.clone() };
    let shapes = [
        first,
        canary.clone(),
        mail,
        canary.replace('_', "-"),
        canary.replace('_', ""),
        canary.to_uppercase(),
        digits.clone(),
        format!("https://{}.example.com/", canary.replace('_', "-")),
        format!("+1555{digits}"),
        format!("{}.example.com", canary.replace('_', "-")),
        "EUR".to_owned(),
        "DE".to_owned(),
        "de".to_owned(),
        "en-US".to_owned(),
        "#aabbcc".to_owned(),
        format!("AB-{digits}"),
        format!("AB{}", &digits[4..]),
        "Europe/Berlin".to_owned(),
        format!("/{canary}"),
        "2026-01-15".to_owned(),
        "a".to_owned(),
        "7e4a17c0-1a2b-4c3d-8e4f-0000a0005e5f".to_owned(),
        "*".to_owned(),
        String::new(),
    ];
    let sizes = checks.iter().flat_map(|check| harvest::lengths(check));
    let sized = sizes.map(|size| sized(&canary, size, &tail));
    let [first, others @ ..] = shapes;
    let patterns = checks.iter().flat_map(|check| harvest::patterns(check));
    let serials = [0, 1, 2, 3].map(|more| cell.serial() + more * 400);
    let matching = patterns.flat_map(|pattern| {
        let samples = serials.map(|serial| pattern::sample(&pattern, serial));
        let first = samples[0].clone().unwrap_or_default();
        // Where the pattern leaves room before or after, there is the canary.
        let after = (!pattern.ends_with('$')).then(|| format!("{first}{canary}"));
        let before = (!pattern.starts_with('^')).then(|| format!("{canary}{first}"));
        after.into_iter().chain(before).chain(samples.into_iter().flatten()).collect::<Vec<_>>()
    });
    let matching: Vec<String> = matching.collect();
    let all = named
        .into_iter()
        .chain(matching)
        .chain([first])
        .chain(sized)
        .chain(others)
        .chain(checks.iter().flat_map(|check| harvest::values(check)));
    match length(type_name) {
        Some(limit) => all.map(|text| shortened(text, limit, &tail)).collect(),
        None => all.collect(),
    }
}

/// Whether a check lists what may be there, rather than describing it.
fn lists(check: &str) -> bool {
    !check.contains('~') && !check.contains("length")
}

/// A text of a length, which still begins as it does, or else ends as no other.
fn sized(text: &str, size: usize, tail: &str) -> String {
    let filled: String = text.chars().chain(std::iter::repeat('x')).take(size.max(text.len())).collect();
    shortened(filled, size, tail)
}

fn shortened(text: String, limit: usize, tail: &str) -> String {
    if text.chars().count() <= limit {
        return text;
    }
    let kept = limit.saturating_sub(tail.len());
    let skip = tail.len().saturating_sub(limit);
    format!("{}{}", text.chars().take(kept).collect::<String>(), &tail[skip..])
}
