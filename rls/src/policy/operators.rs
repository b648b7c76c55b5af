//! What operators make of values: a condition, where their result is boolean, or another value.

use super::expr::{Condition, Keeps, Op, Truths, Value};
use super::lower::Lowering;

impl Lowering<'_, '_> {
    /// An operator whose result is boolean.
    pub(super) fn operation(&self, name: &str, left: Value, right: Value) -> Condition {
        match name {
            "=" => compared(Op::Eq, left, right),
            "<>" | "!=" => compared(Op::Eq, left, right).not(),
            "<" => compared(Op::Lt, left, right),
            ">" => compared(Op::Lt, right, left),
            "<=" => compared(Op::Le, left, right),
            ">=" => compared(Op::Le, right, left),
            "@>" => contains(left, right),
            "<@" => contains(right, left),
            "&&" => overlaps(left, right),
            "?" => Self::in_list(&Op::Eq, right, left),
            "?|" => overlaps(right, left),
            "!~~" | "!~~*" | "!~" | "!~*" => Condition::Compare(Op::Other(name[1..].to_owned()), left, right).not(),
            _ => pattern(name, left, right),
        }
    }

    /// An operator whose result is a value.
    pub(super) fn computed(&mut self, name: &str, left: Value, right: Value) -> Value {
        match name {
            "->" | "->>" => self.part(left, &[right]),
            "#>" | "#>>" => {
                let keys = match right {
                    Value::List(keys) => keys,
                    Value::Const(text) => text
                        .trim_matches(['{', '}'])
                        .split(',')
                        .map(|key| Value::Const(key.trim().to_owned()))
                        .collect(),
                    other => vec![other],
                };
                self.part(left, &keys)
            }
            "||" => concatenated(left, right),
            "+" | "-" if left == Value::Null => right,
            "+" if matches!(left, Value::Const(_)) || matches!(right, Value::Const(_)) => {
                Value::call("+", vec![left, right], Keeps::All)
            }
            _ => Value::call(name, vec![left, right], Keeps::Some),
        }
    }

    /// A part of a JSON value.
    pub(super) fn part(&mut self, whole: Value, keys: &[Value]) -> Value {
        match whole {
            Value::Cast(inner, name) if matches!(name.as_str(), "json" | "jsonb") => self.part(*inner, keys),
            Value::Sure(inner) => self.part(*inner, keys),
            Value::Setting { name, mut path } if keys.iter().all(|key| matches!(key, Value::Const(_))) => {
                path.extend(
                    keys.iter().filter_map(|key| if let Value::Const(text) = key { Some(text.clone()) } else { None }),
                );
                self.meanings.value(&name, &path)
            }
            Value::Case(branches, last) => {
                let branches = branches.into_iter().map(|(when, then)| (when, self.part(then, keys))).collect();
                Value::Case(branches, Box::new(self.part(*last, keys)))
            }
            Value::Null | Value::Const(_) => Value::Null,
            Value::Pick(list) => Value::Pick(list.into_iter().map(|one| self.part(one, keys)).collect()),
            other => Value::call("->", std::iter::once(other).chain(keys.iter().cloned()).collect(), Keeps::Some),
        }
    }

    /// Whether a value is in an array.
    pub(super) fn in_list(op: &Op, value: Value, list: Value) -> Condition {
        match list {
            Value::List(list) => {
                Condition::Or(list.into_iter().map(|one| compared(op.clone(), value.clone(), one)).collect())
            }
            Value::ListOf(query) => query.contains(&value, op),
            Value::Cast(inner, _) | Value::Sure(inner) => Self::in_list(op, value, *inner),
            Value::Case(branches, last) => {
                let inside = |(when, then)| (when, Self::in_list(op, value.clone(), then));
                let branches: Vec<_> = branches.into_iter().map(inside).collect();
                Condition::Case(branches, Box::new(Self::in_list(op, value, *last)))
            }
            Value::Const(text) if text.starts_with('{') && text.ends_with('}') => {
                let inner = text[1..text.len() - 1].split(',').filter(|one| !one.is_empty());
                let list = inner.map(|one| Value::Const(one.trim_matches('"').to_owned()));
                Condition::Or(list.map(|one| compared(op.clone(), value.clone(), one)).collect())
            }
            Value::Null => Condition::Const(None),
            other => compared(op.clone(), value, Value::Element(Box::new(other))),
        }
    }
}

/// A comparison; one with a boolean literal is the condition itself.
pub(super) fn compared(op: Op, left: Value, right: Value) -> Condition {
    match (left, right) {
        (Value::Row(left), Value::Row(right)) if op == Op::Eq && left.len() == right.len() => {
            Condition::And(left.into_iter().zip(right).map(|(left, right)| compared(Op::Eq, left, right)).collect())
        }
        (Value::Truth(condition), Value::Const(text)) | (Value::Const(text), Value::Truth(condition))
            if op == Op::Eq && matches!(text.as_str(), "true" | "false") =>
        {
            if text == "true" {
                *condition
            } else {
                condition.not()
            }
        }
        (left, right) => Condition::Compare(op, left, right),
    }
}

/// `is not distinct from`.
pub(super) fn same(left: Value, right: Value) -> Condition {
    let both = Condition::And(vec![Condition::Null(left.clone()), Condition::Null(right.clone())]);
    Condition::Or(vec![Condition::Is(Box::new(compared(Op::Eq, left, right)), Truths::TRUE), both])
}

pub(super) fn with_op(name: &str, make: impl Fn(&Op) -> Condition) -> Condition {
    match name {
        "=" => make(&Op::Eq),
        "<" => make(&Op::Lt),
        "<=" => make(&Op::Le),
        other => make(&Op::Other(other.to_owned())),
    }
}

pub(super) fn all_of(name: &str, value: Value, list: Value) -> Condition {
    match (name, list) {
        ("<>", Value::List(list)) => {
            Condition::And(list.into_iter().map(|one| compared(Op::Eq, value.clone(), one).not()).collect())
        }
        ("=", Value::List(list)) if !list.is_empty() => {
            Condition::And(list.into_iter().map(|one| compared(Op::Eq, value.clone(), one)).collect())
        }
        // Different from all of them is what is not one of them, also where something is NULL.
        ("<>", list) => Lowering::in_list(&Op::Eq, value, list).not(),
        (_, list) => Value::call("a comparison with all of a list", vec![value, list], Keeps::Some).holds(),
    }
}

/// `whole @> part`: each element of the part is in the whole.
fn contains(whole: Value, part: Value) -> Condition {
    match part {
        Value::List(list) if !list.is_empty() => {
            Condition::And(list.into_iter().map(|one| Lowering::in_list(&Op::Eq, one, whole.clone())).collect())
        }
        Value::Call { name, mut args, .. }
            if matches!(name.as_str(), "to_jsonb" | "jsonb_build_array") && args.len() == 1 =>
        {
            Lowering::in_list(&Op::Eq, args.remove(0), whole)
        }
        part => pattern("@>", whole, part),
    }
}

/// `left && right`: one element is in both.
fn overlaps(left: Value, right: Value) -> Condition {
    match (left, right) {
        (Value::List(list), other) | (other, Value::List(list)) => {
            Condition::Or(list.into_iter().map(|one| Lowering::in_list(&Op::Eq, one, other.clone())).collect())
        }
        (left, right) => pattern("&&", left, right),
    }
}

fn pattern(name: &str, left: Value, right: Value) -> Condition {
    Condition::Compare(Op::Other(name.to_owned()), left, right)
}

fn concatenated(left: Value, right: Value) -> Value {
    let fixed = |value: &Value| matches!(value, Value::Const(_));
    match (&left, &right) {
        (Value::Const(one), Value::Const(other)) => Value::Const(format!("{one}{other}")),
        (Value::Const(empty), _) if empty.is_empty() => right,
        (_, Value::Const(empty)) if empty.is_empty() => left,
        _ => {
            let keeps = if fixed(&left) || fixed(&right) { Keeps::All } else { Keeps::Some };
            Value::call("||", vec![left, right], keeps)
        }
    }
}

/// An element of an array by its place.
pub(super) fn element_at(whole: Value, at: Value) -> Value {
    match (&whole, &at) {
        (Value::List(list), Value::Const(place)) => {
            let place = place.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            place.and_then(|place| list.get(place)).cloned().unwrap_or(Value::Null)
        }
        (Value::Split(inner), Value::Const(place)) if place == "1" => {
            Value::call("first part", vec![(**inner).clone()], Keeps::Some)
        }
        _ => Value::call("element", vec![whole, at], Keeps::Some),
    }
}

/// A cast of a literal is the literal; another is kept with its type.
pub(super) fn cast_to(inner: Value, name: &str) -> Value {
    match inner {
        Value::Const(text) if name == "bool" => {
            Value::boolean(matches!(text.to_ascii_lowercase().as_str(), "t" | "true" | "yes" | "on" | "1" | "y"))
        }
        Value::Const(_) | Value::Null | Value::Raise => inner,
        Value::List(list) => {
            Value::List(list.into_iter().map(|one| cast_to(one, name.trim_end_matches("[]"))).collect())
        }
        Value::Truth(_) if name == "bool" => inner,
        other => Value::Cast(Box::new(other), name.to_owned()),
    }
}
