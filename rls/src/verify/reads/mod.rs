//! What statements touch: of views, rules, functions and triggers, and whether they hold it to the context's tenant.
//!
//! A statement's conditions become equalities between terms: columns of its rows, arguments, the context's tenant and
//! user. A row is held when its tenant column equals the context's tenant, when one of its columns equals the context's
//! user, or when a foreign key ties it to a row that is held. What is not understood adds no equality, and so holds
//! nothing: a false answer can only be that a row is not held. What equalities alone do not hold, a tree of conditions may:
//! then the prover of policies is asked.
//!
//! `query` reads statements, `changes` what they write, `terms` values and conditions, `proof` asks the prover, `routine`
//! reads functions, `source` their text.

mod built;
mod changes;
mod conditions;
mod proof;
mod query;
mod routine;
mod source;
mod steps;
mod terms;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::World;
use crate::catalog::{Constraint, Relation, RelationKind};
use crate::policy::Prover;

/// Views in views and functions in functions, so many deep.
const MAX_DEPTH: usize = 14;

/// A value that statements compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Term {
    /// The context's tenant.
    Tenant,
    /// The context's user.
    User,
    /// A column of a row.
    Column(usize, String),
    /// An argument or a variable.
    Arg(String),
}

/// Two terms that are equal wherever the statement gets to.
pub(super) type Equal = (Term, Term);

/// What is done to a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verb {
    Select,
    Insert,
    Update,
    Delete,
    Truncate,
}

impl Verb {
    /// As a sentence has it.
    pub(super) const fn done(self) -> &'static str {
        match self {
            Self::Select => "reads",
            Self::Insert => "inserts into",
            Self::Update => "updates",
            Self::Delete => "deletes from",
            Self::Truncate => "truncates",
        }
    }

    /// The letter of a policy for it.
    pub(super) const fn policy(self) -> &'static str {
        match self {
            Self::Select => "r",
            Self::Insert => "a",
            Self::Update => "w",
            Self::Delete | Self::Truncate => "d",
        }
    }
}

/// A relation that a statement touches.
#[derive(Clone, Debug)]
pub(super) struct Touch {
    /// Which.
    pub relation: u32,
    /// How.
    pub verb: Verb,
    /// Whether it gets to rows of the context's tenant alone.
    pub is_held: bool,
    /// As whom; none is whoever runs the statement.
    pub reader: Option<u32>,
    /// Whether the row is found by a value that nobody can guess: a token's hash.
    pub is_by_secret: bool,
    /// What is written comes from the row of a trigger or rule.
    pub carries_row: bool,
    row: usize,
}

/// What else a routine does.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// What it touches.
    pub touches: Vec<Touch>,
    /// Statements that it builds from what its caller gives: the text of each.
    pub built: Vec<String>,
    /// What it notifies listeners with, where that is of a row.
    pub notifies: Vec<String>,
    /// Catalogues with values of tenants in them that it reads as one who sees all of them.
    pub catalogues: Vec<String>,
    /// Relations that it names without a schema.
    pub unqualified: Vec<String>,
    /// What could not be read, in words.
    pub unread: Vec<String>,
}

/// A row of a relation, of a sub-select, or of something that says nothing.
#[derive(Clone, Debug)]
enum Source {
    Relation(u32),
    Columns(Vec<(String, Vec<Term>)>),
    Opaque,
}

/// Where names are looked up.
#[derive(Clone, Debug, Default)]
struct Frame {
    rows: Vec<(String, usize)>,
    outer: Option<Rc<Frame>>,
    tables: Vec<(String, Rc<Given>)>,
    names: Rc<HashMap<String, Vec<Term>>>,
    positional: Rc<Vec<Vec<Term>>>,
    path: Rc<Vec<String>>,
    /// As whom relations are read: the owner of a view, or whoever a definer function runs as.
    reader: Option<u32>,
    /// As whom functions run; none is whoever asks.
    user: Option<u32>,
}

/// What a query gives: its columns, what holds of its rows, and what it touches that is not held yet.
#[derive(Clone, Debug, Default)]
struct Given {
    columns: Vec<(String, Vec<Term>)>,
    equal: Vec<Equal>,
    open: Vec<usize>,
    is_union: bool,
}

/// What all statements share: each view and function is parsed once.
pub(super) struct Library<'w, 'a> {
    pub(super) world: &'w World<'a>,
    keys: HashMap<u32, Vec<&'a Constraint>>,
    trees: RefCell<HashMap<u32, Option<Rc<Value>>>>,
    routines: RefCell<HashMap<u32, Option<Rc<Value>>>>,
    prover: Prover<'w, 'a>,
}

impl<'w, 'a> Library<'w, 'a> {
    pub(super) fn of(world: &'w World<'a>) -> Self {
        let mut keys: HashMap<u32, Vec<&Constraint>> = HashMap::new();
        for key in world.catalog.constraints.iter().filter(|key| key.kind == "f") {
            keys.entry(key.relation).or_default().push(key);
            if let Some(other) = key.references.filter(|other| *other != key.relation) {
                keys.entry(other).or_default().push(key);
            }
        }
        Self { world, keys, trees: RefCell::default(), routines: RefCell::default(), prover: Prover::new(world) }
    }

    /// What a view touches when an app role reads it.
    pub(super) fn of_view(&self, view: &Relation) -> Found {
        let mut reading = Reading::new(self);
        reading.view(view, &Frame { path: self.path(&[]), ..Frame::default() });
        reading.found
    }

    /// What one statement touches, run as `reader`.
    pub(super) fn of_statement(&self, tree: &Value, reader: Option<u32>) -> Found {
        let mut reading = Reading::new(self);
        let frame = Frame { path: self.path(&[]), reader, ..Frame::default() };
        reading.statement(tree, &Rc::new(frame), &[]);
        reading.found
    }

    /// What an action of a rule touches: it runs as the owner of the rule's relation. `is_checked` is whether policies have
    /// seen its rows.
    pub(super) fn of_action(&self, action: &Value, relation: &Relation, is_checked: bool) -> Found {
        let mut reading = Reading::new(self);
        let mut frame = Frame { path: self.path(&[]), reader: Some(relation.owner), ..Frame::default() };
        let mut equal = Vec::new();
        reading.rows_of_trigger(relation, &[], &mut frame, &mut equal);
        if !is_checked {
            equal.clear();
        }
        reading.statement(action, &Rc::new(frame), &equal);
        reading.found
    }

    /// Whether the policies of a table hold `reader`, who is not held by being the app, for this.
    pub(super) fn policies_hold(&self, reader: u32, table: &Relation, verb: Verb) -> bool {
        let roles = self.world.catalog.inherited(reader);
        let applies = |to: &[u32]| to.iter().any(|role| *role == 0 || roles.contains(role));
        let mut permissive = true;
        for policy in self.world.policies_of(table.oid) {
            if !applies(&policy.roles) || !(policy.command == "*" || policy.command == verb.policy()) {
                continue;
            }
            let text = if verb == Verb::Insert {
                policy.check.as_ref().or(policy.using.as_ref())
            } else {
                policy.using.as_ref()
            };
            let of_app = self
                .world
                .app_roles
                .iter()
                .any(|app| policy.roles.iter().any(|role| *role == 0 || app.reachable.contains(role)));
            // What is open to the app as well is told of the policy itself.
            let holds = of_app || text.is_none_or(|text| self.condition_holds(text, table));
            if policy.is_permissive {
                permissive = permissive && holds;
            } else if holds {
                return true;
            }
        }
        permissive
    }

    /// Whether a condition of the catalogue over rows of a table holds them to the context.
    fn condition_holds(&self, text: &str, table: &Relation) -> bool {
        let sql = format!("select 1 from {} where {text}", table.name.quoted());
        let Some(tree) = super::tree::parse(&sql) else { return false };
        let found = self.of_statement(&tree, None);
        found.touches.first().is_some_and(|touch| touch.is_held)
    }

    /// Where names without a schema are looked up, by the settings of a function.
    fn path(&self, settings: &[String]) -> Rc<Vec<String>> {
        let own = settings.iter().find_map(|setting| setting.strip_prefix("search_path="));
        let schemas = match own {
            Some(path) => path.split(',').map(|part| part.trim().trim_matches('"').to_owned()).collect(),
            None => self.world.settings.schemas.iter().cloned().chain(["public".to_owned()]).collect(),
        };
        Rc::new(schemas)
    }

    fn tenant_column<'r>(&self, relation: &'r Relation) -> Option<&'r str> {
        let name = self.world.settings.tenant_column(&relation.name);
        relation.column(name).map(|column| column.name.as_str())
    }

    /// Whether it holds rows of tenants that no policy guards by itself, or that policies guard.
    pub(super) fn is_of_tenants(&self, relation: &Relation) -> bool {
        match relation.kind {
            RelationKind::Table | RelationKind::Partitioned => self.world.is_of_tenants(relation),
            RelationKind::MaterializedView | RelationKind::Foreign => {
                relation.extension.is_none()
                    && !self.world.settings.is_global(&relation.name)
                    && self.tenant_column(relation).is_some()
            }
            _ => false,
        }
    }
}

/// One statement or routine being read.
struct Reading<'l, 'w, 'a> {
    library: &'l Library<'w, 'a>,
    world: &'w World<'a>,
    sources: Vec<Source>,
    found: Found,
    depth: usize,
    /// Names of variables that the caller's arguments flow into.
    tainted: HashSet<String>,
    /// Routines that are being read, so that none is read inside itself.
    inside: Vec<u32>,
    /// The text that is read, as far as it is a statement's own.
    text: Rc<str>,
    /// Tables of the rows that a statement changed, as a trigger names them, with the table that they are of.
    transitions: HashMap<String, u32>,
}

impl<'l, 'w, 'a> Reading<'l, 'w, 'a> {
    fn new(library: &'l Library<'w, 'a>) -> Self {
        Self {
            library,
            world: library.world,
            sources: Vec::new(),
            found: Found::default(),
            depth: 0,
            tainted: HashSet::new(),
            inside: Vec::new(),
            text: Rc::from(""),
            transitions: HashMap::new(),
        }
    }

    fn source(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    fn relation_of(&self, row: usize) -> Option<&'a Relation> {
        match self.sources.get(row)? {
            Source::Relation(oid) => self.world.relation(*oid),
            _ => None,
        }
    }

    /// The rows of a trigger or a rule: of the table, and its tenant's where the table is held by policies. What is written
    /// to a view no policy has looked at before the trigger does.
    fn rows_of_trigger(&mut self, table: &Relation, changed: &[String], frame: &mut Frame, equal: &mut Vec<Equal>) {
        self.transitions.extend(changed.iter().map(|name| (name.clone(), table.oid)));
        let tenant = self.library.tenant_column(table).map(str::to_owned);
        for name in ["new", "old"] {
            let row = self.source(Source::Relation(table.oid));
            frame.rows.push((name.to_owned(), row));
            if let Some(tenant) = tenant.as_ref().filter(|_| name == "old" || table.is_table()) {
                equal.push((Term::Column(row, tenant.clone()), Term::Tenant));
            }
        }
    }

    /// Marks what is held now, and gives what is not.
    fn settle(&mut self, open: Vec<usize>, equal: &[Equal]) -> Vec<usize> {
        let classes = self.classes(equal);
        open.into_iter()
            .filter(|at| {
                let row = self.found.touches[*at].row;
                let held = self.is_held(row, &classes, &mut HashSet::new());
                self.found.touches[*at].is_held |= held;
                !held
            })
            .collect()
    }

    fn classes(&self, equal: &[Equal]) -> Classes {
        let mut classes = Classes::of(equal);
        // A row of the user's own says which tenant the user is in.
        loop {
            let own: Vec<Term> = classes
                .user
                .iter()
                .filter_map(|term| match term {
                    Term::Column(row, _) => {
                        let tenant = self.library.tenant_column(self.relation_of(*row)?)?;
                        Some(Term::Column(*row, tenant.to_owned()))
                    }
                    _ => None,
                })
                .filter(|term| !classes.tenant.contains(term) && !classes.user.contains(term))
                .collect();
            if own.is_empty() {
                return classes;
            }
            classes.spread(own, equal);
        }
    }

    fn is_held(&self, row: usize, classes: &Classes, seen: &mut HashSet<usize>) -> bool {
        if !seen.insert(row) {
            return false;
        }
        let Some(relation) = self.relation_of(row) else { return false };
        let is_of = |set: &HashSet<Term>| set.iter().any(|term| matches!(term, Term::Column(of, _) if *of == row));
        let by_tenant = match self.library.tenant_column(relation) {
            Some(tenant) => classes.tenant.contains(&Term::Column(row, tenant.to_owned())),
            None => is_of(&classes.tenant),
        };
        by_tenant || is_of(&classes.user) || self.is_tied(row, relation, classes, seen)
    }

    /// Whether a foreign key, all of whose columns the statement compares, ties the row to one that is held.
    fn is_tied(&self, row: usize, relation: &Relation, classes: &Classes, seen: &mut HashSet<usize>) -> bool {
        let keys = self.library.keys.get(&relation.oid);
        keys.into_iter().flatten().any(|key| {
            let (Some(child), Some(parent)) =
                (self.world.relation(key.relation), key.references.and_then(|it| self.world.relation(it)))
            else {
                return false;
            };
            let pairs = || key.columns.iter().zip(&key.referenced_columns);
            let tenants = (self.library.tenant_column(child), self.library.tenant_column(parent));
            let name =
                |relation: &'a Relation, number: i16| relation.column_at(number).map(|column| column.name.as_str());
            let is_tenant_pair = |(from, to): (&i16, &i16)| {
                tenants.0.is_some() && name(child, *from) == tenants.0 && name(parent, *to) == tenants.1
            };
            let is_composite = pairs().any(is_tenant_pair);
            // Without its tenant a key names one row where that is unique by itself: tenants number their rows alike.
            let rest: Vec<i16> = pairs().filter(|pair| !is_tenant_pair(*pair)).map(|(_, to)| *to).collect();
            let names_one = !is_composite || self.world.is_unique(parent, &rest);
            let joined = |from_row: usize, to_row: usize| {
                pairs().filter(|pair| !(names_one && is_tenant_pair(*pair))).all(|(from, to)| {
                    let (Some(from), Some(to)) = (name(child, *from), name(parent, *to)) else { return false };
                    classes.same(&Term::Column(from_row, from.to_owned()), &Term::Column(to_row, to.to_owned()))
                })
            };
            (0..self.sources.len()).filter(|other| *other != row).any(|other| {
                let Some(of) = self.relation_of(other) else { return false };
                let as_child = child.oid == relation.oid && of.oid == parent.oid && joined(row, other);
                let as_parent = is_composite && parent.oid == relation.oid && of.oid == child.oid && joined(other, row);
                (as_child || as_parent) && self.is_held(other, classes, seen)
            })
        })
    }
}

/// Which terms are the context's tenant, which its user, and which are the same as others.
struct Classes {
    tenant: HashSet<Term>,
    user: HashSet<Term>,
    near: HashMap<Term, Vec<Term>>,
}

impl Classes {
    fn of(equal: &[Equal]) -> Self {
        let mut near: HashMap<Term, Vec<Term>> = HashMap::new();
        for (left, right) in equal {
            near.entry(left.clone()).or_default().push(right.clone());
            near.entry(right.clone()).or_default().push(left.clone());
        }
        let (tenant, user) = (reached(&near, [Term::Tenant]), reached(&near, [Term::User]));
        Self { tenant, user, near }
    }

    /// These are the tenant as well, and what is equal to them.
    fn spread(&mut self, terms: Vec<Term>, _equal: &[Equal]) {
        let more = reached(&self.near, terms);
        self.tenant.extend(more);
    }

    fn same(&self, left: &Term, right: &Term) -> bool {
        reached(&self.near, [left.clone()]).contains(right)
    }
}

fn reached(near: &HashMap<Term, Vec<Term>>, from: impl IntoIterator<Item = Term>) -> HashSet<Term> {
    let mut open: Vec<Term> = from.into_iter().collect();
    let mut found: HashSet<Term> = open.iter().cloned().collect();
    while let Some(next) = open.pop() {
        for other in near.get(&next).into_iter().flatten() {
            if found.insert(other.clone()) {
                open.push(other.clone());
            }
        }
    }
    found
}
