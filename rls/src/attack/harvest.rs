//! What expressions and bodies speak of: texts that rows should hold, settings that a session could choose.

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

fn closed(text: &str) -> Option<(String, &str)> {
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

/// Whether a name stands in a text as a word.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let part = |c: char| c.is_alphanumeric() || c == '_';
    if !name.chars().all(part) {
        // Such a name stands in quotes, which are doubled inside.
        return text.contains(name) || text.contains(&name.replace('"', "\"\""));
    }
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::{literals, mentions, settings, values};

    #[test]
    fn what_an_expression_speaks_of_is_found() {
        let text = "((status = 'it''s'::text) OR (x = ANY ('{}')) OR a = current_setting('app.tenant'::text, true))";
        assert!(literals(text).contains("it's"));
        assert!(values("a = 'public' or b #>> '{x,y}'").iter().eq(["public", "x", "y"]));
        assert!(settings(text).iter().eq(["app.tenant"]));
        assert!(mentions(text, "status") && !mentions(text, "statu"));
    }
}
