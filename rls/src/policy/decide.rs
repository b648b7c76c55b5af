//! One term after the other: does it tie the row to whoever asks, and if not, what lets the row through?

use std::collections::{BTreeMap, BTreeSet};

use super::cases::{Atom, Term};
use super::context::Trust;
use super::expr::{Column, Keeps, Op, Truths, Value};
use super::facts::{Anchor, Facts, each_value};
use super::normal::Normal;
use super::{Goal, Reason, Sources, Verdict, gather};
use crate::catalog::Relation;
use crate::verify::Guise;

/// Whether a value is a setting, or the hash of one.
fn reads_setting(value: &Value) -> bool {
    const HASHES: &[&str] =
        &["sha224", "sha256", "sha384", "sha512", "digest", "md5", "encode", "decode", "convert_to"];
    match value {
        Value::Setting { .. } => true,
        Value::Call { name, args, .. } => {
            let is_known = |arg: &Value| matches!(arg, Value::Const(_)) || reads_setting(arg);
            HASHES.contains(&name.as_str()) && args.iter().all(is_known) && args.iter().any(reads_setting)
        }
        _ => false,
    }
}

/// Values that stand for no tenant at all, where no column has them by default.
const NOBODY: &[&str] = &["", "0", "-1", "00000000-0000-0000-0000-000000000000"];

/// What one term comes to.
enum Outcome {
    Never,
    Implied(Sources),
    Open(Reason, String),
    Unknown(String),
}

/// The verdict over all terms: open when one is, for the worst reason.
pub(super) fn all<'n>(
    normal: &Normal<'n>,
    relation: &Relation,
    terms: &[Term],
    goal: Goal,
    guise: &Guise<'n>,
    sees: &mut impl FnMut(u32) -> bool,
) -> Verdict {
    let mut sources = Sources::new();
    let (mut open, mut unknown): (Option<(Reason, String)>, Option<String>) = (None, None);
    let mut numbers: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for term in terms {
        let case = Case { facts: Facts::of(normal, term, Some(guise)), relation, goal };
        match case.outcome(sees) {
            Outcome::Never => {}
            Outcome::Implied(more) => {
                gather(&mut sources, more);
                for (name, table) in case.loose_numbers() {
                    numbers.entry(name).or_default().insert(table);
                }
            }
            Outcome::Open(reason, why) => {
                if open.as_ref().is_none_or(|(worst, _)| reason < *worst) {
                    open = Some((reason, why));
                }
            }
            Outcome::Unknown(what) => unknown = Some(what),
        }
    }
    if let Some((name, _)) = numbers.iter().find(|(_, tables)| tables.len() > 1).filter(|_| open.is_none()) {
        let why = format!("{name} is a number that may be of a row of one table or of another, and which is not asked");
        open = Some((Reason::Lossy, why));
    }
    match (open, unknown) {
        (Some((reason, why)), _) => Verdict::Open(reason, why),
        (None, Some(what)) => Verdict::Unknown(what),
        (None, None) => Verdict::Implied(sources),
    }
}

struct Case<'t, 'n> {
    facts: Facts<'t, 'n>,
    relation: &'t Relation,
    goal: Goal,
}

impl Case<'_, '_> {
    fn outcome(&self, sees: &mut impl FnMut(u32) -> bool) -> Outcome {
        if self.facts.never() || self.is_nobody() {
            return Outcome::Never;
        }
        let anchored = self.facts.anchored(sees);
        let scopes: Vec<usize> = anchored.keys().copied().collect();
        if self.is_own(&scopes) {
            return Outcome::Implied(self.sources(&anchored));
        }
        let (reason, why) = match self.reason(&scopes) {
            Ok(found) => found,
            Err(what) => return Outcome::Unknown(what),
        };
        Outcome::Open(reason, why)
    }

    /// Tables that say who belongs where: those that are tied to a person, or by other tables, and those whose row names
    /// another tenant than its own.
    fn sources(&self, anchored: &BTreeMap<usize, Anchor>) -> Sources {
        let mut sources = Sources::new();
        for (scope, anchor) in anchored {
            let Some(relation) = self.facts.normal.relation(*scope) else { continue };
            let given = self.given(*scope, relation);
            if *anchor == Anchor::Tenant && given.is_empty() {
                continue;
            }
            let source = sources.entry(relation.oid).or_default();
            source.given.extend(given);
            if *anchor != Anchor::Tenant {
                source.columns.extend(self.facts.columns_of(*scope));
            }
        }
        sources
    }

    /// The columns by which a row of a look-up names the tenant, where nothing else ties the row that is judged.
    fn given(&self, scope: usize, relation: &Relation) -> BTreeSet<String> {
        let Some(tenant) = self.tenant() else { return BTreeSet::new() };
        let world = self.facts.normal.world;
        let own = world.settings.tenant_column(&relation.name);
        if relation.column(own).is_none() || self.facts.equals(&tenant, |value| self.facts.is_tenant(value)) {
            return BTreeSet::new();
        }
        let membership = world.settings.context.membership();
        let of_members = membership.filter(|membership| relation.name.is_meant_by(&membership.table));
        let names = self.facts.columns_of(scope).into_iter();
        names
            .filter(|name| name != own && of_members.is_none_or(|membership| membership.tenant != *name))
            .filter(|name| {
                let column = Value::Column(Column { scope, name: name.clone() });
                self.facts.equals(&tenant, |value| *value == column)
            })
            .collect()
    }

    fn tenant(&self) -> Option<Value> {
        let column = self.facts.normal.tenant_column?;
        Some(Value::Column(Column { scope: 0, name: column.name.clone() }))
    }

    /// Whether the row is tied to whoever asks.
    fn is_own(&self, anchored: &[usize]) -> bool {
        let facts = &self.facts;
        if let Some(tenant) = self.tenant() {
            let is_nobodys =
                |value: &Value| matches!(value, Value::Const(text) if facts.normal.nobody.contains(&text.as_str()));
            let is_mine =
                |value: &Value| facts.is_tenant(value) || is_nobodys(value) || self.is_of(value, anchored, &tenant);
            // Under the tenant's folder; whose the row is that is written is said by the column, where that is not made of it.
            let is_made = facts.normal.tenant_column.is_some_and(|column| !column.generated.is_empty());
            let by_folder = (self.goal == Goal::See || is_made) && self.is_stored_under(anchored);
            if facts.equals(&tenant, is_mine) || by_folder {
                return true;
            }
            if self.goal != Goal::See {
                return false;
            }
            return self.is_persons_own() || self.is_child_of(anchored);
        }
        let by_person = self.goal != Goal::Enrol;
        let is_mine = |value: &Value| facts.is_tenant(value) || by_person && facts.is_person(value);
        let by_column = self.own_columns().any(|column| facts.equals(&column, is_mine));
        by_column || self.is_child_of(anchored) || self.is_stored_under(anchored)
    }

    fn own_columns(&self) -> impl Iterator<Item = Value> {
        self.facts.columns_of(0).into_iter().map(|name| Value::Column(Column { scope: 0, name }))
    }

    fn is_of(&self, value: &Value, anchored: &[usize], tenant: &Value) -> bool {
        let (Value::Column(column), Value::Column(tenant)) = (value, tenant) else { return false };
        anchored.contains(&column.scope) && self.facts.ties(column, tenant)
    }

    /// Whether the row is a person's, in a table where that decides.
    fn is_persons_own(&self) -> bool {
        let settings = self.facts.normal.world.settings;
        let meanings = self.facts.normal.meanings;
        let said = settings.of_table(&self.relation.name).and_then(|table| table.user_column.as_deref());
        let membership = settings.context.membership();
        let membership = membership.filter(|membership| self.relation.name.is_meant_by(&membership.table));
        let is_user = |value: &Value| *value == Value::User;
        self.facts.columns_of(0).into_iter().any(|name| {
            if self.facts.names_role(0, &name)
                && self
                    .facts
                    .equals(&Value::Column(Column { scope: 0, name: name.clone() }), |value| self.facts.is_role(value))
            {
                return true;
            }
            // A person's only row is nobody else's, whatever tenant it speaks of.
            let column = self.relation.column(&name);
            let is_only = column.is_some_and(|column| self.facts.normal.world.is_key(self.relation, &[column.number]));
            let is_said = said.is_some_and(|said| said == name);
            let decides = ((is_said || is_only) && !self.counts_within_the_tenant(&name))
                || membership.is_some_and(|membership| membership.user == name)
                || !meanings.names_tenant();
            decides && self.facts.equals(&Value::Column(Column { scope: 0, name }), is_user)
        })
    }

    /// Whether people are numbered tenant by tenant: the key to them has the tenant in it, and the number is no uuid.
    fn counts_within_the_tenant(&self, name: &str) -> bool {
        let (Some(column), Some(tenant)) = (self.relation.column(name), self.facts.normal.tenant_column) else {
            return false;
        };
        let constraints = self.facts.normal.world.constraints_of(self.relation.oid).iter();
        let mut keys = constraints.filter(|key| key.kind == "f" && key.columns.contains(&column.number));
        column.plain_type() != "uuid" && keys.any(|key| key.columns.contains(&tenant.number))
    }

    /// Numbers by which alone the row belongs to a row of another table, where no key says of which, nor does the row.
    fn loose_numbers(&self) -> Vec<(String, u32)> {
        let world = self.facts.normal.world;
        let is_of_row = |value: &Value| matches!(value, Value::Column(column) if column.scope == 0);
        let is_told = |(atom, truths): (&Atom, Truths)| match atom {
            Atom::Compare(Op::Eq, left, right) => {
                let is_const = |value: &Value| matches!(value, Value::Const(_));
                truths == Truths::TRUE && (is_of_row(left) && is_const(right) || is_of_row(right) && is_const(left))
            }
            _ => false,
        };
        let is_owned =
            self.tenant().is_some_and(|tenant| self.facts.equals(&tenant, |value| self.facts.is_tenant(value)));
        if is_owned || self.literals().any(is_told) {
            return Vec::new();
        }
        let is_number = |name: &String| {
            let is_tenant = self.facts.normal.tenant_column.is_some_and(|tenant| tenant.name == *name);
            let column = self.relation.column(name).filter(|_| !is_tenant)?;
            matches!(column.plain_type(), "bigint" | "integer" | "smallint").then_some(column.number)
        };
        let mut found = Vec::new();
        for name in self.facts.columns_of(0) {
            let Some(number) = is_number(&name) else { continue };
            let column = Value::Column(Column { scope: 0, name: name.clone() });
            for scope in self.facts.scopes() {
                let Some(table) = self.facts.normal.relation(scope) else { continue };
                let keyed = world
                    .constraints_of(self.relation.oid)
                    .iter()
                    .any(|key| key.references == Some(table.oid) && key.columns.contains(&number));
                let is_of = |value: &Value| matches!(value, Value::Column(other) if other.scope == scope);
                if !keyed && self.facts.equals(&column, is_of) {
                    found.push((name.clone(), table.oid));
                }
            }
        }
        found
    }

    fn is_child_of(&self, anchored: &[usize]) -> bool {
        anchored.iter().any(|scope| self.facts.is_linked(0, *scope))
    }

    /// Stored files: the first part of their path is whoever asks.
    fn is_stored_under(&self, anchored: &[usize]) -> bool {
        if self.path_of_file().is_none() {
            return false;
        }
        let name = Value::Column(Column { scope: 0, name: "name".to_owned() });
        let first = Value::call("first part", vec![name.clone()], Keeps::Some);
        let is_mine = |value: &Value| {
            let is_anchored = matches!(value, Value::Column(column) if anchored.contains(&column.scope));
            is_anchored || self.facts.is_tenant(value) || self.facts.is_person(value)
        };
        self.facts.equals(&first, is_mine)
            || self
                .literals()
                .any(|(atom, truths)| truths == Truths::TRUE && self.folder(atom, &name).is_some_and(is_mine))
    }

    /// What a path begins with, up to a slash.
    fn folder<'v>(&self, atom: &'v Atom, name: &Value) -> Option<&'v Value> {
        let (path, start, ends): (&Value, &Value, &[&str]) = match atom {
            Atom::Holds(Value::Call { name, args, .. }) if name == "starts_with" && args.len() == 2 => {
                (&args[0], &args[1], &["/"])
            }
            Atom::Compare(Op::Other(op), left, right) if op == "^@" => (left, right, &["/"]),
            Atom::Compare(Op::Other(op), left, right) if op == "~~" => (left, right, &["/%"]),
            _ => return None,
        };
        let Value::Call { name: call, args, .. } = start else { return None };
        let ([whose, Value::Const(end)], true) = (args.as_slice(), call == "||" && path == name) else { return None };
        // A pattern's wildcards may be in a name of a tenant, and not in a uuid.
        let is_literal = ends == ["/"] || self.facts.normal.domain(whose) != super::normal::Domain::Text;
        (ends.contains(&end.as_str()) && is_literal).then_some(whose)
    }

    /// Whether the row's tenant is a value that stands for nobody, because there was no context.
    fn is_nobody(&self) -> bool {
        let Some(tenant) = self.tenant() else { return false };
        let column = self.facts.normal.tenant_column;
        let has_default =
            column.is_some_and(|column| column.default.as_deref().is_some_and(|text| text.starts_with('\'')));
        !has_default
            && self.lacks_context()
            && self
                .facts
                .equals(&tenant, |value| matches!(value, Value::Const(text) if NOBODY.contains(&text.as_str())))
    }

    /// Whether this term holds because there is no context, or an empty one.
    fn lacks_context(&self) -> bool {
        self.facts.term.iter().any(|(atom, truths)| match atom {
            Atom::Null(value) => *truths == Truths::TRUE && about_context(value),
            Atom::Compare(Op::Eq, left, right) => {
                let fixed = |value: &Value| matches!(value, Value::Const(text) if NOBODY.contains(&text.as_str()));
                (about_context(left) && fixed(right) || about_context(right) && fixed(left)) && *truths == Truths::TRUE
            }
            _ => false,
        })
    }

    /// What lets the row through; `Err` when something unknown may well hold it back.
    fn reason(&self, anchored: &[usize]) -> Result<(Reason, String), String> {
        if let Some(why) = self.captured() {
            return Ok((Reason::Captured, why));
        }
        if let Some(why) = self.null_tenant() {
            return Ok((Reason::NullTenant, why));
        }
        if self.lacks_context() {
            return Ok((Reason::FailsOpen, "it is true when no context is set, or an empty one".to_owned()));
        }
        if let Some(why) = self.by_secret() {
            return Ok((Reason::BySecret, why));
        }
        if let Some(what) = self.chosen() {
            return Ok((Reason::WrongContext, format!("it trusts {what}")));
        }
        if let Some(what) = self.unknown() {
            return Err(what);
        }
        if let Some(why) = self.lossy(anchored) {
            return Ok((Reason::Lossy, why));
        }
        Ok(self.unbound())
    }

    fn literals(&self) -> impl Iterator<Item = (&Atom, Truths)> {
        self.facts.term.iter().map(|(atom, truths)| (atom, *truths))
    }

    /// A column of a sub-query that is compared with itself.
    fn captured(&self) -> Option<String> {
        let has_rows = !self.facts.scopes().is_empty();
        self.literals().find_map(|(atom, truths)| match atom {
            Atom::Same(Value::Column(column)) if truths == Truths::TRUE && (column.scope != 0 || has_rows) => {
                let of = self
                    .facts
                    .normal
                    .relation(column.scope)
                    .map_or_else(String::new, |relation| format!(" of {}", relation.name));
                Some(format!("its sub-query compares the column {}{of} with itself", column.name))
            }
            _ => None,
        })
    }

    fn null_tenant(&self) -> Option<String> {
        let tenant = self.tenant()?;
        let is_null = |(atom, truths): (&Atom, Truths)| truths == Truths::TRUE && *atom == Atom::Null(tenant.clone());
        self.literals().any(is_null).then(|| "rows without a tenant pass".to_owned())
    }

    /// A token of the row, or of one that refers to it, is what a setting says.
    fn by_secret(&self) -> Option<String> {
        if self.goal != Goal::See {
            return None;
        }
        let is_told = |value: &Value| reads_setting(value);
        let is_secret = |scope: usize, name: &String| {
            let relation = if scope == 0 { Some(self.relation) } else { self.facts.normal.relation(scope) };
            relation.and_then(|relation| relation.column(name)).is_some_and(crate::catalog::Column::is_secret)
        };
        let named = |scope: usize| {
            let names = self.facts.columns_of(scope).into_iter().filter(move |name| is_secret(scope, name));
            names.map(move |name| Column { scope, name })
        };
        let scopes = self.facts.scopes().into_iter().filter(|scope| self.facts.is_linked(0, *scope)).chain([0]);
        let column =
            scopes.flat_map(named).find(|column| self.facts.equals(&Value::Column(column.clone()), is_told))?;
        Some(format!("whoever names the {} of a row sees it, which is to be what nobody guesses", column.name))
    }

    /// A setting, or the like, that the caller chooses.
    fn chosen(&self) -> Option<String> {
        let mut found = None;
        for (atom, truths) in self.literals().filter(|(_, truths)| !truths.has(Truths::NULL)) {
            let _ = truths;
            each_value(atom, &mut |value| found = found.take().or_else(|| self.chosen_value(value)));
        }
        let is_compared_login =
            || self.tenant().is_some_and(|tenant| self.facts.equals(&tenant, |value| *value == Value::Login));
        found.or_else(|| {
            is_compared_login().then(|| "session_user, the role that the connection was made as".to_owned())
        })
    }

    fn chosen_value(&self, value: &Value) -> Option<String> {
        match value {
            Value::Setting { name, path } => {
                let is_chosen = self.facts.normal.meanings.trust(name, path) == Trust::Chosen;
                let is_other =
                    || self.tenant().is_some_and(|tenant| self.facts.equals(&tenant, |other| other == value));
                let part = if path.is_empty() { String::new() } else { format!(" at {}", path.join(".")) };
                (is_chosen || is_other()).then(|| format!("the setting {name}{part}, which is not the context"))
            }
            Value::Call { name, .. } if matches!(name.as_str(), "inet_client_addr" | "inet_client_port") => {
                Some(format!("{name}, which is the pool's and not the person's"))
            }
            _ => None,
        }
    }

    /// Something that could not be understood and may say more about the row.
    fn unknown(&self) -> Option<String> {
        let mut found = None;
        for (atom, _) in self.literals() {
            let mut of_row = false;
            each_value(atom, &mut |value| of_row |= matches!(value, Value::Column(_)));
            each_value(atom, &mut |value| {
                // What could not even be read may say anything; a function, only about what it is given or compared with.
                if let Value::Call { name, keeps: Keeps::Unknown, .. } = value
                    && (of_row || !name.contains('('))
                {
                    found = Some(name.clone());
                }
            });
            if matches!(atom, Atom::Exists(_)) && speaks_of_both(atom) {
                found = Some("a sub-query that must have no rows".to_owned());
            }
        }
        found
    }

    /// A comparison of the tenant with the context, or with a row of the asker's, that is no equality of the two.
    fn lossy(&self, anchored: &[usize]) -> Option<String> {
        let tenant = self.tenant().or_else(|| self.path_of_file())?;
        let has_tenant = |value: &Value| has(value, &|inner| *inner == tenant);
        let has_context = |value: &Value| {
            has(value, &|inner| match inner {
                Value::Column(column) => anchored.contains(&column.scope),
                other => self.facts.is_tenant(other) || self.facts.is_person(other),
            })
        };
        self.literals().find_map(|(atom, truths)| match atom {
            // A range is no mistake for one tenant: it lets many through.
            Atom::Compare(Op::Lt | Op::Le, left, right) if is_plain(left) && is_plain(right) => None,
            Atom::Compare(op, left, right) if truths == Truths::TRUE || *op != Op::Eq => {
                let both = (has_tenant(left) || has_tenant(right)) && (has_context(left) || has_context(right));
                both.then(|| {
                    format!("the tenant is compared by {}, which takes two tenants for one", how(op, left, right))
                })
            }
            Atom::Holds(value) if has_tenant(value) && has_context(value) => {
                Some("the tenant is tested by a function that takes two tenants for one".to_owned())
            }
            _ => None,
        })
    }

    fn path_of_file(&self) -> Option<Value> {
        let is_file = self.facts.normal.world.holds_files(self.relation);
        is_file.then(|| Value::Column(Column { scope: 0, name: "name".to_owned() }))
    }

    /// Nothing ties the row to the context; what there is instead.
    fn unbound(&self) -> (Reason, String) {
        let (mut about_row, mut about_others, mut about_asker) = (Vec::new(), false, false);
        for (atom, truths) in self.literals() {
            let is_tenant = |value: &Value| self.tenant().is_some_and(|tenant| tenant == *value);
            let trivial = match atom {
                Atom::Same(_) => true,
                Atom::Null(value) => truths == Truths::FALSE && is_tenant(value),
                _ => false,
            };
            each_value(atom, &mut |value| match value {
                Value::Column(column) if column.scope == 0 && !trivial => about_row.push(column.name.clone()),
                Value::Column(column) if column.scope != 0 => about_others = true,
                Value::Tenant | Value::User | Value::Setting { .. } | Value::Me | Value::Login if !trivial => {
                    about_asker = true;
                }
                _ => {}
            });
        }
        about_row.sort();
        about_row.dedup();
        let literal = |value: &Value| matches!(value, Value::Const(_));
        if self.tenant().is_some_and(|tenant| self.facts.equals(&tenant, literal)) {
            return (Reason::OneTenant, "one tenant's rows pass for everybody".to_owned());
        }
        if about_others {
            return (Reason::Uncorrelated, "its sub-query does not tie the row to the context".to_owned());
        }
        match (about_row.as_slice(), about_asker) {
            ([], false) => (Reason::Tautology, "it is always true".to_owned()),
            ([], true) => (Reason::AnyContext, "it asks who is asking, and nothing about the row".to_owned()),
            (columns, _) => {
                let columns = columns.join(", ");
                (Reason::OtherColumn, format!("it lets rows through by {columns} alone"))
            }
        }
    }
}

const fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Column(_) | Value::Tenant | Value::User)
}

fn how(op: &Op, left: &Value, right: &Value) -> String {
    let call = |value: &Value| match value {
        Value::Call { name, .. } => Some(name.clone()),
        _ => None,
    };
    match op {
        Op::Eq => call(left).or_else(|| call(right)).unwrap_or_else(|| "=".to_owned()),
        Op::Lt => "<".to_owned(),
        Op::Le => "<=".to_owned(),
        Op::Other(name) => match name.as_str() {
            "~~" => "LIKE".to_owned(),
            "~~*" => "ILIKE".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn has(value: &Value, is: &impl Fn(&Value) -> bool) -> bool {
    let mut found = false;
    value.visit(&mut |inner| found |= is(inner));
    found
}

/// Whether a value is the context alone.
fn about_context(value: &Value) -> bool {
    let asks = |inner: &Value| match inner {
        Value::Tenant | Value::User => true,
        Value::Setting { name, .. } => name.starts_with("request.jwt.claims"),
        _ => false,
    };
    has(value, &asks) && !has(value, &|inner| matches!(inner, Value::Column(_)))
}

fn speaks_of_both(atom: &Atom) -> bool {
    let (mut row, mut context) = (false, false);
    each_value(atom, &mut |value| {
        row |= matches!(value, Value::Column(column) if column.scope == 0);
        context |= matches!(value, Value::Tenant | Value::User);
    });
    row && context
}
