//! All the ways in which a condition can have a truth value: a disjunction of terms, each a conjunction of literals.

use super::expr::{Condition, Keeps, Op, Query, Truths, Value};
use super::normal::Normal;

/// More terms than this are not told apart any more.
const MAX_TERMS: usize = 1_500;

/// Functions that give a value for NULL.
const NOT_STRICT: &[&str] = &[
    "concat",
    "concat_ws",
    "format",
    "jsonb_build_object",
    "json_build_object",
    "jsonb_build_array",
    "num_nulls",
    "num_nonnulls",
    "quote_nullable",
    "array_append",
    "array_cat",
    "array_position",
];

/// What is true or not as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Atom {
    /// A value is NULL.
    Null(Value),
    /// A comparison of two values without cases in them.
    Compare(Op, Value, Value),
    /// A value that is boolean itself.
    Holds(Value),
    /// A query has rows.
    Exists(Query),
    /// An outer join found nothing.
    Missing(usize),
    /// A value is compared with itself: true unless it is NULL.
    Same(Value),
}

/// Literals that hold together: each atom with the truth values that it may have.
pub(super) type Term = Vec<(Atom, Truths)>;

/// There were too many.
#[derive(Debug)]
pub(super) struct TooMany;

type Terms = Result<Vec<Term>, TooMany>;

/// Splits conditions into terms.
#[derive(Debug)]
pub(super) struct Cases<'n> {
    pub normal: Normal<'n>,
}

impl Cases<'_> {
    /// The terms in which all of `condition` has one of these truth values, on top of terms that hold already.
    pub(super) fn of(&self, condition: &Condition, want: Truths, terms: Vec<Term>) -> Terms {
        if terms.is_empty() || want == Truths::NONE {
            return Ok(Vec::new());
        }
        if want.others() == Truths::NONE {
            return Ok(terms);
        }
        match condition {
            Condition::Const(value) => Ok(if want.has(Truths::of(*value)) { terms } else { Vec::new() }),
            Condition::And(list) => self.junction(list, want, Truths::TRUE, terms),
            Condition::Or(list) => self.junction(list, want, Truths::FALSE, terms),
            Condition::Not(inner) => self.of(inner, want.negated(), terms),
            Condition::Is(inner, set) => self.is(inner, *set, want, terms),
            Condition::Case(branches, last) => self.case(branches, last, want, terms),
            Condition::Null(value) => self.null(value, want, terms),
            Condition::Compare(op, left, right) => self.compare(op, left, right, want, terms),
            Condition::Holds(value) => self.holds(value, want, terms),
            Condition::Exists(query) => self.exists(query, want, terms),
            Condition::Missing(scope) => Ok(narrowed(&Atom::Missing(*scope), want, terms)),
        }
    }

    /// `and`, whose neutral value is true, or `or`, whose neutral value is false.
    fn junction(&self, list: &[Condition], want: Truths, neutral: Truths, terms: Vec<Term>) -> Terms {
        let absorbing = neutral.negated();
        if want == neutral || want == neutral.or(Truths::NULL) {
            return list.iter().try_fold(terms, |terms, one| self.of(one, want, terms));
        }
        if want == absorbing || want == absorbing.or(Truths::NULL) {
            return self.union(list.iter().map(|one| self.of(one, want, terms.clone())));
        }
        if want == Truths::NULL {
            let all = list.iter().try_fold(terms, |terms, one| self.of(one, neutral.or(Truths::NULL), terms))?;
            return self.union(list.iter().map(|one| self.of(one, Truths::NULL, all.clone())));
        }
        let ways = [neutral, absorbing].into_iter().map(|one| self.junction(list, one, neutral, terms.clone()));
        self.union(ways)
    }

    #[expect(clippy::unused_self, reason = "it reads as the other ways of joining terms do")]
    fn union(&self, parts: impl Iterator<Item = Terms>) -> Terms {
        let mut all: Vec<Term> = Vec::new();
        for part in parts {
            all.extend(part?);
            if all.len() > MAX_TERMS {
                return Err(TooMany);
            }
        }
        Ok(all)
    }

    fn is(&self, inner: &Condition, set: Truths, want: Truths, terms: Vec<Term>) -> Terms {
        let mut inside = Truths::NONE;
        if want.has(Truths::TRUE) {
            inside = inside.or(set);
        }
        if want.has(Truths::FALSE) {
            inside = inside.or(set.others());
        }
        self.of(inner, inside, terms)
    }

    fn case(&self, branches: &[(Condition, Condition)], last: &Condition, want: Truths, terms: Vec<Term>) -> Terms {
        let (mut all, mut rest) = (Vec::new(), terms);
        for (when, then) in branches {
            let here = self.of(when, Truths::TRUE, rest.clone())?;
            all.push(self.of(then, want, here));
            rest = self.of(when, Truths::NOT_TRUE, rest)?;
        }
        all.push(self.of(last, want, rest));
        self.union(all.into_iter())
    }

    /// Each way in which a value comes about: what must hold, and a value without cases.
    fn ways(&self, value: &Value, terms: Vec<Term>) -> Result<Vec<(Value, Vec<Term>)>, TooMany> {
        let mut ways = Vec::new();
        match value {
            Value::Case(branches, last) => {
                let mut rest = terms;
                for (when, then) in branches {
                    let here = self.of(when, Truths::TRUE, rest.clone())?;
                    ways.extend(self.ways(then, here)?);
                    rest = self.of(when, Truths::NOT_TRUE, rest)?;
                }
                ways.extend(self.ways(last, rest)?);
            }
            Value::Pick(list) => {
                for one in list {
                    ways.extend(self.ways(one, terms.clone())?);
                }
            }
            Value::Query(query) => {
                for arm in &query.arms {
                    let here = self.of(&arm.condition, Truths::TRUE, terms.clone())?;
                    let Some((_, target)) = arm.targets.first() else { continue };
                    ways.extend(self.ways(target, here)?);
                }
            }
            Value::Element(inner) => return self.elements(inner, terms),
            Value::Cast(inner, name) => {
                return self.wrapped(inner, terms, |value| Value::Cast(Box::new(value), name.clone()));
            }
            Value::Collate(inner, name) => {
                return self.wrapped(inner, terms, |value| Value::Collate(Box::new(value), name.clone()));
            }
            Value::Sure(inner) => return self.wrapped(inner, terms, |value| Value::Sure(Box::new(value))),
            Value::Call { name, args, keeps } => return self.called(name, args, *keeps, terms),
            other => ways.push((other.clone(), terms)),
        }
        ways.retain(|(_, terms)| !terms.is_empty());
        if ways.len() > MAX_TERMS { Err(TooMany) } else { Ok(ways) }
    }

    fn wrapped(
        &self,
        inner: &Value,
        terms: Vec<Term>,
        wrap: impl Fn(Value) -> Value,
    ) -> Result<Vec<(Value, Vec<Term>)>, TooMany> {
        let keep = |value: Value| if matches!(value, Value::Null | Value::Raise) { value } else { wrap(value) };
        Ok(self.ways(inner, terms)?.into_iter().map(|(value, terms)| (keep(value), terms)).collect())
    }

    fn called(
        &self,
        name: &str,
        args: &[Value],
        keeps: Keeps,
        terms: Vec<Term>,
    ) -> Result<Vec<(Value, Vec<Term>)>, TooMany> {
        let mut ways = vec![(Vec::new(), terms)];
        for arg in args {
            let mut next = Vec::new();
            for (done, terms) in ways {
                for (value, terms) in self.ways(arg, terms)? {
                    let done: Vec<Value> = done.iter().cloned().chain([value]).collect();
                    next.push((done, terms));
                }
            }
            ways = next;
            if ways.len() > MAX_TERMS {
                return Err(TooMany);
            }
        }
        let strict = keeps != Keeps::Unknown && !NOT_STRICT.contains(&name);
        let call = |args: Vec<Value>| match args.iter().find(|arg| matches!(arg, Value::Null | Value::Raise)) {
            Some(given) if strict || *given == Value::Raise => given.clone(),
            _ => Value::call(name, args, keeps),
        };
        Ok(ways.into_iter().map(|(args, terms)| (call(args), terms)).collect())
    }

    fn elements(&self, list: &Value, terms: Vec<Term>) -> Result<Vec<(Value, Vec<Term>)>, TooMany> {
        match list {
            Value::List(values) => self.ways(&Value::Pick(values.clone()), terms),
            Value::ListOf(query) => self.ways(&Value::Query(query.clone()), terms),
            Value::Sure(inner) => self.elements(inner, terms),
            Value::Cast(inner, name) => {
                let name = name.trim_end_matches("[]").to_owned();
                self.wrapped(&Value::Element(inner.clone()), terms, |value| Value::Cast(Box::new(value), name.clone()))
            }
            Value::Split(_) | Value::Case(..) | Value::Pick(_) => {
                let inner = if let Value::Split(inner) = list { inner } else { list };
                let is_split = matches!(list, Value::Split(_));
                let mut ways = Vec::new();
                for (value, terms) in self.ways(inner, terms)? {
                    if is_split {
                        ways.push((self.normal.element(Value::Split(Box::new(value))), terms));
                    } else if matches!(value, Value::Null) {
                        ways.push((Value::Null, terms));
                    } else {
                        ways.extend(self.elements(&value, terms)?);
                    }
                }
                Ok(ways)
            }
            other => Ok(vec![(self.normal.element(other.clone()), terms)]),
        }
    }

    fn null(&self, value: &Value, want: Truths, terms: Vec<Term>) -> Terms {
        let mut all = Vec::new();
        if want.has(Truths::TRUE) {
            all.push(self.is_null(value, terms.clone()));
        }
        if want.has(Truths::FALSE) {
            all.push(self.is_not_null(value, terms));
        }
        self.union(all.into_iter())
    }

    fn is_not_null(&self, value: &Value, terms: Vec<Term>) -> Terms {
        if let Value::Truth(condition) = value {
            return self.of(condition, Truths::NULL.others(), terms);
        }
        let ways = self.ways(value, terms)?;
        self.union(ways.into_iter().map(|(value, terms)| Ok(self.normal.null(&value, Truths::FALSE, terms))))
    }

    fn is_null(&self, value: &Value, terms: Vec<Term>) -> Terms {
        match value {
            Value::Truth(condition) => self.of(condition, Truths::NULL, terms),
            Value::Case(branches, last) => {
                let (mut all, mut rest) = (Vec::new(), terms);
                for (when, then) in branches {
                    let here = self.of(when, Truths::TRUE, rest.clone())?;
                    all.push(self.is_null(then, here));
                    rest = self.of(when, Truths::NOT_TRUE, rest)?;
                }
                all.push(self.is_null(last, rest));
                self.union(all.into_iter())
            }
            Value::Pick(list) => self.union(list.iter().map(|one| self.is_null(one, terms.clone()))),
            Value::Cast(inner, _) | Value::Collate(inner, _) | Value::Split(inner) => self.is_null(inner, terms),
            // No row, or a row whose value is NULL: what stands in the query cannot be told apart.
            Value::Query(_) => Ok(narrowed(&Atom::Null(value.clone()), Truths::TRUE, terms)),
            _ => Ok(self.normal.null(value, Truths::TRUE, terms)),
        }
    }

    fn holds(&self, value: &Value, want: Truths, terms: Vec<Term>) -> Terms {
        let ways = self.ways(value, terms)?;
        self.union(ways.into_iter().map(|(value, terms)| match value {
            Value::Truth(condition) => self.of(&condition, want, terms),
            Value::Raise => Ok(Vec::new()),
            Value::Null | Value::Const(_) => match value.holds() {
                Condition::Const(value) => Ok(if want.has(Truths::of(value)) { terms } else { Vec::new() }),
                _ => Ok(terms),
            },
            value => Ok(self.normal.holds(&value, want, terms)),
        }))
    }

    fn exists(&self, query: &Query, want: Truths, terms: Vec<Term>) -> Terms {
        let mut all = Vec::new();
        if want.has(Truths::TRUE) {
            all.extend(query.arms.iter().map(|arm| self.of(&arm.condition, Truths::TRUE, terms.clone())));
        }
        if want.has(Truths::FALSE) {
            all.push(self.has_no_rows(query, terms));
        }
        self.union(all.into_iter())
    }

    /// Without rows to choose from, an arm is its condition alone.
    fn has_no_rows(&self, query: &Query, terms: Vec<Term>) -> Terms {
        let (plain, over): (Vec<_>, Vec<_>) = query.arms.iter().partition(|arm| !speaks_of_others(&arm.condition));
        let terms = plain.iter().try_fold(terms, |terms, arm| self.of(&arm.condition, Truths::NOT_TRUE, terms))?;
        if over.is_empty() {
            return Ok(terms);
        }
        let rest = Query { arms: over.into_iter().cloned().collect() };
        Ok(narrowed(&Atom::Exists(rest), Truths::FALSE, terms))
    }

    fn compare(&self, op: &Op, left: &Value, right: &Value, want: Truths, terms: Vec<Term>) -> Terms {
        if let Some(condition) = counted(op, left, right) {
            return self.of(&condition, want, terms);
        }
        // What has no row is NULL; only then does a query not have to have one.
        let mut all = Vec::new();
        for (left, terms) in self.ways(left, terms.clone())? {
            for (right, terms) in self.ways(right, terms)? {
                all.push(self.leaf(op, &left, &right, want, terms));
            }
        }
        if want.has(Truths::NULL) {
            let queries = [left, right].into_iter().filter(|value| matches!(value, Value::Query(_)));
            all.extend(queries.map(|value| self.is_null(value, terms.clone())));
        }
        self.union(all.into_iter())
    }

    fn leaf(&self, op: &Op, left: &Value, right: &Value, want: Truths, terms: Vec<Term>) -> Terms {
        match (left, right) {
            (Value::Raise, _) | (_, Value::Raise) => Ok(Vec::new()),
            (Value::Null, _) | (_, Value::Null) => Ok(if want.has(Truths::NULL) { terms } else { Vec::new() }),
            (Value::Row(left), Value::Row(right)) if *op == Op::Eq && left.len() == right.len() => {
                let pairs = left.iter().zip(right);
                let list = pairs.map(|(left, right)| Condition::Compare(Op::Eq, left.clone(), right.clone())).collect();
                self.of(&Condition::And(list), want, terms)
            }
            (Value::Truth(condition), Value::Const(text)) | (Value::Const(text), Value::Truth(condition))
                if *op == Op::Eq && matches!(text.as_str(), "true" | "false") =>
            {
                self.of(condition, if text == "true" { want } else { want.negated() }, terms)
            }
            (value, Value::Const(text)) | (Value::Const(text), value)
                if *op == Op::Eq && matches!(text.as_str(), "true" | "false") && !matches!(value, Value::Const(_)) =>
            {
                self.holds(value, if text == "true" { want } else { want.negated() }, terms)
            }
            _ => {
                let sure = want.and(Truths::NULL.others());
                let mut all = Vec::new();
                if sure != Truths::NONE {
                    all.push(Ok(self.normal.compare(op, left, right, sure, terms.clone())));
                }
                if want.has(Truths::NULL) {
                    all.push(self.is_null(left, terms.clone()));
                    all.push(self.is_null(right, terms));
                }
                self.union(all.into_iter())
            }
        }
    }
}

fn speaks_of_others(condition: &Condition) -> bool {
    let mut found = false;
    condition.visit(&mut |value| {
        found |= match value {
            Value::Column(column) => column.scope != 0,
            Value::Call { keeps, .. } => *keeps == Keeps::Unknown,
            _ => false,
        }
    });
    found
}

/// `(select count(*) …) > 0` and its kin, as what they ask.
fn counted(op: &Op, left: &Value, right: &Value) -> Option<Condition> {
    let query = |value: &Value| match value {
        Value::Count(query) => Some(Condition::Exists(query.clone())),
        Value::Query(outer) => match outer.arms.as_slice() {
            [arm] => match arm.targets.as_slice() {
                [(_, Value::Count(query))] => Some(Condition::Exists(query.clone())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let number = |value: &Value| if let Value::Const(text) = value { text.parse::<i64>().ok() } else { None };
    match (op, query(left), query(right)) {
        (Op::Lt, None, Some(exists)) if number(left)? >= 0 => Some(exists),
        (Op::Le, None, Some(exists)) if number(left)? >= 1 => Some(exists),
        (Op::Eq, Some(exists), None) => Some(if number(right)? == 0 { exists.not() } else { exists }),
        (Op::Eq, None, Some(exists)) => Some(if number(left)? == 0 { exists.not() } else { exists }),
        (Op::Lt, Some(exists), None) if number(right)? == 1 => Some(exists.not()),
        (Op::Le, Some(exists), None) if number(right)? == 0 => Some(exists.not()),
        _ => None,
    }
}

/// The same terms where an atom may only have these values; those in which it cannot are gone.
pub(super) fn narrowed(atom: &Atom, want: Truths, mut terms: Vec<Term>) -> Vec<Term> {
    terms.retain_mut(|term| {
        if let Some((_, known)) = term.iter_mut().find(|(known, _)| known == atom) {
            *known = known.and(want);
            return *known != Truths::NONE;
        }
        term.push((atom.clone(), want));
        true
    });
    terms
}
