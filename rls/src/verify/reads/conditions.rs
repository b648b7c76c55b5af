//! Conditions: the equalities that hold where they are true.

use std::rc::Rc;

use serde_json::Value;

use super::super::tree::{list, node, strings};
use super::terms::{last_name, number};
use super::{Equal, Frame, Reading, Term};

// The numbers of the parser's enumerations.
const OP: i64 = 1;
const OP_ANY: i64 = 2;
const NOT_DISTINCT: i64 = 5;
const IN: i64 = 7;
const AND: i64 = 1;
const OR: i64 = 2;
const EXISTS: i64 = 1;
const ANY: i64 = 3;
const SCALAR: i64 = 5;

impl Reading<'_, '_, '_> {
    /// Adds what holds where `condition` is true.
    pub(super) fn conjuncts(&mut self, condition: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let Some((kind, content)) = node(condition) else { return };
        match kind {
            "BoolExpr" => match number(content, "boolop") {
                AND => list(content, "args").iter().for_each(|arg| self.conjuncts(arg, frame, equal)),
                OR => self.either(list(content, "args"), frame, equal),
                _ => {}
            },
            "AExpr" => self.comparison(content, frame, equal),
            "SubLink" => self.sub_link(content, frame, equal),
            "FuncCall" => self.predicate(content, frame, equal),
            "BooleanTest" if number(content, "booltesttype") == 1 => {
                if let Some(arg) = content.get("arg") {
                    self.conjuncts(arg, frame, equal);
                }
            }
            _ => {}
        }
    }

    /// What holds in each of the arms.
    fn either(&mut self, arms: &[Value], frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let mut common: Option<(Vec<Term>, Vec<Term>)> = None;
        for arm in arms {
            let mut own = equal.clone();
            self.conjuncts(arm, frame, &mut own);
            let classes = self.classes(&own);
            common = Some(match common {
                None => (classes.tenant.into_iter().collect(), classes.user.into_iter().collect()),
                Some((mut tenant, mut user)) => {
                    tenant.retain(|term| classes.tenant.contains(term));
                    user.retain(|term| classes.user.contains(term));
                    (tenant, user)
                }
            });
        }
        let (tenant, user) = common.unwrap_or_default();
        equal.extend(tenant.into_iter().filter(|term| *term != Term::Tenant).map(|term| (term, Term::Tenant)));
        equal.extend(user.into_iter().filter(|term| *term != Term::User).map(|term| (term, Term::User)));
    }

    fn comparison(&mut self, expr: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let kind = number(expr, "kind");
        if !matches!(kind, OP | OP_ANY | NOT_DISTINCT | IN) || last_name(expr, "name") != "=" {
            return;
        }
        let (Some(left), Some(right)) = (expr.get("lexpr"), expr.get("rexpr")) else { return };
        match (node(left), node(right)) {
            (Some(("RowExpr", left)), Some(("RowExpr", right))) if kind == OP => {
                let pairs: Vec<_> = list(left, "args").iter().zip(list(right, "args")).collect();
                pairs.into_iter().for_each(|(left, right)| self.same(left, right, frame, equal));
            }
            // `(a, b) = (select c, d …)`
            (Some(("RowExpr", _)), Some(("SubLink", link)))
                if kind == OP && number(link, "sub_link_type") == SCALAR =>
            {
                if let Some(select) = link.get("subselect") {
                    self.one_of_rows(left, select, frame, equal);
                }
            }
            (_, Some(("List", items))) => {
                if let [one] = list(items, "items") {
                    self.same(left, one, frame, equal);
                } else {
                    self.one_of(left, list(items, "items"), frame, equal);
                }
            }
            _ => self.same(left, right, frame, equal),
        }
    }

    fn one_of(&mut self, left: &Value, items: &[Value], frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let found: Vec<Vec<Term>> = items.iter().map(|item| self.terms(item, frame, equal)).collect();
        let Some(first) = found.first().filter(|first| found.iter().all(|terms| terms == *first)).cloned() else {
            return;
        };
        let left = self.terms(left, frame, equal);
        pair(&left, &first, equal);
    }

    fn same(&mut self, left: &Value, right: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let left = self.terms(left, frame, equal);
        let right = self.terms(right, frame, equal);
        pair(&left, &right, equal);
    }

    /// `exists` and `in`: as if the rows were joined.
    fn sub_link(&mut self, link: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let Some(select) = link.get("subselect") else { return };
        let kind = number(link, "sub_link_type");
        let operator = last_name(link, "oper_name");
        if kind == EXISTS {
            let given = self.looked_at(select, frame, equal);
            if !given.is_union && !self.aggregates(select) {
                equal.extend(given.equal);
            }
        } else if kind == ANY && (operator.is_empty() || operator == "=") {
            let Some(tested) = link.get("testexpr") else { return };
            self.one_of_rows(tested, select, frame, equal);
        }
    }

    /// A value, or a row of values, that is among the rows of a query.
    fn one_of_rows(&mut self, tested: &Value, select: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let tested: Vec<Vec<Term>> = match node(tested) {
            Some(("RowExpr", row)) => list(row, "args").iter().map(|arg| self.terms(arg, frame, equal)).collect(),
            _ => vec![self.terms(tested, frame, equal)],
        };
        let given = self.looked_at(select, frame, equal);
        if given.is_union {
            self.in_union(&tested, &given, equal);
        } else {
            equal.extend(given.equal);
            given.columns.iter().zip(&tested).for_each(|((_, column), tested)| pair(tested, column, equal));
        }
    }

    /// Every arm of the union has to give the context's.
    fn in_union(&mut self, tested: &[Vec<Term>], given: &super::Given, equal: &mut Vec<Equal>) {
        let classes = self.classes(&given.equal);
        for ((_, column), tested) in given.columns.iter().zip(tested) {
            let all = |of: &std::collections::HashSet<Term>| {
                !column.is_empty() && column.iter().all(|term| of.contains(term))
            };
            if all(&classes.tenant) {
                pair(tested, &[Term::Tenant], equal);
            } else if all(&classes.user) {
                pair(tested, &[Term::User], equal);
            }
        }
    }

    /// A function that answers yes or no.
    fn predicate(&mut self, call: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) {
        let names = strings(call.get("funcname").unwrap_or(&Value::Null));
        let args = list(call, "args");
        let Some(function) = self.called(&names, args.len(), frame) else { return };
        let given: Vec<Vec<Term>> = args.iter().map(|arg| self.terms(arg, frame, equal)).collect();
        let holds = self.where_true(function, &given, frame);
        equal.extend(holds);
    }
}

pub(super) fn pair(left: &[Term], right: &[Term], equal: &mut Vec<Equal>) {
    // With several terms each stands for one arm of a union: all of them are compared.
    equal.extend(left.iter().flat_map(|left| right.iter().map(move |right| (left.clone(), right.clone()))));
}
