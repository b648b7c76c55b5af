//! Few rows in which any three of the values meet that conditions ask for: what opens for a rare combination is hit
//! without a row for each.

use std::collections::BTreeSet;

use super::documents;
use super::facts::Facts;
use super::harvest;
use super::identity::base;
use super::plan::Overrides;
use super::values::Value;
use crate::catalog::Column;

/// Columns that are combined.
const COLUMNS: usize = 9;
/// Values of one column, that which it has by itself among them.
const VALUES: usize = 4;
/// Values that meet in one of the rows.
const STRENGTH: usize = 3;
/// Rows of one table.
const ROWS: usize = 24;

/// Stands for the tenant that asks.
pub(super) const ASKER: &str = "\u{1}asker";

/// A column's place, and its value's.
type Choice = (usize, usize);

/// The rows of a table of which these texts speak, and which its checks let in.
pub(super) fn rows(
    columns: &[&Column],
    texts: &[String],
    checks: &[&str],
    tenant_type: &str,
    facts: &Facts,
) -> Vec<Overrides> {
    let spoken = columns.iter().filter_map(|column| {
        let values = values(column, texts, checks, tenant_type, facts);
        (values.len() > 1).then_some((column.name.clone(), values))
    });
    let spoken: Vec<(String, Vec<Option<Value>>)> = spoken.take(COLUMNS).collect();
    let sizes: Vec<usize> = spoken.iter().map(|(_, values)| values.len()).collect();
    let row = |choice: Vec<usize>| -> Overrides {
        let cells = choice.iter().zip(&spoken).map(|(at, (name, values))| Some((name.clone(), values[*at].clone()?)));
        cells.flatten().collect()
    };
    cover(&sizes, ROWS).into_iter().map(row).filter(|row| !row.is_empty()).collect()
}

/// What a column could hold by what is asked of it; none stands for what it has anyway.
fn values(column: &Column, texts: &[String], checks: &[&str], tenant_type: &str, facts: &Facts) -> Vec<Option<Value>> {
    let texts: Vec<&String> = texts.iter().filter(|text| harvest::mentions(text, &column.name)).collect();
    if texts.is_empty() {
        return Vec::new();
    }
    let kind = facts.base(&column.type_name);
    let text = |value: &str| Some(Value::Text(value.to_owned()));
    let mut found: Vec<Option<Value>> = match base(kind) {
        "boolean" => return vec![text("true"), text("false")],
        "smallint" | "integer" | "bigint" | "numeric" | "double precision" | "real" => {
            let asked = texts.iter().flat_map(|text| harvest::measured(text, &column.name));
            let around = asked.flat_map(|number| [number.saturating_add(1), number.saturating_sub(1), number]);
            // What is measured against another column is more than that, or less.
            around.chain([1_000_000, 1]).map(|number| text(&number.to_string())).collect()
        }
        "json" | "jsonb" => {
            let all = checks.iter().copied().chain(texts.iter().map(|text| text.as_str()));
            let documents = documents::asked(all, |_| None);
            documents.iter().map(|document| text(&document.to_string())).collect()
        }
        kind if kind == "date" || kind.starts_with("timestamp") => {
            ["2040-01-01", "2000-01-01", "tomorrow"].map(text).into()
        }
        "daterange" | "tsrange" | "tstzrange" => vec![text("[2000-01-01,2040-01-01)")],
        "int4range" | "int8range" | "numrange" => vec![text("[0,1000000)")],
        kind if kind.ends_with("[]") => {
            texts.iter().flat_map(|asked| arrays(asked)).map(|value| text(&value)).collect()
        }
        _ => {
            let compared = texts.iter().flat_map(|asked| harvest::compared(asked, &column.name));
            let liked = texts.iter().flat_map(|asked| harvest::liked(asked, &column.name));
            compared.chain(liked).map(|value| text(&value)).collect()
        }
    };
    // A row may be A's by another column than the tenant's.
    let is_like_tenant = base(kind) == base(tenant_type);
    let asks_context = texts.iter().any(|text| text.contains("current_"));
    found.extend((is_like_tenant && asks_context).then(|| text(ASKER)));
    let asks_null = texts.iter().any(|text| text.contains("IS NULL") || text.contains("is null"));
    found.extend((asks_null && !column.is_not_null).then_some(Some(Value::Null)));
    let mut seen = BTreeSet::new();
    found.retain(|value| seen.insert(value.clone()));
    found.truncate(VALUES - 1);
    found.insert(0, None);
    found
}

/// Arrays of what a text names: as it writes them, and all its words.
fn arrays(text: &str) -> Vec<String> {
    let (written, words): (Vec<String>, Vec<String>) = harvest::literals(text)
        .into_iter()
        .filter(|value| value.len() <= 200)
        .partition(|value| value.starts_with('{'));
    let plain = |word: &&String| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let all: Vec<&str> = words.iter().filter(plain).map(String::as_str).collect();
    let whole = (!all.is_empty()).then(|| format!("{{{}}}", all.join(",")));
    written.into_iter().chain(whole).collect()
}

/// Rows of places, such that any three columns have any three of their values in one of them: the next row is always
/// one that has most of what is still missing. With `limit` rows it ends.
fn cover(sizes: &[usize], limit: usize) -> Vec<Vec<usize>> {
    let mut missing = tuples(sizes, STRENGTH.min(sizes.len()));
    let mut rows = Vec::new();
    while rows.len() < limit {
        let Some(first) = missing.first() else { break };
        let mut row: Vec<Option<usize>> = vec![None; sizes.len()];
        for (column, value) in first {
            row[*column] = Some(*value);
        }
        for column in 0..sizes.len() {
            if row[column].is_none() {
                row[column] = (0..sizes[column]).rev().max_by_key(|value| gain(&missing, &row, (column, *value)));
            }
        }
        missing.retain(|tuple| !tuple.iter().all(|(column, value)| row[*column] == Some(*value)));
        rows.push(row.into_iter().map(Option::unwrap_or_default).collect());
    }
    rows
}

/// How much of what is missing a row has with one more choice.
fn gain(missing: &BTreeSet<Vec<Choice>>, row: &[Option<usize>], choice: Choice) -> usize {
    let fits = |(column, value): &Choice| (*column, *value) == choice || row[*column] == Some(*value);
    missing.iter().filter(|tuple| tuple.contains(&choice) && tuple.iter().all(fits)).count()
}

/// All ways to choose values of so many columns.
fn tuples(sizes: &[usize], strength: usize) -> BTreeSet<Vec<Choice>> {
    let mut found: BTreeSet<Vec<Choice>> = BTreeSet::from([Vec::new()]);
    for _ in 0..strength {
        let longer = found.iter().flat_map(|tuple: &Vec<Choice>| {
            let from = tuple.last().map_or(0, |(column, _)| column + 1);
            let choices = (from..sizes.len()).flat_map(|column| (0..sizes[column]).map(move |value| (column, value)));
            choices.map(move |choice| tuple.iter().copied().chain([choice]).collect())
        });
        found = longer.collect();
    }
    found.remove(&Vec::new());
    found
}

#[cfg(test)]
mod tests {
    use super::{STRENGTH, cover, tuples};

    #[test]
    fn any_three_values_meet_in_few_rows() {
        for sizes in [vec![], vec![2], vec![3, 2], vec![2, 2, 2], vec![2, 3, 4, 2, 2, 2], vec![2; 9]] {
            let rows = cover(&sizes, 1_000);
            for tuple in tuples(&sizes, STRENGTH.min(sizes.len())) {
                assert!(
                    rows.iter().any(|row| tuple.iter().all(|(column, value)| row[*column] == *value)),
                    "{tuple:?} is in none of {rows:?}"
                );
            }
        }
        assert!(cover(&[2; 9], 1_000).len() <= 24, "nine truths, of which any three meet");
        assert_eq!(cover(&[4; 9], 10).len(), 10);
    }
}
