//! `verify`: judges the catalogue. Each family is a file with one function from the world to findings.

mod around;
mod constraints;
mod contexts;
mod exclusions;
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

/// Judges everything: the worst first, each once, what somebody has accepted among it ([`crate::report`] tells that apart).
///
/// It runs on a stack with room for the deepest expressions that are followed.
pub fn verify(world: &World<'_>) -> Vec<Finding> {
    let findings = with_room(|| all(world)).unwrap_or_else(|_| all(world));
    settled(findings)
}

fn all(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for judge in FAMILIES {
        judge(world, &mut findings);
    }
    findings
}

/// The worst first, each once.
pub fn settled(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut seen = HashSet::new();
    findings.retain(|finding| seen.insert(finding.id()));
    // What leaks nothing needs no statement: its advice is enough.
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Info) {
        finding.remedy.steps.clear();
    }
    findings.sort_by_cached_key(|finding| {
        let Finding { severity, class, object, detail, .. } = finding;
        (std::cmp::Reverse(*severity), *class, object.clone(), detail.clone())
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::settled;
    use crate::class::Class;
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
        let ids: Vec<String> = settled(findings).iter().map(Finding::id).collect();
        assert_eq!(ids, ["rls-disabled:public.a", "rls-disabled:public.b", "unprovable:public.b:p"]);
    }
}
