//! What the prover reasons about: values, conditions in three-valued logic, and queries, all names resolved.

use super::context::{Meanings, OLD_CLAIM};
use crate::config::CLAIMS;

/// A set of truth values: true, false, unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Truths(u8);

impl Truths {
    /// True alone.
    pub(super) const TRUE: Self = Self(1);
    /// False alone.
    pub(super) const FALSE: Self = Self(2);
    /// Unknown alone: what a comparison with NULL gives.
    pub(super) const NULL: Self = Self(4);
    /// False or unknown.
    pub(super) const NOT_TRUE: Self = Self(6);
    /// None: a contradiction.
    pub(super) const NONE: Self = Self(0);

    /// Whether it holds all of the other.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is not in it.
    #[must_use]
    pub(super) const fn others(self) -> Self {
        Self(7 & !self.0)
    }

    /// The same of the negated condition.
    #[must_use]
    pub(super) const fn negated(self) -> Self {
        Self((self.0 & 1) << 1 | (self.0 & 2) >> 1 | self.0 & 4)
    }

    /// Of a constant.
    pub(super) const fn of(value: Option<bool>) -> Self {
        match value {
            Some(true) => Self::TRUE,
            Some(false) => Self::FALSE,
            None => Self::NULL,
        }
    }
}

/// A column of one of the rows that a condition speaks of; scope 0 is the row that is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Column {
    /// Which row.
    pub(super) scope: usize,
    /// Its name there.
    pub(super) name: String,
}

/// How much of its arguments a function keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Keeps {
    /// Two arguments never give one result.
    All,
    /// They may: `lower`, `left`, `hashtext`.
    Some,
    /// Nobody knows: its body could not be read.
    Unknown,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Value {
    /// NULL.
    Null,
    /// A literal, as text. Booleans are `true` and `false`.
    Const(String),
    /// A column.
    Column(Column),
    /// The context's tenant.
    Tenant,
    /// The context's user.
    User,
    /// A setting, or a part of one, that is neither.
    Setting {
        /// The setting.
        name: String,
        /// The keys down to the part.
        path: Vec<String>,
    },
    /// `current_user`.
    Me,
    /// `session_user`.
    Login,
    /// An error: the statement ends.
    Raise,
    /// Never NULL.
    Sure(Box<Value>),
    /// The first whose condition is true, or the last.
    Case(Vec<(Condition, Value)>, Box<Value>),
    /// One of them; which is not known.
    Pick(Vec<Value>),
    /// The one row of a sub-select; NULL where there is none.
    Query(Box<Query>),
    /// How many rows there are.
    Count(Box<Query>),
    /// The rows as an array.
    ListOf(Box<Query>),
    /// An array.
    List(Vec<Value>),
    /// The parts of a text, as an array.
    Split(Box<Value>),
    /// Some element of an array.
    Element(Box<Value>),
    /// A row.
    Row(Vec<Value>),
    /// A condition as a value.
    Truth(Box<Condition>),
    /// A cast, whose type is as the parser names it: `uuid`, `varchar(8)`.
    Cast(Box<Value>, String),
    /// A collation other than the column's.
    Collate(Box<Value>, String),
    /// A function of its arguments.
    Call {
        /// Its name, or what could not be understood.
        name: String,
        /// Its arguments.
        args: Vec<Value>,
        /// What it keeps of them.
        keeps: Keeps,
    },
}

/// How two values are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Op {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// Another operator, by its name.
    Other(String),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Condition {
    /// `true`, `false`, NULL.
    Const(Option<bool>),
    /// All of them.
    And(Vec<Condition>),
    /// One of them.
    Or(Vec<Condition>),
    /// Not.
    Not(Box<Condition>),
    /// `is true`, `is not false`, …
    Is(Box<Condition>, Truths),
    /// The first whose condition is true, or the last.
    Case(Vec<(Condition, Condition)>, Box<Condition>),
    /// `is null`.
    Null(Value),
    /// A comparison.
    Compare(Op, Value, Value),
    /// A value that is boolean itself.
    Holds(Value),
    /// Whether there is a row.
    Exists(Box<Query>),
    /// Whether an outer join found nothing for this row.
    Missing(usize),
}

/// A query: each arm of its `union` with a condition over its rows, and what it gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Query {
    /// The arms.
    pub(super) arms: Vec<Arm>,
}

/// One `select`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Arm {
    /// What must hold for its rows.
    pub(super) condition: Condition,
    /// What it gives, with names.
    pub(super) targets: Vec<(String, Value)>,
}

impl Value {
    /// A call.
    pub(super) fn call(name: impl Into<String>, args: Vec<Self>, keeps: Keeps) -> Self {
        Self::Call { name: name.into(), args, keeps }
    }

    /// What could not be understood.
    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self::call(what, Vec::new(), Keeps::Unknown)
    }

    /// A boolean literal.
    pub(super) fn boolean(value: bool) -> Self {
        Self::Const(value.to_string())
    }

    /// As a condition.
    pub(super) fn holds(self) -> Condition {
        match self {
            Self::Truth(condition) => *condition,
            Self::Null => Condition::Const(None),
            Self::Const(text) => match text.as_str() {
                "true" | "t" | "on" | "yes" | "1" => Condition::Const(Some(true)),
                "false" | "f" | "off" | "no" | "0" => Condition::Const(Some(false)),
                _ => Condition::Holds(Self::Const(text)),
            },
            Self::Case(branches, last) => {
                let branches = branches.into_iter().map(|(when, then)| (when, then.holds())).collect();
                Condition::Case(branches, Box::new(last.holds()))
            }
            Self::Cast(inner, name) if name == "bool" => inner.holds(),
            other => Condition::Holds(other),
        }
    }

    /// `coalesce`. Of a claim in its old place and in its new one, the new one.
    pub(super) fn coalesce(mut values: Vec<Self>) -> Self {
        if values.iter().any(|value| value.speaks_of_claims(false)) {
            values.retain(|value| !value.speaks_of_claims(true));
        }
        let Some(last) = values.pop() else { return Self::Null };
        let branch = |value: Self| (Condition::Null(value.clone()).not(), value);
        if values.is_empty() { last } else { Self::Case(values.into_iter().map(branch).collect(), Box::new(last)) }
    }

    /// `nullif`.
    pub(super) fn nullif(self, other: Self) -> Self {
        let same = Condition::Compare(Op::Eq, self.clone(), other);
        Self::Case(vec![(same, Self::Null)], Box::new(self))
    }

    fn speaks_of_claims(&self, old: bool) -> bool {
        let (mut old_ones, mut new_ones) = (false, false);
        self.visit(&mut |value| match value {
            Self::Setting { name, .. } if name == OLD_CLAIM => old_ones = true,
            Self::Setting { name, .. } if name == CLAIMS => new_ones = true,
            Self::User | Self::Tenant => new_ones = true,
            _ => {}
        });
        if old { old_ones } else { new_ones && !old_ones }
    }

    /// Whether it is known before a statement runs.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Self::Null | Self::Const(_) => true,
            Self::Cast(inner, _) | Self::Sure(inner) => inner.is_constant(),
            _ => false,
        }
    }

    /// Whether it depends on the context, or with `or_role` on the role. A statement under policies is planned anew for
    /// another role.
    pub(super) fn asks(&self, meanings: &Meanings, or_role: bool) -> bool {
        let mut asks = false;
        self.visit(&mut |value| match value {
            Self::Tenant | Self::User => asks = true,
            Self::Setting { name, .. } => asks |= meanings.holds_context(name) || meanings.is_declared(name),
            Self::Me => asks |= or_role,
            _ => {}
        });
        asks
    }

    /// Calls `see` with it, and with everything inside it but other queries' conditions.
    pub(super) fn visit(&self, see: &mut impl FnMut(&Self)) {
        see(self);
        match self {
            Self::Sure(inner)
            | Self::Split(inner)
            | Self::Element(inner)
            | Self::Cast(inner, _)
            | Self::Collate(inner, _) => inner.visit(see),
            Self::Pick(list) | Self::List(list) | Self::Row(list) | Self::Call { args: list, .. } => {
                for value in list {
                    value.visit(see);
                }
            }
            Self::Case(branches, last) => {
                for (when, then) in branches {
                    when.visit(see);
                    then.visit(see);
                }
                last.visit(see);
            }
            Self::Truth(condition) => condition.visit(see),
            Self::Query(query) | Self::Count(query) | Self::ListOf(query) => query.visit(see),
            _ => {}
        }
    }
}

impl Condition {
    /// Its negation.
    #[must_use]
    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// As a value.
    pub(super) fn value(self) -> Value {
        match self {
            Self::Const(Some(value)) => Value::boolean(value),
            Self::Const(None) => Value::Null,
            Self::Holds(value) => value,
            other => Value::Truth(Box::new(other)),
        }
    }

    /// Calls `see` with every value in it.
    pub(super) fn visit(&self, see: &mut impl FnMut(&Value)) {
        match self {
            Self::Const(_) | Self::Missing(_) => {}
            Self::And(list) | Self::Or(list) => list.iter().for_each(|one| one.visit(see)),
            Self::Not(inner) | Self::Is(inner, _) => inner.visit(see),
            Self::Case(branches, last) => {
                for (when, then) in branches {
                    when.visit(see);
                    then.visit(see);
                }
                last.visit(see);
            }
            Self::Null(value) | Self::Holds(value) => value.visit(see),
            Self::Compare(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Self::Exists(query) => query.visit(see),
        }
    }
}

impl Query {
    /// Calls `see` with every value in it.
    pub(super) fn visit(&self, see: &mut impl FnMut(&Value)) {
        for arm in &self.arms {
            arm.condition.visit(see);
            arm.targets.iter().for_each(|(_, value)| value.visit(see));
        }
    }

    /// The same with one column only.
    #[must_use]
    pub(super) fn column(&self, at: usize) -> Self {
        let only = |arm: &Arm| Arm {
            condition: arm.condition.clone(),
            targets: arm.targets.get(at).cloned().into_iter().collect(),
        };
        Self { arms: self.arms.iter().map(only).collect() }
    }

    /// Whether one of its rows is this value or row.
    pub(super) fn contains(&self, value: &Value, op: &Op) -> Condition {
        let arm = |arm: &Arm| {
            let targets: Vec<Value> = arm.targets.iter().map(|(_, value)| value.clone()).collect();
            let target = if let [one] = targets.as_slice() { one.clone() } else { Value::Row(targets) };
            let same = Condition::Compare(op.clone(), value.clone(), target);
            Arm { condition: Condition::And(vec![arm.condition.clone(), same]), targets: arm.targets.clone() }
        };
        Condition::Exists(Box::new(Self { arms: self.arms.iter().map(arm).collect() }))
    }
}
