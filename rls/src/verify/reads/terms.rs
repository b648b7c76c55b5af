//! Values and conditions: which terms they are, and which equalities they imply.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

use super::super::tree::{list, node, strings};
use super::built::choices;
use super::{Equal, Frame, MAX_DEPTH, Reading, Source, Term};
use crate::catalog::Function;
use crate::config::{CLAIMS, Context};
use crate::name::Name;

// The numbers of the parser's enumerations.
const NULLIF: i64 = 6;
const SCALAR: i64 = 5;
const ARRAY: i64 = 7;

/// Claims that the person may change: never a tenant.
const CHOSEN: &[&str] = &["user_metadata", "raw_user_meta_data"];

pub(super) fn number(value: &Value, field: &str) -> i64 {
    value.get(field).and_then(Value::as_i64).unwrap_or_default()
}

/// The last part of a name, in lower case.
pub(super) fn last_name(value: &Value, field: &str) -> String {
    strings(value.get(field).unwrap_or(&Value::Null)).pop().unwrap_or_default()
}

/// A text literal, with casts around it.
pub(super) fn constant(value: &Value) -> Option<&str> {
    match node(value)? {
        ("TypeCast", cast) => constant(cast.get("arg")?),
        ("AConst", constant) => constant.get("val")?.get("Sval")?.get("sval")?.as_str(),
        _ => None,
    }
}

fn is_constant(value: &Value) -> bool {
    match node(value) {
        Some(("TypeCast", cast)) => cast.get("arg").is_some_and(is_constant),
        Some(("AConst", _)) => true,
        _ => false,
    }
}

/// Whether a tree calls a function of such a name.
fn calls_any(tree: &Value, is_it: &dyn Fn(&str) -> bool) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(|item| calls_any(item, is_it)),
        Value::Object(fields) => {
            let called = fields.get("FuncCall").is_some_and(|call| is_it(&last_name(call, "funcname")));
            called || fields.values().any(|value| calls_any(value, is_it))
        }
        _ => false,
    }
}

/// NULL, with casts around it.
fn is_null(value: &Value) -> bool {
    match node(value) {
        Some(("TypeCast", cast)) => cast.get("arg").is_some_and(is_null),
        Some(("AConst", constant)) => constant.get("isnull").and_then(Value::as_bool).unwrap_or_default(),
        _ => false,
    }
}

impl<'a> Reading<'_, '_, 'a> {
    /// What a value is: one term, or one for each arm of a union.
    pub(super) fn terms(&mut self, value: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) -> Vec<Term> {
        let Some((kind, content)) = node(value) else { return Vec::new() };
        match kind {
            "ColumnRef" => self.column(&strings(content.get("fields").unwrap_or(&Value::Null)), frame),
            "ParamRef" => {
                let number = number(content, "number");
                let given = usize::try_from(number - 1).ok().and_then(|at| frame.positional.get(at).cloned());
                given.unwrap_or_else(|| vec![Term::Arg(format!("${number}"))])
            }
            "TypeCast" => {
                let shortens = !list(content.get("type_name").unwrap_or(&Value::Null), "typmods").is_empty();
                if shortens { Vec::new() } else { self.inner_terms(content, "arg", frame, equal) }
            }
            "AExpr" if number(content, "kind") == NULLIF => self.inner_terms(content, "lexpr", frame, equal),
            "AExpr" => self.claim_term(value, frame),
            "CoalesceExpr" => self.first_of(list(content, "args"), frame, equal),
            // Which of its literals it is, somebody chooses.
            "CaseExpr" => self.all_alike(choices(content).into_iter().filter(|part| !is_null(part)), frame, equal),
            "SqlvalueFunction" => self.role_term(number(content, "op"), frame),
            "FuncCall" => self.call_terms(value, content, frame, equal),
            "SubLink" if matches!(number(content, "sub_link_type"), SCALAR | ARRAY) => {
                self.sub_select(content, frame, equal)
            }
            "AArrayExpr" => self.all_alike(list(content, "elements"), frame, equal),
            "CollateClause" => self.inner_terms(content, "arg", frame, equal),
            _ => Vec::new(),
        }
    }

    fn inner_terms(&mut self, content: &Value, field: &str, frame: &Rc<Frame>, equal: &mut Vec<Equal>) -> Vec<Term> {
        match content.get(field) {
            Some(value) => self.terms(value, frame, equal),
            None => Vec::new(),
        }
    }

    /// A `coalesce` or `case` whose every part says the same, beside literals.
    fn first_of<'v>(
        &mut self,
        parts: impl IntoIterator<Item = &'v Value>,
        frame: &Rc<Frame>,
        equal: &[Equal],
    ) -> Vec<Term> {
        self.all_alike(parts.into_iter().filter(|part| !is_constant(part)), frame, equal)
    }

    /// What holds in one of the parts holds in no other.
    fn all_alike<'v>(
        &mut self,
        parts: impl IntoIterator<Item = &'v Value>,
        frame: &Rc<Frame>,
        equal: &[Equal],
    ) -> Vec<Term> {
        let mut found = Vec::new();
        for part in parts {
            let mut own = equal.to_vec();
            let terms = self.terms(part, frame, &mut own);
            let classes = self.classes(&own);
            let are_all = |of: &HashSet<Term>| !terms.is_empty() && terms.iter().all(|term| of.contains(term));
            found.push(if are_all(&classes.tenant) {
                vec![Term::Tenant]
            } else if are_all(&classes.user) {
                vec![Term::User]
            } else {
                terms
            });
        }
        let Some(first) = found.first() else { return Vec::new() };
        if found.iter().all(|terms| terms == first) { first.clone() } else { Vec::new() }
    }

    /// The tenant column of whole rows, one of which a value is, where each of them is the tenant's: `case … then old else
    /// new end`.
    pub(super) fn tenant_of_either(&self, value: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> Option<String> {
        let parts: Vec<&Value> = match node(value)? {
            ("CaseExpr", case) => choices(case),
            ("CoalesceExpr", coalesce) => list(coalesce, "args").iter().collect(),
            _ => return None,
        };
        let classes = self.classes(equal);
        let mut tenants = parts.iter().map(|part| {
            let ("ColumnRef", column) = node(part)? else { return None };
            let [alias] = strings(column.get("fields").unwrap_or(&Value::Null)).try_into().ok()?;
            let (_, row) = frame.rows.iter().find(|(known, _)| *known == alias)?;
            let tenant = self.library.tenant_column(self.relation_of(*row)?)?.to_owned();
            classes.tenant.contains(&Term::Column(*row, tenant.clone())).then_some(tenant)
        });
        let first = tenants.next()??;
        tenants.all(|tenant| tenant.as_ref() == Some(&first)).then_some(first)
    }

    /// What a record begins with, by the routine's text: the parser does not tell. Where comments or quotes make it unsure,
    /// nothing is known.
    pub(super) fn record_default(&self, name: &str) -> Option<String> {
        let function = self.world.function(*self.inside.last()?)?;
        let body = function.body();
        let declared = &body[..body.to_ascii_lowercase().find("begin")?];
        let is_argument = function.argument_names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is_argument || declared.contains("--") || declared.contains("/*") || declared.contains('$') {
            return None;
        }
        let parts = declared.split(';').filter(|part| part.matches('\'').count() % 2 == 0);
        let told = |part: &str| {
            let (left, right) = part.split_once(":=")?;
            let mut words = left.split_whitespace().skip_while(|word| word.eq_ignore_ascii_case("declare"));
            words.next()?.eq_ignore_ascii_case(name).then(|| right.trim().to_owned())
        };
        let mut found = parts.filter_map(told);
        found.next().filter(|_| found.next().is_none())
    }

    /// Who is logged in, where a role is a tenant; inside a definer function `current_user` is its owner.
    fn role_term(&self, op: i64, frame: &Frame) -> Vec<Term> {
        let is_login = op == 13;
        let is_current = (10..=12).contains(&op) && frame.user.is_none();
        let by_role = matches!(self.world.settings.context, Context::Role { .. });
        if by_role && (is_login || is_current) { vec![Term::Tenant] } else { Vec::new() }
    }

    /// A column, argument or variable by its name.
    pub(super) fn column(&self, parts: &[String], frame: &Rc<Frame>) -> Vec<Term> {
        match parts {
            [name] => self.bare_column(name, frame),
            [.., row, name] => self.column_of(row, name, frame),
            [] => Vec::new(),
        }
    }

    fn bare_column(&self, name: &str, frame: &Rc<Frame>) -> Vec<Term> {
        let mut at = Some(frame);
        while let Some(frame) = at {
            for (alias, row) in &frame.rows {
                let is_trigger_row = alias == "new" || alias == "old";
                let found = if is_trigger_row { Vec::new() } else { self.column_in(*row, name) };
                if !found.is_empty() {
                    return found;
                }
            }
            at = frame.outer.as_ref();
        }
        frame.names.get(name).cloned().unwrap_or_else(|| vec![Term::Arg(name.to_owned())])
    }

    fn column_of(&self, row: &str, name: &str, frame: &Rc<Frame>) -> Vec<Term> {
        let mut at = Some(frame);
        while let Some(frame) = at {
            if let Some((_, row)) = frame.rows.iter().rev().find(|(alias, _)| alias == row) {
                return self.column_in(*row, name);
            }
            at = frame.outer.as_ref();
        }
        let dotted = format!("{row}.{name}");
        let known = frame.names.get(&dotted).or_else(|| frame.names.get(name));
        known.cloned().unwrap_or_else(|| vec![Term::Arg(dotted)])
    }

    pub(super) fn column_in(&self, row: usize, name: &str) -> Vec<Term> {
        match self.sources.get(row) {
            Some(Source::Relation(oid)) => {
                let has = self.world.relation(*oid).is_some_and(|relation| relation.column(name).is_some());
                if has { vec![Term::Column(row, name.to_owned())] } else { Vec::new() }
            }
            Some(Source::Columns(columns)) => {
                columns.iter().find(|(column, _)| column == name).map(|(_, terms)| terms.clone()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The one column of a sub-select; its rows are as if they were joined.
    fn sub_select(&mut self, link: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) -> Vec<Term> {
        let Some(select) = link.get("subselect") else { return Vec::new() };
        let given = self.looked_at(select, frame, equal);
        let mut columns = given.columns;
        if given.is_union || columns.len() != 1 {
            return Vec::new();
        }
        equal.extend(given.equal);
        columns.remove(0).1
    }

    /// A query whose rows matter here, and whose touches are told elsewhere.
    pub(super) fn looked_at(&mut self, select: &Value, frame: &Rc<Frame>, equal: &[Equal]) -> super::Given {
        let touches = self.found.touches.len();
        let mut given = self.query(select, frame, equal);
        self.found.touches.truncate(touches);
        if self.answers_about_nothing(select) {
            // Its row is there where no row is, and says nothing of any.
            given.equal = equal.to_vec();
        }
        given
    }

    /// Whether a query has a row where its condition finds none, other than one that is NULL: `select count(*)`.
    fn answers_about_nothing(&self, select: &Value) -> bool {
        let targets = node(select).map_or(&[][..], |(_, select)| list(select, "target_list"));
        let bare = match targets {
            [one] => node(one).and_then(|(_, target)| node(target.get("val")?)),
            _ => None,
        };
        let called = match bare {
            Some(("FuncCall", call)) => last_name(call, "funcname"),
            _ => String::new(),
        };
        let is_null_of_nothing = called != "count" && self.is_aggregate(&called);
        self.aggregates(select) && !is_null_of_nothing
    }

    fn is_aggregate(&self, name: &str) -> bool {
        const AGGREGATES: &[&str] = &[
            "count",
            "sum",
            "avg",
            "min",
            "max",
            "bool_and",
            "bool_or",
            "every",
            "array_agg",
            "string_agg",
            "json_agg",
            "jsonb_agg",
            "json_object_agg",
            "jsonb_object_agg",
            "bit_and",
            "bit_or",
            "bit_xor",
            "any_value",
            "range_agg",
        ];
        let mut functions = self.world.catalog.functions.iter();
        AGGREGATES.contains(&name) || functions.any(|known| known.kind == "a" && known.name.name == name)
    }

    /// Whether all rows that a query finds become one, which is there without any.
    pub(super) fn aggregates(&self, select: &Value) -> bool {
        let Some((_, select)) = node(select) else { return false };
        let is_one = list(select, "group_clause").is_empty();
        is_one && list(select, "target_list").iter().any(|target| calls_any(target, &|name| self.is_aggregate(name)))
    }

    // Functions and claims.

    fn call_terms(&mut self, value: &Value, call: &Value, frame: &Rc<Frame>, equal: &mut Vec<Equal>) -> Vec<Term> {
        let claim = self.claim_term(value, frame);
        if !claim.is_empty() {
            return claim;
        }
        let names = strings(call.get("funcname").unwrap_or(&Value::Null));
        if names == ["auth", "uid"] {
            return vec![Term::User];
        }
        let args = list(call, "args");
        if matches!(names.last().map(String::as_str), Some("array_agg" | "unnest")) && args.len() == 1 {
            return self.terms(&args[0], frame, equal);
        }
        let Some(function) = self.called(&names, args.len(), frame) else {
            return self.digested(&names, args, frame, equal);
        };
        let given: Vec<Vec<Term>> = args.iter().map(|arg| self.terms(arg, frame, equal)).collect();
        self.returned(function, &given, frame)
    }

    /// What PostgreSQL's own functions make of what the caller gives: a setting, the hash of an argument. Nobody else's
    /// function has such a name.
    fn digested(&mut self, names: &[String], args: &[Value], frame: &Rc<Frame>, equal: &mut Vec<Equal>) -> Vec<Term> {
        const HASHES: &[&str] = &[
            "sha224",
            "sha256",
            "sha384",
            "sha512",
            "md5",
            "digest",
            "hmac",
            "crypt",
            "encode",
            "decode",
            "convert_to",
        ];
        let name = match names {
            [name] => name.as_str(),
            [schema, name] if schema == "pg_catalog" => name.as_str(),
            _ => return Vec::new(),
        };
        let mut functions = self.world.catalog.functions.iter();
        let Some((first, rest)) = args.split_first() else { return Vec::new() };
        if functions.any(|function| function.name.name == name && function.extension.is_none()) {
            return Vec::new();
        }
        if name == "current_setting" {
            return constant(first).map(|setting| Term::Arg(format!("setting {setting}"))).into_iter().collect();
        }
        let rest: Option<Vec<&str>> = rest.iter().map(constant).collect();
        let Some(rest) = rest.filter(|_| HASHES.contains(&name)) else { return Vec::new() };
        match self.terms(first, frame, equal).as_slice() {
            [Term::Arg(given)] => vec![Term::Arg(format!("{name} {rest:?} of {given}"))],
            _ => Vec::new(),
        }
    }

    /// The function that a call means: by name, number of arguments, and path.
    pub(super) fn called(&self, names: &[String], arity: usize, frame: &Frame) -> Option<&'a Function> {
        let fits = |function: &&&'a Function| function.argument_types.len() >= arity && function.extension.is_none();
        let in_schema = |schema: &str, name: &str| {
            let named = self.world.functions_named(&Name::new(schema, name));
            let exact =
                named.iter().find(|function| function.argument_types.len() == arity && function.extension.is_none());
            exact.or_else(|| named.iter().find(fits)).copied()
        };
        match names {
            [name] => frame.path.iter().find_map(|schema| in_schema(schema, name)),
            [.., schema, name] => in_schema(schema, name),
            [] => None,
        }
    }

    // Claims and settings.

    /// The context's tenant or user, read off a setting or a part of one.
    fn claim_term(&mut self, value: &Value, frame: &Rc<Frame>) -> Vec<Term> {
        let Some((setting, path)) = self.claim(value, frame, 0) else { return Vec::new() };
        self.meaning(&setting, &path).into_iter().collect()
    }

    /// The setting that a value is a part of, and the keys down to the part.
    fn claim(&mut self, value: &Value, frame: &Rc<Frame>, depth: usize) -> Option<(String, Vec<String>)> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (kind, content) = node(value)?;
        match kind {
            "TypeCast" => self.claim(content.get("arg")?, frame, depth + 1),
            "AExpr" if number(content, "kind") == NULLIF => self.claim(content.get("lexpr")?, frame, depth + 1),
            "AExpr" if matches!(last_name(content, "name").as_str(), "->" | "->>" | "#>" | "#>>") => {
                let (setting, mut path) = self.claim(content.get("lexpr")?, frame, depth + 1)?;
                let key = constant(content.get("rexpr")?)?;
                path.extend(key.trim_matches(['{', '}']).split(',').map(|key| key.trim().to_owned()));
                Some((setting, path))
            }
            "CoalesceExpr" => {
                let args = list(content, "args").iter().filter(|arg| !is_constant(arg));
                let found: Vec<_> = args.map(|arg| self.claim(arg, frame, depth + 1)).collect();
                let alike =
                    found.iter().flatten().map(|(setting, path)| settled(setting, path)).collect::<HashSet<_>>();
                if found.iter().all(Option::is_some) && alike.len() == 1 { found.into_iter().next()? } else { None }
            }
            "SubLink" if number(content, "sub_link_type") == SCALAR => {
                let (_, select) = node(content.get("subselect")?)?;
                let target = sole_target(select).filter(|_| list(select, "from_clause").is_empty())?;
                self.claim(target, frame, depth + 1)
            }
            "FuncCall" => self.claim_of_call(content, frame, depth),
            _ => None,
        }
    }

    fn claim_of_call(&mut self, call: &Value, frame: &Rc<Frame>, depth: usize) -> Option<(String, Vec<String>)> {
        let names = strings(call.get("funcname")?);
        let args = list(call, "args");
        match names.last()?.as_str() {
            "current_setting" => return Some((constant(args.first()?)?.to_owned(), Vec::new())),
            "jwt" if names == ["auth", "jwt"] => return Some((CLAIMS.to_owned(), Vec::new())),
            "jsonb_extract_path_text" | "json_extract_path_text" | "jsonb_extract_path" | "json_extract_path" => {
                let (setting, mut path) = self.claim(args.first()?, frame, depth + 1)?;
                for key in &args[1..] {
                    path.push(constant(key)?.to_owned());
                }
                return Some((setting, path));
            }
            "btrim" | "trim" => return self.claim(args.first()?, frame, depth + 1),
            _ => {}
        }
        let function = self.called(&names, args.len(), frame).filter(|function| function.language == "sql")?;
        let tree = self.library.sql(function)?;
        let (_, select) = node(super::super::tree::statements(&tree).first()?)?;
        let target = sole_target(select).filter(|_| list(select, "from_clause").is_empty())?;
        self.claim(target, frame, depth + 1)
    }

    /// What a setting, or a part of one, says.
    fn meaning(&self, setting: &str, path: &[String]) -> Option<Term> {
        let (setting, path) = settled(setting, path);
        match &self.world.settings.context {
            Context::Guc { vars, .. } => {
                let (_, template) = vars.iter().find(|(name, _)| name.eq_ignore_ascii_case(&setting))?;
                of_template(template, &path)
            }
            Context::JwtClaims { claims, .. } if setting == CLAIMS => of_claims(claims, &path),
            _ => None,
        }
    }
}

/// `request.jwt.claim.sub` is `request.jwt.claims` at `sub`.
fn settled(setting: &str, path: &[String]) -> (String, Vec<String>) {
    let setting = setting.to_ascii_lowercase();
    match setting.strip_prefix("request.jwt.claim.") {
        Some(claim) => (CLAIMS.to_owned(), std::iter::once(claim.to_owned()).chain(path.iter().cloned()).collect()),
        None => (setting, path.to_vec()),
    }
}

fn of_template(template: &str, path: &[String]) -> Option<Term> {
    if path.is_empty() {
        return of_text(template);
    }
    let mut at = &serde_json::from_str::<Value>(template).ok()?;
    for key in path {
        at = at.get(key)?;
    }
    of_text(at.as_str()?)
}

fn of_text(template: &str) -> Option<Term> {
    match template {
        "$tenant" => Some(Term::Tenant),
        "$user" => Some(Term::User),
        _ => None,
    }
}

/// A claim that `rls.toml` describes; else the subject, and what whoever signs it says of the tenant.
fn of_claims(claims: &BTreeMap<String, toml::Value>, path: &[String]) -> Option<Term> {
    if path.iter().any(|key| CHOSEN.contains(&key.as_str())) {
        return None;
    }
    let mut at = claims.get(path.first()?);
    for key in &path[1..] {
        at = at.and_then(|value| value.get(key));
    }
    if let Some(text) = at.and_then(toml::Value::as_str) {
        return of_text(text);
    }
    let says_tenant = claims.values().any(|value| value.to_string().contains("$tenant"));
    match path.last()?.as_str() {
        "sub" if path.len() == 1 => Some(Term::User),
        "role" | "email" | "phone" | "aud" | "iss" => None,
        _ if says_tenant => None,
        _ => Some(Term::Tenant),
    }
}

/// The one value that a `select` gives.
pub(super) fn sole_target(select: &Value) -> Option<&Value> {
    match list(select, "target_list") {
        [one] => node(one)?.1.get("val"),
        _ => None,
    }
}
