//! What follows from literals that hold together: which values are equal, and which rows belong to whoever asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cases::{Atom, Term};
use super::expr::{Column, Keeps, Op, Truths, Value};
use super::normal::Normal;
use crate::catalog::Relation;
use crate::config::CLAIMS;
use crate::verify::Guise;

/// What the role of a request's claims ordinarily is, whatever the database calls the role.
const ORDINARY: &[&str] = &["anon", "authenticated"];

/// Values that are equal, in classes.
#[derive(Debug, Default)]
pub(super) struct Classes {
    of: HashMap<Value, usize>,
    parents: Vec<usize>,
    members: Vec<Vec<Value>>,
}

impl Classes {
    fn place(&mut self, value: &Value) -> usize {
        if let Some(at) = self.of.get(value) {
            return self.root(*at);
        }
        let at = self.parents.len();
        self.parents.push(at);
        self.members.push(vec![value.clone()]);
        self.of.insert(value.clone(), at);
        at
    }

    fn root(&self, mut at: usize) -> usize {
        while self.parents[at] != at {
            at = self.parents[at];
        }
        at
    }

    fn unite(&mut self, one: &Value, other: &Value) {
        let (one, other) = (self.place(one), self.place(other));
        if one != other {
            self.parents[other] = one;
            let moved = std::mem::take(&mut self.members[other]);
            self.members[one].extend(moved);
        }
    }

    /// Whatever equals this value, itself among it.
    pub(super) fn of(&self, value: &Value) -> &[Value] {
        self.of.get(value).map_or(&[], |at| self.members[self.root(*at)].as_slice())
    }

    fn same(&self, one: &Value, other: &Value) -> bool {
        match (self.of.get(one), self.of.get(other)) {
            (Some(one), Some(other)) => self.root(*one) == self.root(*other),
            _ => one == other,
        }
    }

    fn all(&self) -> impl Iterator<Item = &[Value]> {
        self.members.iter().filter(|members| !members.is_empty()).map(Vec::as_slice)
    }
}

/// What a term says, with what is known of the role that asks.
#[derive(Debug)]
pub(super) struct Facts<'t, 'n> {
    pub normal: &'t Normal<'n>,
    pub term: &'t Term,
    pub classes: Classes,
    guise: Option<&'t Guise<'n>>,
}

impl<'t, 'n> Facts<'t, 'n> {
    pub(super) fn of(normal: &'t Normal<'n>, term: &'t Term, guise: Option<&'t Guise<'n>>) -> Self {
        let mut classes = Classes::default();
        for (atom, truths) in term {
            if let (Atom::Compare(Op::Eq, left, right), Truths::TRUE) = (atom, *truths) {
                classes.unite(left, right);
            }
        }
        sandwiched(term, &mut classes);
        if let Some(guise) = guise {
            about_role(guise, &mut classes);
        }
        Self { normal, term, classes, guise }
    }

    /// Whether the literals contradict each other, or what is known.
    pub(super) fn never(&self) -> bool {
        self.classes.all().any(has_two_literals)
            || self.term.iter().any(|(atom, truths)| self.is_refuted(atom, *truths))
            || self.nulls().any(|value| self.is_not_null(value))
    }

    fn is_refuted(&self, atom: &Atom, truths: Truths) -> bool {
        match atom {
            Atom::Compare(Op::Eq, left, right) if !truths.has(Truths::TRUE) => {
                self.classes.same(left, right) && !truths.has(Truths::NULL)
            }
            Atom::Compare(Op::Eq, left, right) if truths == Truths::TRUE => {
                self.is_other_login(left, right) || self.is_other_login(right, left)
            }
            Atom::Holds(value) => self.role_test(value).is_some_and(|answer| !truths.has(Truths::of(Some(answer)))),
            Atom::Missing(scope) if truths == Truths::TRUE => {
                self.term.iter().any(|(atom, truths)| speaks_surely_of(atom, *truths, *scope))
            }
            _ => false,
        }
    }

    /// `session_user = 'name'`, where whoever logs in as `name` cannot be the role that asks.
    fn is_other_login(&self, login: &Value, name: &Value) -> bool {
        let (Value::Login, Value::Const(name), Some(guise)) = (login, name, self.guise) else { return false };
        let catalog = self.normal.world.catalog;
        let Some(role) = catalog.role(name) else { return true };
        !role.can_login || role.is_superuser || !catalog.reachable(role.oid).contains(&guise.role.oid)
    }

    /// `pg_has_role('name', …)` of the role that asks.
    pub(super) fn role_test(&self, value: &Value) -> Option<bool> {
        let (Value::Call { name, args, .. }, Some(guise)) = (value, self.guise) else { return None };
        if name != "pg_has_role" {
            return None;
        }
        let args: Vec<&Value> = args.iter().filter(|arg| **arg != Value::Me).collect();
        let [Value::Const(role), Value::Const(kind)] = args.as_slice() else { return None };
        let catalog = self.normal.world.catalog;
        let Some(role) = catalog.role(role) else { return Some(false) };
        let is_usage = kind.to_ascii_uppercase().starts_with("USAGE");
        let has = if is_usage { &guise.inherited } else { &catalog.reachable(guise.role.oid) };
        Some(has.contains(&role.oid))
    }

    fn nulls(&self) -> impl Iterator<Item = &Value> {
        self.term.iter().filter_map(|(atom, truths)| match atom {
            Atom::Null(value) if *truths == Truths::TRUE => Some(value),
            _ => None,
        })
    }

    fn is_not_null(&self, null: &Value) -> bool {
        let inside = |whole: &Value, part: &Value| inside(whole, part) || self.is_part(whole, part);
        let sure = |atom: &Atom, truths: Truths| match atom {
            Atom::Compare(_, left, right) if !truths.has(Truths::NULL) => {
                inside(left, null)
                    || inside(right, null)
                    || self.classes.same(left, null)
                    || self.classes.same(right, null)
            }
            Atom::Same(value) | Atom::Holds(value) if !truths.has(Truths::NULL) => inside(value, null),
            Atom::Null(value) if truths == Truths::FALSE => self.classes.same(value, null) || self.is_part(value, null),
            _ => false,
        };
        self.term.iter().any(|(atom, truths)| sure(atom, *truths))
    }

    /// Whether a value is part of a setting that would be NULL.
    fn is_part(&self, value: &Value, null: &Value) -> bool {
        let Value::Setting { name, path } = null else { return false };
        let meanings = self.normal.meanings;
        let mut found = false;
        value.visit(&mut |inner| {
            found |= match inner {
                Value::Tenant | Value::User => path.is_empty() && meanings.holds_context(name),
                Value::Setting { name: other, path: longer } => other == name && longer.starts_with(path),
                _ => false,
            }
        });
        found
    }

    /// The rows, besides the one that is judged, that surely exist here.
    pub(super) fn scopes(&self) -> BTreeSet<usize> {
        let mut scopes = BTreeSet::new();
        for (atom, truths) in self.term {
            if !matches!(atom, Atom::Exists(_)) && !truths.has(Truths::NULL) {
                each_value(atom, &mut |value| {
                    if let Value::Column(column) = value
                        && column.scope != 0
                    {
                        scopes.insert(column.scope);
                    }
                });
            }
        }
        scopes
    }

    /// The columns of a row that something is said about.
    pub(super) fn columns_of(&self, scope: usize) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (atom, _) in self.term {
            each_value(atom, &mut |value| match value {
                Value::Column(column) if column.scope == scope => {
                    names.insert(column.name.clone());
                }
                _ => {}
            });
        }
        names
    }

    /// Whether something in this class satisfies `is`.
    pub(super) fn equals(&self, value: &Value, is: impl Fn(&Value) -> bool) -> bool {
        self.classes.of(value).iter().any(is)
    }

    /// The rows that belong to whoever asks: tied to the context, or to another row that is.
    pub(super) fn anchored(&self, sees: &mut impl FnMut(u32) -> bool) -> BTreeMap<usize, Anchor> {
        let scopes = self.scopes();
        let mut anchored: BTreeMap<usize, Anchor> = BTreeMap::new();
        for scope in &scopes {
            if let Some(anchor) = self.anchor(*scope, sees) {
                anchored.insert(*scope, anchor);
            }
        }
        loop {
            let next = scopes.iter().find(|scope| {
                !anchored.contains_key(scope) && anchored.keys().any(|known| self.is_linked(*known, **scope))
            });
            let Some(next) = next else { return anchored };
            anchored.insert(*next, Anchor::Linked);
        }
    }

    fn anchor(&self, scope: usize, sees: &mut impl FnMut(u32) -> bool) -> Option<Anchor> {
        let relation = self.normal.relation(scope);
        let tenant = relation.and_then(|relation| {
            let name = self.normal.world.settings.tenant_column(&relation.name);
            relation.column(name).map(|column| column.name.as_str())
        });
        let mut by_user = false;
        for name in self.columns_of(scope) {
            let column = Value::Column(Column { scope, name: name.clone() });
            if tenant.is_none_or(|tenant| tenant == name) && self.equals(&column, |value| self.is_tenant(value)) {
                return Some(Anchor::Tenant);
            }
            by_user |= self.equals(&column, |value| self.is_person(value));
            by_user |= self.names_role(scope, &name) && self.equals(&column, |value| self.is_role(value));
            by_user |= relation.is_some_and(|relation| is_key(self.normal, relation, &name))
                && self.equals(&column, |value| self.is_declared(value));
        }
        if by_user {
            return Some(Anchor::User);
        }
        let scope = self.normal.scopes.get(scope)?;
        let relation = relation.filter(|relation| relation.has_rls && scope.reader.is_none())?;
        sees(relation.oid).then_some(Anchor::Seen)
    }

    /// Whether a value is the context's tenant.
    pub(super) fn is_tenant(&self, value: &Value) -> bool {
        let meanings = self.normal.meanings;
        match value {
            Value::Tenant => true,
            Value::User => meanings.user_is_tenant,
            Value::Me => meanings.is_by_role,
            Value::Login => meanings.is_by_role && self.guise.is_some_and(|guise| guise.role.can_login),
            Value::Const(text) if meanings.is_by_role => self.guise.is_some_and(|guise| {
                let role = guise.role.name.as_str();
                self.normal.world.tenant_of_role(role).unwrap_or(role) == text
            }),
            Value::Setting { name, path } => {
                let column = self.normal.tenant_column.map_or("tenant_id", |column| column.name.as_str());
                meanings.may_be_tenant(name, path, column)
            }
            _ => false,
        }
    }

    /// Whether a value is the context's user, or something signed that names a person.
    pub(super) fn is_person(&self, value: &Value) -> bool {
        match value {
            Value::User => true,
            Value::Setting { name, path } => {
                let names_person = path.last().is_some_and(|last| matches!(last.as_str(), "email" | "phone" | "sub"));
                names_person && self.normal.meanings.trust(name, path) == super::context::Trust::Signed
            }
            _ => false,
        }
    }

    /// Whether a value is the role that asks, where a role is a tenant.
    pub(super) fn is_role(&self, value: &Value) -> bool {
        matches!(value, Value::Me | Value::Login) && self.is_tenant(value)
    }

    /// Whether a table has one row for a role by this column: the one that says whose tenant it is.
    pub(super) fn names_role(&self, scope: usize, column: &str) -> bool {
        let relation = self.normal.relation(scope);
        let found = relation.and_then(|relation| Some((relation, relation.column(column)?)));
        found.is_some_and(|(relation, column)| {
            matches!(column.plain_type(), "name" | "text") && self.normal.world.is_unique(relation, &[column.number])
        })
    }

    /// Whether a value is a setting of the context by which policies look something up.
    fn is_declared(&self, value: &Value) -> bool {
        matches!(value, Value::Setting { name, path } if path.is_empty() && self.normal.meanings.is_declared(name))
    }

    /// Whether two rows are tied by a key: one of them is the only one that has what is equal, and what the other refers to.
    pub(super) fn is_linked(&self, one: usize, other: usize) -> bool {
        let (mut mine, mut theirs, mut is_tied) = (Vec::new(), Vec::new(), false);
        for name in self.columns_of(one) {
            let left = Column { scope: one, name };
            let equal = self.classes.of(&Value::Column(left.clone())).to_vec();
            for right in equal.into_iter().filter_map(|value| match value {
                Value::Column(right) if right.scope == other => Some(right),
                _ => None,
            }) {
                is_tied |= self.ties(&left, &right);
                mine.push(left.name.clone());
                theirs.push(right.name);
            }
        }
        is_tied && (self.names_one(one, &mine, other) || self.names_one(other, &theirs, one))
    }

    /// Whether no two rows have these values, which are its own and no reference to the other. Of what is no table nothing is
    /// known against it.
    fn names_one(&self, scope: usize, columns: &[String], other: usize) -> bool {
        let Some(relation) = self.normal.relation(scope) else { return true };
        let numbers: Vec<i16> =
            columns.iter().filter_map(|name| relation.column(name)).map(|column| column.number).collect();
        let there = self.normal.relation(other).map(|relation| relation.oid);
        let refers = self.normal.world.constraints_of(relation.oid).iter().any(|key| {
            key.kind == "f"
                && key.references.is_some()
                && key.references == there
                && key.columns.iter().any(|it| numbers.contains(it))
        });
        !refers && self.normal.world.is_unique(relation, &numbers)
    }

    /// Whether equality of these two columns says that their rows belong together.
    pub(super) fn ties(&self, one: &Column, other: &Column) -> bool {
        let key = |column: &Column| {
            self.normal.relation(column.scope).is_none_or(|relation| is_key(self.normal, relation, &column.name))
        };
        key(one) && key(other)
    }
}

/// Why a row belongs to whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// By its tenant.
    Tenant,
    /// By its user.
    User,
    /// By its own policies, which hold whoever reads it.
    Seen,
    /// By another such row.
    Linked,
}

/// Keys tie rows; what refers to a table of everybody's does not.
fn is_key(normal: &Normal<'_>, relation: &Relation, name: &str) -> bool {
    let Some(column) = relation.column(name) else { return false };
    let mut keyed = name == "id" || name.ends_with("_id") || name.ends_with("Id") || column.type_name == "uuid";
    for constraint in normal.world.constraints_of(relation.oid) {
        if !constraint.columns.contains(&column.number) {
            continue;
        }
        match constraint.references.and_then(|oid| normal.world.relation(oid)) {
            Some(target) if normal.world.settings.is_global(&target.name) => return false,
            _ => keyed |= matches!(constraint.kind.as_str(), "p" | "u" | "f"),
        }
    }
    keyed
}

/// `a <= b and b <= a` is equality.
fn sandwiched(term: &Term, classes: &mut Classes) {
    let pairs: Vec<(&Value, &Value)> = term
        .iter()
        .filter_map(|(atom, truths)| match atom {
            Atom::Compare(Op::Le, left, right) if *truths == Truths::TRUE => Some((left, right)),
            _ => None,
        })
        .collect();
    for (left, right) in &pairs {
        if pairs.contains(&(right, left)) {
            classes.unite(left, right);
        }
    }
}

/// What is known of `current_user`, and of the claim that PostgREST makes the role of.
fn about_role(guise: &Guise<'_>, classes: &mut Classes) {
    let name = Value::Const(guise.role.name.clone());
    classes.unite(&Value::Me, &name);
    classes.unite(&Value::Setting { name: "role".to_owned(), path: Vec::new() }, &name);
    let claim = Value::Setting { name: CLAIMS.to_owned(), path: vec!["role".to_owned()] };
    let ordinary = |value: &Value| matches!(value, Value::Const(text) if ORDINARY.contains(&text.as_str()));
    if !classes.of(&claim).iter().any(ordinary) {
        classes.unite(&claim, &name);
    }
}

/// Two literals that are not the same value in any type.
fn has_two_literals(class: &[Value]) -> bool {
    let mut literals = class.iter().filter_map(|value| match value {
        Value::Const(text) => Some(text.trim().trim_start_matches('0').to_lowercase()),
        _ => None,
    });
    literals.next().is_some_and(|first| literals.any(|other| other != first))
}

/// Whether a value is, or is strictly computed from, another.
fn inside(whole: &Value, part: &Value) -> bool {
    if whole == part {
        return true;
    }
    match whole {
        Value::Call { args, keeps, .. } if *keeps != Keeps::Unknown => args.iter().any(|arg| inside(arg, part)),
        _ => false,
    }
}

fn speaks_surely_of(atom: &Atom, truths: Truths, scope: usize) -> bool {
    if matches!(atom, Atom::Missing(_) | Atom::Exists(_)) || truths.has(Truths::NULL) {
        return false;
    }
    if matches!(atom, Atom::Null(_)) && truths.has(Truths::TRUE) {
        return false;
    }
    let mut found = false;
    each_value(atom, &mut |value| found |= matches!(value, Value::Column(column) if column.scope == scope));
    found
}

/// Calls `see` with every value of an atom.
pub(super) fn each_value(atom: &Atom, see: &mut impl FnMut(&Value)) {
    match atom {
        Atom::Null(value) | Atom::Holds(value) | Atom::Same(value) => value.visit(see),
        Atom::Compare(_, left, right) => {
            left.visit(see);
            right.visit(see);
        }
        Atom::Exists(query) => query.visit(see),
        Atom::Missing(_) => {}
    }
}
