//! What an expression implies: PostgreSQL's own parse tree, judged by three-valued logic.
//!
//! A policy is sound when every row for which its condition is true belongs to the tenant that asks. The condition is
//! lowered into the prover's own expressions (`lower`, `operators`, `query`, `calls`, `plpgsql`), which looks through sub-selects,
//! joins, views and functions; split into all the ways in which it can be true (`cases`), each a conjunction over the
//! row, the context and the rows that sub-queries found; and each of those is asked (`facts`, `decide`) whether it
//! contradicts itself, whether it ties the row to the context, or what else it lets through. What must always hold: a
//! condition that is not understood is never called sound, and no text of a catalogue makes it panic.

mod calls;
mod cases;
mod context;
mod context_sql;
mod decide;
mod expr;
mod facts;
mod lower;
mod normal;
mod operators;
mod plpgsql;
mod query;
mod statement;
#[cfg(test)]
mod tests;

pub use context_sql::{context_expression, tenant_equality};
pub use statement::{Known, Statement};

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use cases::{Cases, Term};
use context::Meanings;
use expr::{Condition, Truths};
use lower::{Lowering, Parses};
use normal::Normal;

use crate::catalog::{Function, Policy, Relation};
use crate::verify::{Guise, World};

/// What is asked of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// That rows which it lets through are the asker's to see: their tenant's, by themselves or by what they belong to.
    See,
    /// That rows which it lets be written carry the asker's tenant.
    Write,
    /// The same of a table that says who belongs where: that a row is a person's own is not enough.
    Enrol,
}

/// What the prover says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every row that it lets through is the asker's, as long as these are what they should be.
    Implied(Sources),
    /// It lets others through, and why.
    Open(Reason, String),
    /// What could not be judged.
    Unknown(String),
}

/// What a proof rests on: tables that say who belongs where.
pub type Sources = BTreeMap<u32, Source>;

/// What is read of one of those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The columns of rows that are a person's, or that other rows tie.
    pub columns: BTreeSet<String>,
    /// The columns, other than the one that says whose such a row is, that name the tenant whose rows it opens.
    pub given: BTreeSet<String>,
}

fn gather(sources: &mut Sources, more: Sources) {
    for (oid, source) in more {
        let known = sources.entry(oid).or_default();
        known.columns.extend(source.columns);
        known.given.extend(source.given);
    }
}

/// Why a condition lets others' rows through; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// An inner column took the place of the outer one.
    Captured,
    /// It is always true.
    Tautology,
    /// Without a context everything is let through.
    FailsOpen,
    /// The caller chooses what it is compared with.
    WrongContext,
    /// Two tenants are taken for one.
    Lossy,
    /// Anybody with a context is let through.
    AnyContext,
    /// A sub-query says nothing about the row.
    Uncorrelated,
    /// One tenant's rows are everybody's.
    OneTenant,
    /// Another column decides.
    OtherColumn,
    /// Rows without a tenant are everybody's.
    NullTenant,
    /// Whoever names a row's token sees it: as it is meant, where nobody guesses the token.
    BySecret,
}

/// Judges conditions, and remembers what it has judged.
#[derive(Debug)]
pub struct Prover<'p, 'a> {
    world: &'p World<'a>,
    meanings: Meanings,
    parses: Parses,
    seen: RefCell<HashMap<(u32, u32), Option<Verdict>>>,
    judged: RefCell<HashMap<Question, Verdict>>,
    chain: Cell<usize>,
}

/// A relation, conditions, what is asked of them, and the role that asks.
type Question = (u32, Vec<String>, Goal, u32);

/// So many tables whose policies read the next one are followed.
const MAX_CHAIN: usize = 12;

/// What an expression reads and calls, functions looked through.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// Functions, by their oids.
    pub functions: BTreeSet<u32>,
    /// Those of them that are computed when a statement is planned, though they depend on who asks.
    pub frozen: BTreeSet<u32>,
    /// Relations, by their oids.
    pub relations: BTreeSet<u32>,
    /// Functions that name a table without its schema, by their oids, each with such a name.
    pub unqualified: BTreeMap<u32, String>,
}

impl<'p, 'a> Prover<'p, 'a> {
    /// For a world.
    pub fn new(world: &'p World<'a>) -> Self {
        let meanings = Meanings::of(&world.settings.context, world.settings.context.membership().is_some());
        let (parses, seen, judged, chain) = <_>::default();
        Self { world, meanings, parses, seen, judged, chain }
    }

    /// Whether all of `conditions` together imply that a row of `relation` is the asker's.
    pub fn judge(&self, relation: &Relation, conditions: &[&str], goal: Goal, guise: &Guise<'a>) -> Verdict {
        let texts: Vec<String> = conditions.iter().map(|text| (*text).to_owned()).collect();
        let key = (relation.oid, texts, goal, guise.role.oid);
        if let Some(known) = self.judged.borrow().get(&key) {
            return known.clone();
        }
        let mut lowering = Lowering::new(self.world, &self.meanings, &self.parses, Some(relation.oid));
        let all = Condition::And(conditions.iter().map(|text| lowering.expression(text)).collect());
        let verdict = self.decide(&lowering, relation, &all, goal, guise);
        self.judged.borrow_mut().insert(key, verdict.clone());
        verdict
    }

    /// What an expression over a relation's rows reads and calls.
    pub fn uses(&self, relation: &Relation, condition: &str) -> Uses {
        let mut lowering = Lowering::new(self.world, &self.meanings, &self.parses, Some(relation.oid));
        let _ = lowering.expression(condition);
        Self::used(lowering)
    }

    /// What a call of a function without arguments comes to.
    pub fn uses_of_call(&self, function: &Function) -> Uses {
        let mut lowering = Lowering::new(self.world, &self.meanings, &self.parses, None);
        let _ = lowering.expression(&format!("{}() is null", function.name.quoted()));
        Self::used(lowering)
    }

    fn used(lowering: Lowering<'_, '_>) -> Uses {
        let Lowering { calls: functions, frozen, reads: relations, unqualified, .. } = lowering;
        Uses { functions, frozen, relations, unqualified }
    }

    /// The literal that an expression is, whatever it is cast to; none where it is computed.
    pub fn literal(&self, expression: &str) -> Option<String> {
        let mut lowering = Lowering::new(self.world, &self.meanings, &self.parses, None);
        match lowering.expression(expression) {
            Condition::Holds(expr::Value::Const(text)) => Some(text),
            Condition::Const(Some(value)) => Some(value.to_string()),
            _ => None,
        }
    }

    fn decide(
        &self,
        lowering: &Lowering<'_, 'a>,
        relation: &Relation,
        condition: &Condition,
        goal: Goal,
        guise: &Guise<'a>,
    ) -> Verdict {
        let settings = self.world.settings;
        let tenant_type = settings.of_table(&relation.name).and_then(|table| table.tenant_type.as_deref());
        let nobody = self.nobody(&lowering.owners);
        let normal = Normal {
            world: self.world,
            meanings: &self.meanings,
            scopes: &lowering.scopes,
            tenant_column: relation.column(settings.tenant_column(&relation.name)),
            tenant_type: tenant_type.unwrap_or(&settings.tenant_type),
            nobody: &nobody,
        };
        let terms: Vec<Term> = match (Cases { normal }).of(condition, Truths::TRUE, vec![Vec::new()]) {
            Ok(terms) => terms,
            Err(cases::TooMany) => return Verdict::Unknown("a condition with too many cases".to_owned()),
        };
        let mut sees = |oid: u32| self.is_seen_soundly(oid, guise);
        decide::all(&normal, relation, &terms, goal, guise, &mut sees)
    }

    /// Where roles are tenants, those of these owners that are none: the app can be none of them.
    fn nobody(&self, owners: &BTreeSet<u32>) -> Vec<&'p str> {
        if !self.meanings.is_by_role {
            return Vec::new();
        }
        let names = owners.iter().filter(|owner| self.world.who_reaches(**owner).is_empty());
        names.map(|owner| self.world.role_name(*owner)).filter(|name| !self.world.is_tenants_role(name)).collect()
    }

    /// Whether a role sees only its tenant's rows of a relation.
    fn is_seen_soundly(&self, oid: u32, guise: &Guise<'a>) -> bool {
        let key = (oid, guise.role.oid);
        if let Some(known) = self.seen.borrow().get(&key) {
            return matches!(known, Some(Verdict::Implied(_)));
        }
        if self.chain.get() >= MAX_CHAIN {
            return false;
        }
        // A policy that reads its own table again ends in an error, which shows nothing.
        self.seen.borrow_mut().insert(key, None);
        let Some(relation) = self.world.relation(oid) else { return false };
        self.chain.set(self.chain.get() + 1);
        let verdict = self.reading(relation, guise);
        self.chain.set(self.chain.get() - 1);
        let is_sound = matches!(verdict, Verdict::Implied(_));
        self.seen.borrow_mut().insert(key, Some(verdict));
        is_sound
    }

    /// What a role may read of a relation with row level security.
    pub fn reading(&self, relation: &Relation, guise: &Guise<'a>) -> Verdict {
        let mine = |roles: &[u32]| roles.iter().any(|role| *role == 0 || guise.inherited.contains(role));
        let policies = self.world.policies_of(relation.oid);
        let held = policies
            .iter()
            .copied()
            .filter(|policy: &&Policy| matches!(policy.command.as_str(), "*" | "r") && mine(&policy.roles));
        let (permissive, restrictive): (Vec<&Policy>, Vec<&Policy>) = held.partition(|policy| policy.is_permissive);
        let and: Vec<&str> = restrictive.iter().filter_map(|policy| policy.using.as_deref()).collect();
        let mut sources = Sources::new();
        for policy in permissive {
            let all: Vec<&str> = policy.using.as_deref().into_iter().chain(and.iter().copied()).collect();
            match self.judge(relation, &all, Goal::See, guise) {
                Verdict::Implied(more) => gather(&mut sources, more),
                other => return other,
            }
        }
        Verdict::Implied(sources)
    }
}
