//! What closes all findings: their statements, once each, in an order that is safe while others work.
//!
//! First what roles may do, then indexes, which are built beside whoever writes; keys on those indexes; foreign keys,
//! not valid at first; their validation, which locks nobody out; and at last, a transaction a table, the policies, row
//! level security itself, and what was replaced. No statement of a plan loses a row: what is not known to keep
//! everything is left to a person ([`kind_of`]).

mod kind;
mod written;

use std::collections::{HashMap, HashSet};

use crate::finding::{Finding, Severity};
use crate::name::Name;
use crate::remedy::{Remedy, Runs, Step};

pub use kind::{Kind, kind_of, objection};
pub(crate) use written::{LOCK_TIMEOUT, LOCK_TIMEOUT_ALONE};
pub use written::{json, sql};

/// Statements that run as one.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The table that they are about; none for roles and the database.
    pub table: Option<Name>,
    /// In one transaction, or one statement outside of any.
    pub runs: Runs,
    /// The statements.
    pub steps: Vec<Step>,
    /// The ids of the findings that they close, or help to.
    pub closes: Vec<String>,
    /// Why, in a line a class.
    pub why: Vec<&'static str>,
}

/// Everything that is to be done.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In this order.
    pub batches: Vec<Batch>,
    /// What no statement closes: the finding's id, and what a person has to do.
    pub left: Vec<(String, String)>,
    /// What a person has to know before it runs: the finding's id, and the sentence.
    pub mind: Vec<(String, String)>,
}

/// A statement with where it belongs.
struct Placed<'a> {
    step: &'a Step,
    kind: Kind,
    finding: &'a Finding,
}

impl Plan {
    /// The plan of these findings; those for information need none.
    pub fn of(findings: &[Finding]) -> Self {
        let mut plan = Self::default();
        let mut placed = Vec::new();
        for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
            match plan.steps_of(finding) {
                Some(steps) => placed.extend(steps),
                None => plan.left.push((finding.id(), to_do(&finding.remedy))),
            }
        }
        plan.batches = batches(once_each(placed));
        plan
    }

    /// How many statements there are.
    pub fn statements(&self) -> usize {
        self.batches.iter().map(|batch| batch.steps.len()).sum()
    }

    fn steps_of<'a>(&mut self, finding: &'a Finding) -> Option<Vec<Placed<'a>>> {
        let steps = &finding.remedy.steps;
        if steps.is_empty() || objection(steps).is_some() {
            return None;
        }
        if !finding.remedy.advice.is_empty() {
            self.mind.push((finding.id(), finding.remedy.advice.clone()));
        }
        steps.iter().map(|step| Some(Placed { step, kind: kind_of(&step.sql)?, finding })).collect()
    }
}

/// The advice, or else what speaks against the statements, with the statements.
fn to_do(remedy: &Remedy) -> String {
    match objection(&remedy.steps) {
        Some(why) => format!("{why}; look at it and run it yourself: {}", remedy.sql()),
        None if remedy.advice.is_empty() => {
            "no statement closes this: `tenantry rls explain` says what does.".to_owned()
        }
        None => remedy.advice.clone(),
    }
}

/// Each statement once, for all findings that want it. Of two that make a thing of the same name the first stays.
fn once_each(placed: Vec<Placed<'_>>) -> Vec<(Placed<'_>, Vec<&Finding>)> {
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut found: Vec<(Placed<'_>, Vec<&Finding>)> = Vec::new();
    for one in placed {
        let key = one.kind.makes().unwrap_or_else(|| one.step.sql.clone());
        match at.get(&key) {
            Some(index) => found[*index].1.push(one.finding),
            None => {
                at.insert(key, found.len());
                let finding = one.finding;
                found.push((one, vec![finding]));
            }
        }
    }
    found
}

/// Sorted by what has to come first, then put together: what is alone stays alone.
fn batches(mut placed: Vec<(Placed<'_>, Vec<&Finding>)>) -> Vec<Batch> {
    let order = table_order(&placed);
    placed.sort_by_key(|(one, _)| (one.kind.stage(), order[&one.step.table], one.kind.place()));
    let mut found: Vec<(u8, Batch)> = Vec::new();
    for (one, findings) in placed {
        let (stage, runs) = (one.kind.stage(), if one.kind.is_alone() { Runs::Alone } else { one.step.runs });
        let last = found.last_mut().filter(|(of, batch)| {
            *of == stage && batch.table == one.step.table && batch.runs == Runs::Together && runs == Runs::Together
        });
        let batch = match last {
            Some((_, batch)) => batch,
            None => {
                let table = one.step.table.clone();
                found.push((stage, Batch { table, runs, steps: Vec::new(), closes: Vec::new(), why: Vec::new() }));
                &mut found.last_mut().expect("it was just put there").1
            }
        };
        batch.add(one.step, &findings);
    }
    found.into_iter().map(|(_, batch)| batch).collect()
}

/// Tables in the order in which findings name them.
fn table_order(placed: &[(Placed<'_>, Vec<&Finding>)]) -> HashMap<Option<Name>, usize> {
    let mut order = HashMap::new();
    for (one, _) in placed {
        let next = order.len();
        order.entry(one.step.table.clone()).or_insert(next);
    }
    order
}

impl Batch {
    fn add(&mut self, step: &Step, findings: &[&Finding]) {
        self.steps.push(step.clone());
        let known: HashSet<String> = self.closes.iter().cloned().collect();
        self.closes.extend(findings.iter().map(|finding| finding.id()).filter(|id| !known.contains(id)));
        self.closes.dedup();
        for finding in findings {
            if !self.why.contains(&finding.class.title()) {
                self.why.push(finding.class.title());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use crate::class::Class;
    use crate::finding::Finding;
    use crate::name::Name;
    use crate::remedy::{Remedy, Runs, Step};

    fn found(class: Class, steps: Vec<Step>) -> Finding {
        Finding::verified(class, "public.orders", "why").closed_by(Remedy::steps(steps))
    }

    fn orders() -> Name {
        Name::new("public", "orders")
    }

    #[test]
    fn row_level_security_comes_after_the_policies_and_each_statement_once() {
        let on = |sql: &str| Step::on(&orders(), sql);
        let findings = [
            found(
                Class::RlsDisabled,
                vec![on("alter table orders enable row level security"), on("create policy t on orders using (true)")],
            ),
            found(
                Class::PolicyOpen,
                vec![on("alter table orders enable row level security"), on("revoke truncate on orders from app")],
            ),
        ];
        let plan = Plan::of(&findings);
        let sql: Vec<&str> = plan.batches.iter().flat_map(|batch| &batch.steps).map(|step| step.sql.as_str()).collect();
        let last = "alter table orders enable row level security";
        assert_eq!(sql, ["revoke truncate on orders from app", "create policy t on orders using (true)", last]);
        assert_eq!(plan.batches.last().unwrap().closes, ["rls-disabled:public.orders", "policy-open:public.orders"]);
    }

    #[test]
    fn an_index_is_built_by_itself_before_what_it_replaces_goes() {
        let findings = [found(
            Class::UniqueOracle,
            vec![
                Step::alone(
                    &orders(),
                    "create unique index concurrently o on orders (tenant_id, no)",
                    "drop index concurrently if exists o",
                ),
                Step::on(&orders(), "alter table orders drop constraint orders_no_key"),
            ],
        )];
        let plan = Plan::of(&findings);
        assert_eq!(plan.batches.iter().map(|batch| batch.runs).collect::<Vec<_>>(), [Runs::Alone, Runs::Together]);
    }

    /// Whatever a finding says: a row is never lost by a plan.
    #[test]
    fn what_may_lose_something_is_left_to_a_person() {
        let dangerous = [
            "drop table orders",
            "delete from orders",
            "update orders set tenant_id = null",
            "truncate orders",
            "alter table orders drop column note",
            "alter table orders alter column note type int using 1",
            "alter table orders disable row level security",
            "drop index orders_no_key",
            "alter table orders drop constraint orders_pkey",
            "drop schema public cascade",
            "drop function f()",
            "drop owned by app",
            "select pg_terminate_backend(1)",
            "do $$ begin delete from orders; end $$",
            "create table x as select 1",
            "alter table orders enable row level security, drop column note",
            "alter table orders enable row level security; delete from orders",
            "create policy",
            "",
        ];
        for sql in dangerous {
            let plan = Plan::of(&[found(Class::RlsDisabled, vec![Step::on(&orders(), sql)])]);
            assert!(plan.batches.is_empty(), "{sql}");
            assert_eq!(plan.left.len(), 1, "{sql}");
        }
    }
}
