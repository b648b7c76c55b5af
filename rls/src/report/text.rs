//! The report that a person reads: the sum first, the worst next, and how to close it.

use super::{Report, Style, printable};
use crate::finding::{Finding, Part, Severity};

const GROUPS: [Severity; 5] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

/// The whole report.
pub(super) fn written(report: &Report, style: Style) -> String {
    let mut out = summary(report, style);
    for severity in GROUPS {
        out.push_str(&group(report, severity, style));
    }
    out.push_str(&accepted(report, style));
    for note in &report.notes {
        out.push('\n');
        out.push_str(&style.wrapped("", &format!("Note: {}", printable(note))));
    }
    out
}

/// `3 holes in 42 tables: 1 critical, 2 high.`, or that there is none.
fn summary(report: &Report, style: Style) -> String {
    let holes = report.holes().count();
    let tables = counted(report.counts.tables, "table");
    if holes == 0 {
        let line = format!("{} {tables}, {}", style.good("Nothing found."), judged(report));
        return style.wrapped("", &line);
    }
    let sum = format!("{} in {tables}: {}.", counted(holes, "hole"), by_severity(report));
    style.wrapped("", &style.bold(&sum)) + &style.wrapped("", &format!("{tables}, {}", judged(report)))
}

/// `51 policies, 3 views and 7 functions of shop judged in 0.3 s as app, web, on PostgreSQL 15.20.`
fn judged(report: &Report) -> String {
    let roles: Vec<_> = report.app_roles.iter().map(|role| printable(role)).collect();
    format!(
        "{} of {} {} in {:.1} s as {}, on PostgreSQL {}.",
        amount(report),
        printable(&report.database),
        if report.verb == "attack" { "attacked" } else { "judged" },
        report.took.as_secs_f64(),
        roles.join(", "),
        report.server,
    )
}

fn amount(report: &Report) -> String {
    let counts = report.counts;
    let functions = counted(counts.functions, "function");
    let Some(tried) = report.tried else {
        return format!("{}, {} and {functions}", counted(counts.policies, "policy"), counted(counts.views, "view"));
    };
    let (relations, statements) = (counted(tried.relations, "relation"), counted(tried.statements, "statement"));
    format!("{relations} and {} tried by {statements}", counted(tried.functions, "function"))
}

fn by_severity(report: &Report) -> String {
    let of = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let counted =
        GROUPS.iter().filter(|severity| **severity > Severity::Info).map(|severity| (of(*severity), severity));
    let said: Vec<_> =
        counted.filter(|(count, _)| *count > 0).map(|(count, of)| format!("{count} {}", of.word())).collect();
    said.join(", ")
}

fn group(report: &Report, severity: Severity, style: Style) -> String {
    let mut of_it = report.findings.iter().filter(|finding| finding.severity == severity).peekable();
    if of_it.peek().is_none() {
        return String::new();
    }
    let title =
        if severity == Severity::Info { "FOR YOUR INFORMATION".to_owned() } else { severity.word().to_uppercase() };
    let head = format!("\n{}\n", style.weighed(severity, &title));
    let told = if severity == Severity::Info { mentioned } else { told };
    head + &of_it.map(|finding| told(finding, style)).collect::<String>()
}

/// A line for what is no hole: its id, and the first sentence of why.
fn mentioned(finding: &Finding, style: Style) -> String {
    let explanation = printable(&finding.explanation);
    let sentence = explanation.split_inclusive(". ").next().unwrap_or_default().trim_end();
    style.wrapped("  ", &format!("{}: {sentence}", printable(&finding.id())))
}

fn told(finding: &Finding, style: Style) -> String {
    let mut out = format!("\n  {}\n", headline(finding, style));
    out.push_str(&style.wrapped("    ", &printable(&finding.explanation)));
    if !finding.proof.trim().is_empty() {
        let title = if finding.part == Part::Attack { "shown by, in psql:" } else { "seen in:" };
        out.push_str(&block(title, &style.indented("      ", &finding.proof), style));
    }
    let remedy = &finding.remedy;
    if !remedy.steps.is_empty() {
        out.push_str(&block("closed by:", &style.indented("      ", &remedy.sql()), style));
    }
    if !remedy.advice.is_empty() {
        out.push_str(&block("to do:", &style.wrapped("      ", &printable(&remedy.advice)), style));
    }
    out.push_str(&format!("    {}\n", style.faint(&format!("explain {}", finding.class.id()))));
    out
}

/// The class, the object, and what sets it apart.
fn headline(finding: &Finding, style: Style) -> String {
    let class = style.weighed(finding.severity, finding.class.id());
    let detail = if finding.detail.is_empty() { String::new() } else { format!(" ({})", printable(&finding.detail)) };
    format!("{class}  {}{detail}", style.bold(&printable(&finding.object)))
}

fn block(title: &str, body: &str, style: Style) -> String {
    format!("    {}\n{body}", style.faint(title))
}

fn accepted(report: &Report, style: Style) -> String {
    if report.accepted.is_empty() {
        return String::new();
    }
    let line = |(finding, reason): &(Finding, String)| {
        style.wrapped("  ", &format!("{}: {}", printable(&finding.id()), printable(reason)))
    };
    let head = format!("\n{}\n", style.faint("ACCEPTED IN rls.toml"));
    head + &report.accepted.iter().map(line).collect::<String>()
}

/// `1 policy`, `2 policies`.
fn counted(count: usize, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}
