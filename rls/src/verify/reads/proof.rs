//! Conditions that are trees: what the prover of policies says of them.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use super::super::tree::text;
use super::{Classes, Equal, Frame, Reading, Term};
use crate::policy::{Known, Statement};

impl Reading<'_, '_, '_> {
    /// From here on this text is read; gives the one that was.
    pub(super) fn enter(&mut self, parsed: &Value) -> Rc<str> {
        std::mem::replace(&mut self.text, Rc::from(text(parsed, "text")))
    }

    /// Marks what the statement's condition holds, and gives what it does not. `equal` is known before it, `holds` in it.
    pub(super) fn prove(
        &mut self,
        statement: &Value,
        open: Vec<usize>,
        own: &Frame,
        equal: &[Equal],
        holds: &mut Vec<Equal>,
    ) -> Vec<usize> {
        let before = holds.len();
        for at in &open {
            if let Some(tenant) = self.proven(statement, *at, own, equal) {
                self.found.touches[*at].is_held = true;
                holds.push((tenant, Term::Tenant));
            }
        }
        if holds.len() == before { open } else { self.settle(open, holds) }
    }

    /// The tenant column of a row that the statement holds.
    fn proven(&self, statement: &Value, touch: usize, own: &Frame, equal: &[Equal]) -> Option<Term> {
        let row = self.found.touches.get(touch)?.row;
        let relation = self.relation_of(row).filter(|relation| self.library.is_of_tenants(relation))?;
        let tenant = self.library.tenant_column(relation)?;
        // Names of `with` and names that two rows share are not looked up as the prover does.
        let alias = own.rows.iter().find(|(_, of)| *of == row).map(|(alias, _)| alias)?;
        if !own.tables.is_empty() || own.rows.iter().filter(|(other, _)| other == alias).count() > 1 {
            return None;
        }
        let (names, positional) = self.known_names(own, equal);
        let (path, reader, user) = (own.path.as_slice(), own.reader, own.user);
        let asked = Statement { text: &self.text, tree: statement, alias, names, positional, path, reader, user };
        self.library.prover.holds(relation, &asked).then(|| Term::Column(row, tenant.to_owned()))
    }

    /// Arguments, variables and columns of the rows around the statement: which of them are the context's.
    fn known_names(&self, own: &Frame, equal: &[Equal]) -> (HashMap<String, Known>, Vec<Known>) {
        let classes = self.classes(equal);
        let mut names: HashMap<String, Known> = HashMap::new();
        for term in classes.tenant.iter().chain(&classes.user) {
            if let Term::Arg(name) = term {
                names.insert(name.clone(), classes.known(std::slice::from_ref(term)));
            }
        }
        names.extend(own.names.iter().map(|(name, terms)| (name.clone(), classes.known(terms))));
        let mut at = own.outer.as_deref();
        while let Some(frame) = at {
            for (alias, row) in &frame.rows {
                for name in self.column_names(*row) {
                    let known = classes.known(&self.column_in(*row, &name));
                    // A column comes before a variable of its name.
                    names.remove(&name);
                    names.entry(format!("{alias}.{name}")).or_insert(known);
                }
            }
            at = frame.outer.as_deref();
        }
        (names, own.positional.iter().map(|terms| classes.known(terms)).collect())
    }
}

impl Classes {
    /// What a value is, each of whose arms is one of these terms.
    fn known(&self, terms: &[Term]) -> Known {
        if terms.is_empty() {
            Known::Nothing
        } else if terms.iter().all(|term| self.tenant.contains(term)) {
            Known::Tenant
        } else if terms.iter().all(|term| self.user.contains(term)) {
            Known::User
        } else {
            Known::Nothing
        }
    }
}
