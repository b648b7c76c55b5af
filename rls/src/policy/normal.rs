//! One form for values that are the same: casts that lose nothing are dropped, and what is plain is decided at once.

use super::cases::{Atom, Term, narrowed};
use super::context::{Meanings, OLD_CLAIM};
use super::expr::{Column, Keeps, Op, Truths, Value};
use super::lower::Scope;
use crate::catalog::{self, Relation};
use crate::verify::World;

/// Longest text of a uuid, and of a 64-bit number.
const UUID_LENGTH: usize = 36;
const NUMBER_LENGTH: usize = 20;

/// What kinds of values there are, as far as casts care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Uuid,
    Int,
    Number,
    Text,
    Other,
}

/// What is known about the values of one judgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normal<'n> {
    pub world: &'n World<'n>,
    pub meanings: &'n Meanings,
    pub scopes: &'n [Scope],
    /// The tenant column of scope 0, where it has one.
    pub tenant_column: Option<&'n catalog::Column>,
    /// The type of tenants, as `rls.toml` says.
    pub tenant_type: &'n str,
    /// Roles that a definer function takes for the tenant, and that are none: rows by their names are nobody's.
    pub nobody: &'n [&'n str],
}

impl<'n> Normal<'n> {
    pub(super) fn relation(&self, scope: usize) -> Option<&'n Relation> {
        self.scopes.get(scope)?.relation.and_then(|oid| self.world.relation(oid))
    }

    pub(super) fn column(&self, column: &Column) -> Option<&'n catalog::Column> {
        self.relation(column.scope)?.column(&column.name)
    }

    /// Whether it is the tenant column of the row that is judged.
    pub(super) fn is_tenant(&self, column: &Column) -> bool {
        column.scope == 0 && self.tenant_column.is_some_and(|tenant| tenant.name == column.name)
    }

    /// The one form of a value.
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::Sure(inner) => self.value(*inner),
            Value::Cast(inner, name) => {
                let inner = self.value(*inner);
                self.cast(inner, &name)
            }
            Value::Collate(inner, name) => {
                let inner = self.value(*inner);
                if self.is_lossy_collation(&name) { Value::call("collate", vec![inner], Keeps::Some) } else { inner }
            }
            Value::Column(column) if self.is_tenant(&column) && self.has_lossy_collation(&column) => {
                Value::call("its collation", vec![Value::Column(column)], Keeps::Some)
            }
            Value::Setting { name, path } if name == OLD_CLAIM => self.meanings.claim(&path),
            Value::Call { name, args, keeps } => self.call(name, args, keeps),
            Value::Row(list) => Value::Row(list.into_iter().map(|one| self.value(one)).collect()),
            other => other,
        }
    }

    fn is_lossy_collation(&self, name: &str) -> bool {
        let last = name.rsplit('.').next().unwrap_or(name);
        self.world.catalog.server.lossy_collations.iter().any(|known| known == last)
    }

    fn has_lossy_collation(&self, column: &Column) -> bool {
        self.column(column).is_some_and(|column| !column.is_deterministic)
    }

    fn call(&self, name: String, args: Vec<Value>, keeps: Keeps) -> Value {
        let args: Vec<Value> = args.into_iter().map(|one| self.value(one)).collect();
        const CASES: &[&str] = &["lower", "upper", "btrim", "ltrim", "rtrim", "trim", "initcap"];
        if let ([only], true) = (args.as_slice(), CASES.contains(&name.as_str())) {
            if let Value::Const(text) = only {
                return Value::Const(if name == "upper" { text.to_uppercase() } else { text.to_lowercase() });
            }
            if matches!(self.domain(only), Domain::Uuid | Domain::Int) {
                return only.clone();
            }
        }
        Value::Call { name, args, keeps }
    }

    /// Some element of an array.
    pub(super) fn element(&self, list: Value) -> Value {
        match list {
            Value::Sure(inner) | Value::Cast(inner, _) => self.element(*inner),
            Value::Split(inner) => match self.value(*inner) {
                // A context that holds several tenants holds only the caller's.
                known @ (Value::Tenant | Value::User) => known,
                Value::Setting { name, path } => self.element(Value::Setting { name, path }),
                other => Value::call("a part of", vec![other], Keeps::Some),
            },
            Value::Setting { name, path } => {
                let known = self.meanings.element(&name, &path);
                known.unwrap_or(Value::Setting { name, path })
            }
            known @ (Value::Tenant | Value::User | Value::Const(_) | Value::Null) => known,
            other => Value::call("an element of", vec![other], Keeps::Some),
        }
    }

    pub(super) fn domain(&self, value: &Value) -> Domain {
        match value {
            Value::Column(column) => {
                let kind = self.column(column).map(catalog::Column::plain_type);
                let kind = if self.is_tenant(column) { self.narrowest(kind) } else { kind };
                kind.map_or(Domain::Other, domain_of)
            }
            Value::Tenant => domain_of(self.tenant_type),
            Value::User => Domain::Uuid,
            _ => Domain::Other,
        }
    }

    /// A text column that is meant to hold uuids or numbers holds those.
    fn narrowest<'k>(&'k self, kind: Option<&'k str>) -> Option<&'k str> {
        kind.map(|kind| if domain_of(kind) == Domain::Text { self.tenant_type } else { kind })
    }

    fn cast(&self, inner: Value, name: &str) -> Value {
        if self.loses(&inner, name) {
            return Value::call(format!("::{name}"), vec![inner], Keeps::Some);
        }
        inner
    }

    /// Whether a cast may take two values for one.
    fn loses(&self, inner: &Value, name: &str) -> bool {
        let name = name.trim_end_matches("[]");
        let (base, limit) = name.split_once('(').map_or((name, None), |(base, rest)| {
            (base, rest.trim_end_matches(')').split(',').next().and_then(|number| number.parse::<usize>().ok()))
        });
        let domain = self.domain(inner);
        let is_column = has_column(inner);
        match base {
            "varchar" | "bpchar" if limit.is_none() => false,
            "varchar" | "bpchar" | "char" => self.cuts(base, limit.unwrap_or(1), domain),
            "uuid" => is_column && domain != Domain::Uuid,
            "int2" | "int4" | "int8" | "numeric" | "oid" => match domain {
                Domain::Int => false,
                Domain::Number => base != "numeric" || limit.is_some(),
                Domain::Text => true,
                Domain::Uuid | Domain::Other => is_column,
            },
            "float4" | "float8" | "bool" | "date" | "timestamp" | "timestamptz" | "money" | "time" | "interval" => true,
            "citext" => !self.is_citext(),
            base if base.ends_with(".citext") => !self.is_citext(),
            _ => false,
        }
    }

    fn cuts(&self, base: &str, limit: usize, domain: Domain) -> bool {
        let word = if base == "varchar" { "character varying(" } else { "character(" };
        let own = self.tenant_column.and_then(|column| column.type_name.strip_prefix(word));
        let own = own.and_then(|rest| rest.trim_end_matches(')').parse::<usize>().ok());
        match domain {
            Domain::Uuid => limit < UUID_LENGTH,
            Domain::Int => limit < NUMBER_LENGTH,
            _ => own.is_none_or(|own| limit < own),
        }
    }

    fn is_citext(&self) -> bool {
        self.tenant_column.is_some_and(|column| column.type_name.ends_with("citext"))
    }

    /// Terms in which a value without cases is NULL, or is not.
    pub(super) fn null(&self, value: &Value, want: Truths, terms: Vec<Term>) -> Vec<Term> {
        let never = if want.has(Truths::FALSE) { terms.clone() } else { Vec::new() };
        match value {
            Value::Null => {
                if want.has(Truths::TRUE) {
                    terms
                } else {
                    Vec::new()
                }
            }
            Value::Raise => Vec::new(),
            Value::Const(_) | Value::Me | Value::Login | Value::List(_) | Value::Count(_) | Value::ListOf(_) => never,
            Value::Sure(inner) => match &**inner {
                Value::Tenant | Value::User | Value::Const(_) => never,
                Value::Setting { path, .. } if path.is_empty() => never,
                other => self.null(other, want, terms),
            },
            Value::Cast(inner, _) | Value::Collate(inner, _) | Value::Split(inner) => self.null(inner, want, terms),
            Value::Call { args, keeps, .. } if args.len() == 1 && *keeps != Keeps::Unknown => {
                self.null(&args[0], want, terms)
            }
            Value::Column(column) if self.is_never_null(column) => {
                if want.has(Truths::TRUE) && !want.has(Truths::FALSE) {
                    // Only an outer join that found nothing makes it NULL.
                    return narrowed(&Atom::Missing(column.scope), Truths::TRUE, self.outer(column.scope, terms));
                }
                never
            }
            other => narrowed(&Atom::Null(self.value(other.clone())), want, terms),
        }
    }

    /// Those terms that speak of an outer join of this row at all.
    #[expect(clippy::unused_self, reason = "it reads as the others do")]
    fn outer(&self, scope: usize, mut terms: Vec<Term>) -> Vec<Term> {
        terms.retain(|term| term.iter().any(|(atom, _)| *atom == Atom::Missing(scope)));
        terms
    }

    fn is_never_null(&self, column: &Column) -> bool {
        let Some(known) = self.column(column) else { return false };
        known.is_not_null || self.relation(column.scope).is_some_and(|relation| self.is_checked(relation, known))
    }

    fn is_checked(&self, relation: &Relation, column: &catalog::Column) -> bool {
        let wanted = format!("CHECK (({} IS NOT NULL))", column.name);
        let mut checks = self.world.constraints_of(relation.oid).iter();
        checks.any(|check| check.kind == "c" && check.is_validated && check.definition == wanted)
    }

    /// Terms in which a boolean value without cases has one of these truth values.
    pub(super) fn holds(&self, value: &Value, want: Truths, terms: Vec<Term>) -> Vec<Term> {
        narrowed(&Atom::Holds(self.value(value.clone())), want, terms)
    }

    /// Terms in which a comparison of two values without cases has one of these truth values.
    pub(super) fn compare(&self, op: &Op, left: &Value, right: &Value, want: Truths, terms: Vec<Term>) -> Vec<Term> {
        let (left, right) = (self.value(left.clone()), self.value(right.clone()));
        match (&left, &right) {
            (Value::Const(one), Value::Const(other)) if *op == Op::Eq => {
                let truth = Truths::of(Some(one == other));
                return if want.has(truth) { terms } else { Vec::new() };
            }
            (
                Value::Call { name, args, keeps: Keeps::All },
                Value::Call { name: other, args: others, keeps: Keeps::All },
            ) if *op == Op::Eq && name == other && args.len() == others.len() && want == Truths::TRUE => {
                let pairs = args.iter().zip(others);
                return pairs.fold(terms, |terms, (one, other)| self.compare(&Op::Eq, one, other, want, terms));
            }
            _ => {}
        }
        if left == right && matches!(op, Op::Eq | Op::Le) {
            return narrowed(&Atom::Same(left), want.and(Truths::FALSE.others()), terms);
        }
        let swap = *op == Op::Eq && right < left;
        let (left, right) = if swap { (right, left) } else { (left, right) };
        narrowed(&Atom::Compare(op.clone(), left, right), want, terms)
    }
}

fn has_column(value: &Value) -> bool {
    let mut found = false;
    value.visit(&mut |value| found |= matches!(value, Value::Column(_)));
    found
}

pub(super) fn domain_of(kind: &str) -> Domain {
    match kind {
        "uuid" => Domain::Uuid,
        "integer" | "bigint" | "smallint" | "int" | "int2" | "int4" | "int8" | "serial" | "bigserial" => Domain::Int,
        kind if kind.starts_with("numeric") || kind.starts_with("decimal") => Domain::Number,
        kind if kind.starts_with("text") || kind.starts_with("char") || kind.starts_with("varchar") => Domain::Text,
        kind if kind.ends_with("citext") => Domain::Text,
        _ => Domain::Other,
    }
}
