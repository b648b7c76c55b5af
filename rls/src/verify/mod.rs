//! `verify`: judges the catalogue. Each family is a file with one function from the world to findings.

mod around;
mod constraints;
mod contexts;
mod functions;
mod grants;
mod leaks;
mod policies;
mod reach;
mod reads;
mod roles;
mod sequences;
mod server;
mod sources;
mod tables;
mod tree;
mod triggers;
mod views;
mod world;

pub use world::{AppRole, Guise, World, names};

use std::collections::HashSet;

use crate::config::Accepted;
use crate::finding::{Finding, Severity};
use crate::stack::with_room;

/// One family: looks at the world, and adds what it finds.
type Family = fn(&World<'_>, &mut Vec<Finding>);

const FAMILIES: &[Family] = &[
    tables::judge,
    roles::judge,
    policies::judge,
    contexts::judge,
    views::judge,
    functions::judge,
    triggers::judge,
    constraints::judge,
    sequences::judge,
    grants::judge,
    around::judge,
    server::judge,
];

/// Judges everything: the worst first, each once. What was accepted is told as information, with the reason for it.
///
/// It runs on a stack with room for the deepest expressions that are followed.
pub fn verify(world: &World<'_>) -> Vec<Finding> {
    let findings = with_room(|| all(world)).unwrap_or_else(|_| all(world));
    settled(findings, &world.settings.accepted)
}

fn all(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for judge in FAMILIES {
        judge(world, &mut findings);
    }
    findings
}

/// The worst first, each once; what somebody has accepted as information, with the reason for it.
pub fn settled(mut findings: Vec<Finding>, accepted: &[Accepted]) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut seen = HashSet::new();
    findings.retain(|finding| seen.insert(finding.id()));
    for finding in &mut findings {
        take(finding, accepted);
    }
    findings.sort_by_cached_key(|finding| {
        let Finding { severity, class, object, detail, .. } = finding;
        (std::cmp::Reverse(*severity), *class, object.clone(), detail.clone())
    });
    findings
}

fn take(finding: &mut Finding, accepted: &[Accepted]) {
    let id = finding.id();
    if let Some(taken) = accepted.iter().find(|taken| covers(&taken.id, &id)) {
        finding.severity = Severity::Info;
        finding.explanation = format!("Accepted in rls.toml: {} {}", taken.reason.trim(), finding.explanation);
    }
}

/// Whether what was accepted is this finding: its id, or the id's beginning up to a colon.
fn covers(accepted: &str, id: &str) -> bool {
    id.strip_prefix(accepted).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::settled;
    use crate::class::Class;
    use crate::config::Accepted;
    use crate::finding::{Finding, Severity};

    fn found(class: Class, object: &str, detail: &str) -> Finding {
        Finding::verified(class, object, "why").about(detail)
    }

    #[test]
    fn the_worst_comes_first_and_each_once() {
        let findings = vec![
            found(Class::Unprovable, "public.b", "p"),
            found(Class::RlsDisabled, "public.b", ""),
            found(Class::RlsDisabled, "public.a", ""),
            found(Class::RlsDisabled, "public.a", "").weighing(Severity::Low),
        ];
        let ids: Vec<String> = settled(findings, &[]).iter().map(Finding::id).collect();
        assert_eq!(ids, ["rls-disabled:public.a", "rls-disabled:public.b", "unprovable:public.b:p"]);
    }

    #[test]
    fn what_was_accepted_is_information_and_nothing_that_begins_alike() {
        let accepted = [Accepted { id: "unique-oracle:public.users".to_owned(), reason: "Public names.".to_owned() }];
        let findings = vec![
            found(Class::UniqueOracle, "public.users", "users_email_key"),
            found(Class::UniqueOracle, "public.users_old", "users_old_email_key"),
        ];
        let told = settled(findings, &accepted);
        assert_eq!((told[0].object.as_str(), told[0].severity), ("public.users_old", Severity::Medium));
        assert_eq!((told[1].object.as_str(), told[1].severity), ("public.users", Severity::Info));
        assert!(told[1].explanation.starts_with("Accepted in rls.toml: Public names. "));
    }
}
