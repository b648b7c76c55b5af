//! `explain`: what a class of holes is, with an example, how it was abused, and how it is closed. A page a class.

use serde_json::json;

use crate::class::Class;
use crate::cli::Format;
use crate::fault::Fault;
use crate::report::Style;

/// The page of a class, or the list of them.
///
/// # Errors
/// When there is no such class.
pub fn told(class: Option<&str>, format: Format, style: Style) -> Result<String, Fault> {
    let classes = match class {
        None => Class::ALL.to_vec(),
        Some(written) => vec![meant(written)?],
    };
    Ok(match (format, class) {
        (Format::Text, None) => list(style),
        (Format::Text, Some(_)) => classes.into_iter().map(|class| set(class.page(), style)).collect(),
        _ => format!("{:#}\n", json!({ "classes": classes.into_iter().map(described).collect::<Vec<_>>() })),
    })
}

/// By its id, or by the id of a finding, which begins with it.
fn meant(written: &str) -> Result<Class, Fault> {
    let id = written.split(':').next().unwrap_or_default();
    let unknown = || {
        let near = Class::ALL.iter().map(|class| class.id()).filter(|known| is_near(known, id)).collect::<Vec<_>>();
        let near = if near.is_empty() { String::new() } else { format!(" Near it: {}.", near.join(", ")) };
        Fault::Refused(format!("there is no class {id:?}: `tenantry rls explain` lists them.{near}"))
    };
    Class::of_id(id).ok_or_else(unknown)
}

/// Whether they have a word in common.
fn is_near(known: &str, id: &str) -> bool {
    id.split(['-', '_']).any(|word| word.len() > 2 && known.contains(word))
}

fn described(class: Class) -> serde_json::Value {
    json!({
        "id": class.id(), "title": class.title(), "severity": class.severity(), "page": class.page(),
    })
}

fn list(style: Style) -> String {
    let widest = Class::ALL.iter().map(|class| class.id().len()).max().unwrap_or_default();
    let line = |class: &Class| {
        let name = style.weighed(class.severity(), &format!("{:widest$}", class.id()));
        format!("{name}  {}\n", class.title())
    };
    Class::ALL.iter().map(line).collect::<String>() + "\nOne of them: tenantry rls explain CLASS\n"
}

/// Markdown for a terminal: what we write of it ourselves, in blocks between empty lines.
fn set(page: &str, style: Style) -> String {
    let blocks = page.split("\n\n").map(|block| match (block.strip_prefix("# "), block.strip_prefix("```sql\n")) {
        (Some(title), _) => format!("{}\n", style.bold(title)),
        (_, Some(code)) => style.indented("    ", code.trim_end().trim_end_matches("```")),
        _ => style.wrapped("", &linked(&block.replace("**", ""))),
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// `[text](address)` as `text <address>`.
fn linked(text: &str) -> String {
    let mut parts = text.split("](");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (address, rest) = part.split_once(')').unwrap_or((part, ""));
        if let Some(at) = out.rfind('[') {
            out.remove(at);
        }
        out.push_str(&format!(" <{address}>{rest}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::class::Class;
    use crate::cli::Format;
    use crate::report::Style;

    /// The SQL of a page.
    fn example(page: &str) -> &str {
        let (_, code) = page.split_once("```sql\n").expect("a page has an example");
        code.split_once("\n```").expect("which ends").0
    }

    #[test]
    fn every_class_has_a_page_with_an_example_that_postgresql_can_read() {
        for class in Class::ALL {
            let page = class.page();
            assert!(page.starts_with(&format!("# {}: ", class.id())), "{}", class.id());
            let parsed = crate::parser::sql(example(page));
            assert!(parsed.is_some_and(|parsed| !parsed.stmts.is_empty()), "{}", class.id());
            for part in ["**In public.** ", "**To close it.** "] {
                assert!(page.contains(part), "{} has no {part}", class.id());
            }
            assert!((12..=35).contains(&page.lines().count()), "{}: {} lines", class.id(), page.lines().count());
        }
    }

    #[test]
    fn a_page_is_set_for_a_terminal_without_its_marks() {
        for class in Class::ALL {
            let set = told(Some(class.id()), Format::Text, Style { width: 72, has_colours: false }).unwrap();
            assert!(!set.contains("```") && !set.contains("**") && !set.contains("]("), "{set}");
            assert_eq!(
                set.matches('<').filter(|_| set.contains("https://")).count() > 0,
                set.contains("https://"),
                "{set}"
            );
        }
    }

    #[test]
    fn a_findings_id_is_a_class_too_and_an_unknown_one_is_near_another() {
        assert!(told(Some("rls-disabled:public.orders"), Format::Text, Style::plain()).is_ok());
        let fault = told(Some("rls-enabled"), Format::Text, Style::plain()).unwrap_err();
        assert!(fault.to_string().contains("rls-disabled"), "{fault}");
    }
}
