//! What an exclusion constraint compares.

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
        let name = named.map(str::to_owned).or_else(|| cast_column(element.get("expr")?))?;
        Some((name, operator))
    });
    Some(elements.collect())
}

/// The column of an expression that does nothing but cast it, to a type that keeps all of it.
fn cast_column(expression: &serde_json::Value) -> Option<String> {
    const WIDE: &[&str] = &["int8", "bigint", "numeric", "text", "uuid"];
    let mut at = expression;
    while let Some(("TypeCast", cast)) = tree::node(at) {
        let name = cast.get("type_name")?;
        let is_wide = tree::strings(name).last().is_some_and(|name| WIDE.contains(&name.as_str()));
        let has_length = name.get("typmods").and_then(|typmods| typmods.as_array()).is_some_and(|all| !all.is_empty());
        if !is_wide || has_length {
            return None;
        }
        at = cast.get("arg")?;
    }
    match tree::node(at)? {
        ("ColumnRef", column) => tree::strings(column).pop(),
        _ => None,
    }
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
    }
}
