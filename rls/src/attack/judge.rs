//! What a signal means: which class, on which object, in which words.

use std::collections::{BTreeMap, BTreeSet};

use super::arena::Actor;
use crate::catalog::Policy;
use crate::class::Class;
use crate::config::Settings;
use crate::finding::Finding;
use crate::name::Name;
use crate::verify::World;

/// How a policy was seen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failing {
    /// Another tenant's rows were read, changed or deleted, with A's context set.
    Open,
    /// A row without a tenant was seen.
    Nobodys,
    /// Rows were seen without a context.
    Unset,
    /// Only a pair of tenants whose names are alike was confused.
    Confused,
    /// A row was written into B.
    Written,
    /// A setting, header or claim that the caller chooses was believed.
    Believed,
}

/// The classes that are about a policy's condition.
const CONDITIONS: &[Class] = &[
    Class::PolicyOpen,
    Class::PolicyTautology,
    Class::PolicyCheckOpen,
    Class::PolicyCaptured,
    Class::PolicyLossy,
    Class::PolicyFailsOpen,
    Class::PolicyNullTenant,
    Class::PolicyWrongContext,
    Class::PolicyNotForRole,
    Class::StoragePath,
];

/// What was found so far, each hole once.
#[derive(Debug, Default)]
pub(super) struct Found {
    findings: Vec<Finding>,
    pub(super) notes: BTreeSet<String>,
    hints: BTreeMap<(String, String), Vec<Class>>,
    settings: Option<Settings>,
}

impl Found {
    /// Reading the catalogue says which of several names a hole has; whether it is one is for the attack to say.
    pub(super) fn with_hints(world: &World<'_>) -> Self {
        let mut hints: BTreeMap<(String, String), Vec<Class>> = BTreeMap::new();
        for finding in crate::verify::verify(world) {
            hints.entry((finding.object, finding.detail)).or_default().push(finding.class);
        }
        Self { hints, settings: Some(world.settings.clone()), ..Self::default() }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if !self.findings.iter().any(|known| known.id() == finding.id()) {
            self.findings.push(finding);
        }
    }

    pub(super) fn has(&self, class: Class, object: &str) -> bool {
        self.findings.iter().any(|known| known.class == class && known.object == object)
    }

    /// Whether something was found in a policy already.
    pub(super) fn has_policy(&self, object: &str, policy: &str) -> bool {
        self.findings
            .iter()
            .any(|known| known.object == object && known.detail == policy && CONDITIONS.contains(&known.class))
    }

    /// Whether something was found in a function already.
    pub(super) fn has_function(&self, signature: &str) -> bool {
        self.findings.iter().any(|known| known.object == signature)
    }

    /// Whether a table's rows are open to A by themselves, whatever else reads them.
    pub(super) fn is_open(&self, object: &str) -> bool {
        let opens = |class: Class| {
            matches!(
                class,
                Class::RlsDisabled
                    | Class::RlsNotForced
                    | Class::PartitionExposed
                    | Class::PolicyOpen
                    | Class::PolicyTautology
                    | Class::PolicyCaptured
                    | Class::PolicyNotForRole
                    | Class::PolicyWrongContext
            )
        };
        self.findings.iter().any(|known| known.object == object && opens(known.class))
    }

    fn tenant_column(&self, table: &Name) -> &str {
        self.settings.as_ref().map_or("tenant_id", |settings| settings.tenant_column(table))
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.insert(note.into());
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The class that reading gave this object, among some.
    pub(super) fn hint(&self, object: &str, among: &[Class]) -> Option<Class> {
        let of_object =
            self.hints.range((object.to_owned(), String::new())..).take_while(|((name, _), _)| name == object);
        of_object.flat_map(|(_, classes)| classes).copied().find(|class| among.contains(class))
    }

    /// The class of a policy that was seen to fail.
    pub(super) fn policy_class(&self, table: &Name, policy: &Policy, actor: &Actor<'_>, failing: Failing) -> Class {
        let said = self.hints.get(&(table.to_string(), policy.name.clone()));
        let hinted = said.into_iter().flatten().copied().find(|class| CONDITIONS.contains(class));
        match failing {
            Failing::Nobodys => Class::PolicyNullTenant,
            Failing::Unset => hinted.filter(|class| *class == Class::PolicyTautology).unwrap_or(Class::PolicyFailsOpen),
            Failing::Confused => hinted.filter(|class| *class == Class::StoragePath).unwrap_or(Class::PolicyLossy),
            Failing::Believed => hinted.unwrap_or(Class::PolicyWrongContext),
            Failing::Written => hinted.unwrap_or(Class::PolicyCheckOpen),
            Failing::Open => hinted.unwrap_or_else(|| by_text(policy, actor, self.tenant_column(table))),
        }
    }
}

fn by_text(policy: &Policy, actor: &Actor<'_>, tenant: &str) -> Class {
    let text = policy.using.as_deref().or(policy.check.as_deref()).unwrap_or("true");
    let named = policy.roles.iter().any(|role| *role == 0 || *role == actor.role.oid);
    if !named {
        Class::PolicyNotForRole
    } else if is_always(text) {
        Class::PolicyTautology
    } else if compares_with_itself(text) {
        Class::PolicyCaptured
    } else if text.contains("user_metadata") {
        Class::PolicyWrongContext
    } else if is_lossy(text) && super::harvest::mentions(text, tenant) {
        Class::PolicyLossy
    } else {
        Class::PolicyOpen
    }
}

/// Whether nothing in a condition asks who is asking.
fn is_always(text: &str) -> bool {
    let inner = text.trim_start_matches('(').trim_end_matches(')');
    let words: Vec<&str> =
        inner.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '\'').filter(|word| !word.is_empty()).collect();
    let constant = |word: &&str| {
        matches!(*word, "true" | "integer" | "text") || word.starts_with(|c: char| c.is_ascii_digit() || c == '\'')
    };
    let itself = inner.split_once(" = ").is_some_and(|(left, right)| left == right);
    inner.ends_with("OR true") || inner.starts_with("true OR") || itself || words.iter().all(constant)
}

/// Whether `x.c = x.c` stands in it.
fn compares_with_itself(text: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"');
    text.match_indices(" = ").any(|(at, _)| {
        let left = text[..at].rsplit(|c| !part(c)).next().unwrap_or_default();
        let right = text[at + 3..].split(|c| !part(c)).next().unwrap_or_default();
        left == right && left.contains('.')
    })
}

fn is_lossy(text: &str) -> bool {
    let lower = text.to_ascii_lowercase().replace('"', "");
    [
        "~~",
        " ~ ",
        "~*",
        "left(",
        "right(",
        "substr",
        "lower(",
        "upper(",
        "trim(",
        "starts_with",
        "split_part",
        "^@",
        "position(",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{compares_with_itself, is_always, is_lossy};

    #[test]
    fn the_text_of_a_condition_tells_its_class() {
        assert!(
            is_always("true")
                && is_always("(tenant_id = tenant_id)")
                && !is_always("(tenant_id = current_setting('x'::text))")
        );
        assert!(compares_with_itself("(EXISTS ( SELECT 1 FROM m WHERE (m.tenant_id = m.tenant_id)))"));
        assert!(!compares_with_itself("(m.tenant_id = docs.tenant_id)"));
        assert!(is_lossy("(tenant_id ~~ (current_setting('x'::text) || '%'::text))"));
    }
}
