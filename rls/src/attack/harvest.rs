//! What expressions and bodies speak of: texts that rows should hold, settings that a session could choose.

pub(super) use crate::name::mentions;
use std::collections::BTreeSet;

/// The string literals of an expression, a body or a definition.
pub(super) fn literals(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find('\'') {
        let Some((value, after)) = closed(&rest[start + 1..]) else { break };
        found.insert(value);
        rest = after;
    }
    found
}

/// The rest of a literal, and what comes after it.
pub(super) fn closed(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((value, &text[at + 1..]));
        }
    }
    None
}

/// The patterns that something must match: `code ~ '^[A-Z]{2}$'`.
pub(super) fn patterns(text: &str) -> Vec<String> {
    let after = |operator| text.match_indices(operator).filter_map(|(at, found)| closed(&text[at + found.len()..]));
    after("~ '").chain(after("~* '")).map(|(pattern, _)| pattern).collect()
}

/// Numbers in it.
pub(super) fn numbers(text: &str) -> BTreeSet<i64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Values that rows could hold: short literals that are no setting's name, type or pattern of a path.
pub(super) fn values(text: &str) -> BTreeSet<String> {
    let fits = |value: &String| {
        !value.is_empty() && value.len() <= 40 && !value.contains(['%', '{', '(', '\n', '.']) && !value.ends_with(' ')
    };
    let parts = |value: String| match value.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
        Some(path) => path.split(',').map(|part| part.trim_matches('"').to_owned()).collect(),
        None => vec![value],
    };
    literals(text).into_iter().flat_map(parts).filter(fits).collect()
}

/// The settings that are read: `current_setting('app.tenant_id'…)`.
pub(super) fn settings(text: &str) -> BTreeSet<String> {
    let lower = text.to_ascii_lowercase();
    let after = |at: usize| text.get(at + "current_setting(".len()..);
    let named =
        |rest: &str| closed(rest.trim_start().trim_start_matches('E').strip_prefix('\'')?).map(|(name, _)| name);
    lower.match_indices("current_setting(").filter_map(|(at, _)| named(after(at)?)).collect()
}

/// The words of a text, each once.
pub(super) fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// What fits a pattern that a column is compared with: `recipient like '%@%'`.
pub(super) fn liked(text: &str, column: &str) -> Vec<String> {
    let is_asked = mentions(text, column) && (text.contains("~~") || text.to_ascii_lowercase().contains("like"));
    let patterns = literals(text).into_iter().filter(|literal| is_asked && literal.contains('%'));
    patterns.map(|pattern| pattern.replace(['%', '_'], "x")).collect()
}

/// What a column is compared with where that stands there: `status = 'open'`, `tenant_id = 1`.
pub(super) fn compared(text: &str, column: &str) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices(column) {
        let rest = &text[at + column.len()..];
        if column.is_empty() || text[..at].chars().next_back().is_some_and(part) || rest.starts_with(part) {
            continue;
        }
        let rest = rest.trim_start_matches(['"', ')']).trim_start_matches("::text").trim_start_matches([')', ' ']);
        let starts = ["= ANY (ARRAY[", "= ANY ((ARRAY[", "= any (array[", "in (", "IN (", "= "];
        let Some(value) = starts.into_iter().find_map(|start| rest.strip_prefix(start)) else { continue };
        match value.strip_prefix('\'') {
            Some(quoted) => found.extend(closed(quoted).map(|(value, _)| value)),
            None => {
                let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
                found.extend((!digits.is_empty()).then_some(digits));
            }
        }
    }
    found
}

/// The numbers that a column is measured against where that stands there: `amount >= 1`, `(stock)::numeric > '100'`.
pub(super) fn measured(text: &str, column: &str) -> Vec<i64> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices(column) {
        let rest = &text[at + column.len()..];
        if column.is_empty() || text[..at].chars().next_back().is_some_and(part) || rest.starts_with(part) {
            continue;
        }
        let rest = rest.trim_start_matches(['"', ')']).trim_start_matches("::").trim_start_matches(part);
        let asked = rest.trim_start_matches([' ', ')', '<', '>', '=', '!']);
        let number = asked.trim_start_matches(['(', '\'']);
        let end = number.char_indices().find(|(at, c)| !c.is_ascii_digit() && (*at > 0 || *c != '-'));
        let number = &number[..end.map_or(number.len(), |(at, _)| at)];
        found.extend((asked.len() < rest.len()).then(|| number.parse::<i64>().ok()).flatten());
    }
    found
}

/// The lengths that something must have: `length(code) = 3`, `char_length((vin)::text) >= 10`.
pub(super) fn lengths(text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for (at, call) in text.match_indices("length(") {
        let rest = &text[at + call.len()..];
        let mut depth = 1_usize;
        let end = rest.char_indices().find(|(_, c)| {
            depth += usize::from(*c == '(');
            depth -= usize::from(*c == ')');
            depth == 0
        });
        let Some((end, _)) = end else { continue };
        let after = rest[end + 1..].trim_start();
        let Some(asked) = ["<=", ">=", "=", "<", ">"].iter().find_map(|op| after.strip_prefix(op)) else { continue };
        let digits: String = asked.trim_start().chars().take_while(char::is_ascii_digit).collect();
        let length: Option<usize> = digits.parse().ok();
        found
            .extend(length.into_iter().flat_map(|length| [length, length.saturating_sub(1), length.saturating_add(1)]));
    }
    found.retain(|length| (1..=64).contains(length));
    found
}

/// Whether a column is compared with what holds one of these marks.
pub(super) fn is_asked_of(text: &str, column: &str, marks: &[String]) -> bool {
    let near = |part: &str| marks.iter().any(|mark| part.contains(mark.as_str()));
    let is_column = |side: &str| {
        let name = side.trim_matches(['(', ')', ' ']).rsplit('.').next().unwrap_or_default();
        name.trim_matches('"') == column
    };
    let clauses = text.split(" AND ").flat_map(|part| part.split(" OR ")).flat_map(|part| part.split(" WHERE "));
    clauses
        .filter_map(|clause| clause.split_once(" = "))
        .any(|(left, right)| (is_column(left) && near(right)) || (is_column(right) && near(left)))
}

#[cfg(test)]
mod tests {
    use super::{compared, is_asked_of, lengths, literals, measured, mentions, settings, values};

    #[test]
    fn what_a_column_is_compared_with_is_found() {
        let text =
            "((bucket_id = 'avatars'::text) AND ((state)::text = 'x'::text) AND (tenant_id = 17) AND (id = a.id))";
        assert_eq!(compared(text, "bucket_id"), ["avatars"]);
        assert_eq!(compared(text, "state"), ["x"]);
        assert_eq!(compared(text, "tenant_id"), ["17"]);
        assert_eq!(compared("(m.role = ANY (ARRAY['owner'::text, 'admin'::text]))", "role"), ["owner"]);
        assert_eq!(compared("where m.role in ('owner', 'admin')", "role"), ["owner"]);
        assert!(compared(text, "id").is_empty() && compared(text, "bucket").is_empty());
        let marks = ["auth.uid()".to_owned()];
        assert!(is_asked_of("((id = ( SELECT auth.uid() AS uid)) AND x)", "id", &marks));
        assert!(is_asked_of("(auth.uid() = m.id)", "id", &marks));
        assert!(!is_asked_of("((id = 1) AND (uid = auth.uid()))", "id", &marks));
    }

    #[test]
    fn what_a_column_is_measured_against_is_found() {
        let text =
            "((stock > 100) AND ((amount >= '-1'::integer) AND (amount <= 1000000)) OR ((price)::numeric > 2.5))";
        assert_eq!(measured(text, "stock"), [100]);
        assert_eq!(measured(text, "amount"), [-1, 1_000_000]);
        assert_eq!(measured(text, "price"), [2]);
        assert!(measured("(a.amount IS NULL) or amount_2 = 7", "amount").is_empty());
    }

    #[test]
    fn what_length_is_asked_for_is_found() {
        assert!(lengths("((length(vin) = 17))").iter().eq(&[16, 17, 18]));
        assert!(lengths("((char_length((name)::text) >= 2) AND (length(name) <= 3))").iter().eq(&[1, 2, 3, 4]));
        assert!(lengths("(length(a) > length(b))").is_empty());
    }

    #[test]
    fn what_an_expression_speaks_of_is_found() {
        let text = "((status = 'it''s'::text) OR (x = ANY ('{}')) OR a = current_setting('app.tenant'::text, true))";
        assert!(literals(text).contains("it's"));
        assert!(values("a = 'public' or b #>> '{x,y}'").iter().eq(["public", "x", "y"]));
        assert!(settings(text).iter().eq(["app.tenant"]));
        assert!(mentions(text, "status") && !mentions(text, "statu"));
    }
}
