//! What an exclusion constraint compares.

use serde_json::Value;

use super::tree;
use crate::parser;

/// The elements of an exclusion constraint: what is compared, and by which operator.
pub(super) fn exclusions(definition: &str) -> Option<Vec<(String, String)>> {
    let tree = serde_json::to_value(parser::sql(&format!("alter table x add {definition}"))?).ok()?;
    let constraint = tree::find(&tree, "Constraint")?;
    let elements = constraint.get("exclusions")?.as_array()?.iter().filter_map(|pair| {
        let element = tree::find(pair, "IndexElem")?;
        let operator = tree::strings(pair).pop()?;
        let named = element.get("name").and_then(|name| name.as_str()).filter(|name| !name.is_empty());
        let expression = element.get("expr");
        let name = named.map(str::to_owned).or_else(|| same_column(expression?))?;
        // Ranges of one value each overlap where they are the same.
        let is_range = expression.and_then(tree::node).is_some_and(|(kind, _)| kind == "FuncCall");
        Some((name, if is_range && operator == "&&" { "=".to_owned() } else { operator }))
    });
    Some(elements.collect())
}

/// The column of an expression that is the same for no two of its values: casts to types that keep all of it, the range or
/// the array of it alone.
fn same_column(expression: &Value) -> Option<String> {
    const WIDE: &[&str] = &["int8", "bigint", "numeric", "text", "uuid"];
    let mut at = expression;
    while let Some(("TypeCast", cast)) = tree::node(at) {
        let name = cast.get("type_name")?;
        let is_wide = tree::strings(name).last().is_some_and(|name| WIDE.contains(&name.as_str()));
        let has_length = name.get("typmods").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
        if !is_wide || has_length {
            return None;
        }
        at = cast.get("arg")?;
    }
    match tree::node(at)? {
        ("ColumnRef", column) => tree::strings(column).pop(),
        ("FuncCall", call) => range_of_one(call),
        ("AArrayExpr", array) => match tree::list(array, "elements") {
            [one] => same_column(one),
            _ => None,
        },
        _ => None,
    }
}

/// `int8range(club, club, '[]')`
fn range_of_one(call: &Value) -> Option<String> {
    const RANGES: &[&str] = &["int4range", "int8range", "numrange"];
    let names = tree::strings(call.get("funcname")?);
    let name = match names.as_slice() {
        [name] => name.clone(),
        [schema, name] if schema == "pg_catalog" => name.clone(),
        _ => return None,
    };
    let [from, to, bounds] = tree::list(call, "args") else { return None };
    let column = same_column(from)?;
    let is_closed = bounds.to_string().contains(r#""sval":"[]""#);
    (RANGES.contains(&name.as_str()) && is_closed && same_column(to)? == column).then_some(column)
}

#[cfg(test)]
mod tests {
    use super::exclusions;

    #[test]
    fn an_exclusion_says_what_it_compares() {
        let found = exclusions("EXCLUDE USING gist (tenant_id WITH =, room WITH =, during WITH &&)").unwrap();
        assert_eq!(found[0], ("tenant_id".to_owned(), "=".to_owned()));
        assert_eq!(found[2].1, "&&");
        let cast = exclusions("EXCLUDE USING gist (((club)::bigint) WITH =, slot WITH &&)").unwrap();
        assert_eq!(cast[0], ("club".to_owned(), "=".to_owned()));
        let range = exclusions(
            "EXCLUDE USING gist (int8range((club)::bigint, (club)::bigint, '[]'::text) WITH =, slot WITH &&)",
        );
        assert_eq!(range.unwrap()[0], ("club".to_owned(), "=".to_owned()));
        let overlaps = exclusions("EXCLUDE USING gist (int4range(club, club, '[]'::text) WITH &&, slot WITH &&)");
        assert_eq!(overlaps.unwrap()[0], ("club".to_owned(), "=".to_owned()));
        let open = exclusions("EXCLUDE USING gist (int8range(club, club + 10, '[]'::text) WITH =, slot WITH &&)");
        assert_ne!(open.unwrap()[0].0, "club");
    }
}
