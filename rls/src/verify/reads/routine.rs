//! Functions: what they touch, what they give back, and what holds once they are through.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use super::super::tree::{list, node, statements, strings};
use super::steps::Returned;
use super::{Equal, Found, Frame, Library, MAX_DEPTH, Reading, Term};
use crate::catalog::{Function, Relation};

impl Library<'_, '_> {
    /// What a function touches when an app role calls it; of a trigger, on this table, with what it calls the rows
    /// that were changed.
    pub(in crate::verify) fn of_function(
        &self,
        function: &Function,
        trigger_of: Option<(&Relation, &[String])>,
    ) -> Found {
        let mut reading = Reading::new(self);
        let mut frame = Frame::default();
        let mut equal = Vec::new();
        if let Some((table, changed)) = trigger_of {
            reading.rows_of_trigger(table, changed, &mut frame, &mut equal);
        }
        let texts = function.argument_types.iter().enumerate().filter(|(_, written)| can_hold_sql(written));
        for (at, _) in texts {
            reading.tainted.insert(argument_name(function, at));
            reading.tainted.insert(format!("${}", at + 1));
        }
        if trigger_of.is_some() {
            reading.tainted.extend(["new".to_owned(), "old".to_owned()]);
        }
        reading.run(function, None, &frame, &equal);
        reading.found
    }
}

/// Whether a value of a type can hold a piece of SQL.
fn can_hold_sql(written: &str) -> bool {
    const NOT: &[&str] = &[
        "integer",
        "bigint",
        "smallint",
        "boolean",
        "uuid",
        "numeric",
        "real",
        "double precision",
        "date",
        "timestamp",
        "time",
        "interval",
        "oid",
        "inet",
        "cidr",
        "money",
        "bytea",
        "uuid[]",
        "integer[]",
        "bigint[]",
    ];
    !NOT.iter().any(|kind| written == *kind || (written.starts_with(kind) && !written.ends_with("[]")))
}

fn argument_name(function: &Function, at: usize) -> String {
    let name = function.argument_names.get(at).filter(|name| !name.is_empty());
    name.cloned().unwrap_or_else(|| format!("${}", at + 1))
}

/// What a run of a function comes to.
#[derive(Default)]
pub(super) struct Ran {
    pub returned: Vec<Returned>,
    pub after: Vec<Equal>,
}

impl Reading<'_, '_, '_> {
    /// Reads a function's body, with what is given for its arguments.
    pub(super) fn run(
        &mut self,
        function: &Function,
        given: Option<&[Vec<Term>]>,
        from: &Frame,
        equal: &[Equal],
    ) -> Ran {
        if self.inside.len() >= MAX_DEPTH || self.inside.contains(&function.oid) {
            return Ran::default();
        }
        self.inside.push(function.oid);
        let outside = Rc::clone(&self.text);
        // What is called knows nothing of the trigger's rows.
        let transitions = given.map(|_| std::mem::take(&mut self.transitions));
        let frame = Rc::new(self.frame_of(function, given, from));
        let ran = match function.language.as_str() {
            "sql" => self.run_sql(function, &frame, equal),
            "plpgsql" => match self.library.plpgsql(function) {
                Some(tree) => self.run_steps(&tree, &frame, equal),
                None => self.unread(function),
            },
            "internal" => Ran::default(),
            _ => self.unread(function),
        };
        self.text = outside;
        self.transitions = transitions.unwrap_or_else(|| std::mem::take(&mut self.transitions));
        self.inside.pop();
        ran
    }

    fn unread(&mut self, function: &Function) -> Ran {
        self.found.unread.push(format!("{} ({})", function.signature(), function.language));
        Ran::default()
    }

    fn frame_of(&self, function: &Function, given: Option<&[Vec<Term>]>, from: &Frame) -> Frame {
        let (mut names, mut positional) = (HashMap::new(), Vec::new());
        for at in 0..function.argument_types.len() {
            let name = argument_name(function, at);
            let own = || vec![Term::Arg(format!("{}.{name}", function.oid))];
            let terms = match given {
                None => vec![Term::Arg(name.clone())],
                Some(given) => given.get(at).filter(|terms| !terms.is_empty()).cloned().unwrap_or_else(own),
            };
            names.insert(name, terms.clone());
            positional.push(terms);
        }
        let user = if function.is_definer { Some(function.owner) } else { from.user };
        let reader = user;
        let path = self.library.path(&function.settings);
        let rows = from.rows.iter().filter(|(alias, _)| alias == "new" || alias == "old").cloned().collect();
        Frame { rows, names: Rc::new(names), positional: Rc::new(positional), path, reader, user, ..Frame::default() }
    }

    fn run_sql(&mut self, function: &Function, frame: &Rc<Frame>, equal: &[Equal]) -> Ran {
        let Some(tree) = self.library.sql(function) else { return self.unread(function) };
        let all = statements(&tree);
        let mut returned = Vec::new();
        self.enter(&tree);
        for (at, statement) in all.iter().enumerate() {
            let given = self.query(statement, frame, equal);
            if at + 1 == all.len() {
                let target = node(statement).and_then(|(_, select)| super::terms::sole_target(select)).cloned();
                let has_rows = node(statement).is_some_and(|(_, select)| !list(select, "from_clause").is_empty());
                returned.push(Returned { value: target, given, frame: Rc::clone(frame), has_rows });
            }
        }
        Ran { returned, after: Vec::new() }
    }

    /// What a function gives back, where that is the context's or one of its arguments.
    pub(super) fn returned(&mut self, function: &Function, given: &[Vec<Term>], frame: &Frame) -> Vec<Term> {
        let (touches, built) = (self.found.touches.len(), self.found.built.len());
        let ran = self.run(function, Some(given), frame, &[]);
        let mut found: Option<Vec<Term>> = None;
        for one in ran.returned {
            let mut equal = one.given.equal;
            let terms = match (&one.given.columns[..], &one.value) {
                ([(_, terms)], _) if one.has_rows || one.value.is_none() => terms.clone(),
                (_, Some(value)) => self.terms(value, &one.frame, &mut equal),
                _ => Vec::new(),
            };
            let terms = self.known(&terms, &equal);
            if found.as_ref().is_some_and(|found| *found != terms) {
                found = Some(Vec::new());
                break;
            }
            found = Some(terms);
        }
        self.found.touches.truncate(touches);
        self.found.built.truncate(built);
        found.unwrap_or_default()
    }

    /// As the context's tenant or user, where they are equal to it.
    pub(super) fn known(&self, terms: &[Term], equal: &[Equal]) -> Vec<Term> {
        let classes = self.classes(equal);
        let of = |term: &Term| {
            if classes.tenant.contains(term) {
                Term::Tenant
            } else if classes.user.contains(term) {
                Term::User
            } else {
                term.clone()
            }
        };
        terms.iter().map(of).collect()
    }

    /// What holds where a function answers yes.
    pub(super) fn where_true(&mut self, function: &Function, given: &[Vec<Term>], frame: &Frame) -> Vec<Equal> {
        let (touches, built) = (self.found.touches.len(), self.found.built.len());
        let ran = self.run(function, Some(given), frame, &[]);
        let mut yes: Vec<Returned> = ran.returned.into_iter().filter(|one| !one.is_no()).collect();
        let mut equal = Vec::new();
        if yes.len() == 1
            && let Some(one) = yes.pop()
        {
            equal = one.given.equal.clone();
            if let Some(value) = &one.value {
                self.conjuncts(value, &one.frame, &mut equal);
            }
        }
        self.found.touches.truncate(touches);
        self.found.built.truncate(built);
        equal
    }

    /// A call anywhere in a statement: what it touches with the rights that it has here.
    pub(super) fn call(&mut self, call: &Value, frame: &Rc<Frame>, equal: &[Equal]) {
        let names = strings(call.get("funcname").unwrap_or(&Value::Null));
        let args = list(call, "args");
        if names.last().is_some_and(|name| name == "pg_notify") {
            self.notified(args.get(1), frame);
        }
        // What whoever asks could call itself is judged by itself.
        if frame.user.is_none() {
            return;
        }
        let Some(function) = self.called(&names, args.len(), frame) else { return };
        let mut holds = equal.to_vec();
        let given: Vec<Vec<Term>> = args
            .iter()
            .map(|arg| {
                let terms = self.terms(arg, frame, &mut holds);
                self.known(&terms, &holds)
            })
            .collect();
        self.run(function, Some(&given), frame, equal);
    }

    /// Listeners of every tenant hear what is notified: whole rows, and columns that are no keys.
    pub(super) fn notified(&mut self, payload: Option<&Value>, frame: &Rc<Frame>) {
        let mut columns = Vec::new();
        if let Some(payload) = payload {
            column_names(payload, &mut columns);
        }
        let is_key = |name: &str| name == "id" || name.ends_with("_id");
        for parts in columns {
            let Some(name) = parts.last().filter(|name| !is_key(name)) else { continue };
            let is_whole_row = parts.len() == 1 && self.is_row(name, frame);
            let is_column = self
                .column(&parts, frame)
                .iter()
                .any(|term| matches!(term, Term::Column(row, _) if self.is_of_tenants(*row)));
            if is_whole_row || is_column {
                self.found.notifies.push(name.clone());
            }
        }
    }

    /// Whether a name is that of a row of a tenants' table.
    fn is_row(&self, name: &str, frame: &Rc<Frame>) -> bool {
        let mut at = Some(frame);
        while let Some(frame) = at {
            if let Some((_, row)) = frame.rows.iter().find(|(alias, _)| alias == name) {
                return self.is_of_tenants(*row);
            }
            at = frame.outer.as_ref();
        }
        false
    }

    fn is_of_tenants(&self, row: usize) -> bool {
        self.relation_of(row).is_some_and(|relation| self.library.is_of_tenants(relation))
    }
}

/// The columns that a value names.
fn column_names(tree: &Value, found: &mut Vec<Vec<String>>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| column_names(item, found)),
        Value::Object(fields) => match fields.get("ColumnRef") {
            Some(column) => found.push(strings(column)),
            None => fields.values().for_each(|value| column_names(value, found)),
        },
        _ => {}
    }
}
