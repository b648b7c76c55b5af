//! How a session says which tenant it is, and where a person's tenants are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::evidence::{Comparison, Evidence, Source};
use super::roles::Roles;
use super::tables::Override;
use super::tenant::{self, Tenant};
use crate::catalog::{Catalog, Relation};
use crate::config::{CLAIMS, Membership};

const TENANT: &str = "$tenant";
const USER: &str = "$user";
/// Words in names of settings and claims that say a person is meant.
const OF_PEOPLE: &[&str] =
    &["user", "sub", "actor", "person", "member", "uid", "login", "principal", "subject", "email"];
/// Words of settings that say what somebody may do, and neither who nor whose they are.
const OF_RIGHTS: &[&str] = &["role", "admin", "bypass", "super", "staff", "is_", "scope", "permission"];

/// What was guessed.
#[derive(Clone, Debug)]
pub struct Said {
    /// The kind, and what belongs to it.
    pub kind: Kind,
    /// Settings that are read and were left out, each with why.
    pub left_out: Vec<String>,
    /// The membership table.
    pub membership: Option<Membership>,
    /// Whether policies say so: else it is the usual way.
    pub is_seen: bool,
    /// What was seen.
    pub why: String,
}

/// The kind of a context.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Settings, and what each holds.
    Guc(BTreeMap<String, String>),
    /// Roles of two tenants.
    Role(Vec<String>),
    /// Claims.
    Claims(Value),
}

/// The likeliest context.
pub(super) fn find(
    catalog: &Catalog,
    roles: &Roles,
    tenant: &Tenant,
    overrides: &[Override],
    evidence: &Evidence,
) -> Said {
    let judge = Judge { catalog, tenant, overrides, evidence };
    let (claims, settings): (Vec<_>, Vec<_>) = judge.sources().into_iter().partition(|(name, _)| name == CLAIMS);
    let membership = judge.membership();
    let by_role = evidence.comparisons.iter().filter(|one| one.source == Source::Role).count();
    if !claims.is_empty() && claims.len() >= settings.len() {
        let why = "policies read the claims of a token".to_owned();
        return Said {
            kind: Kind::Claims(judge.claims(&claims)),
            left_out: Vec::new(),
            membership,
            is_seen: true,
            why,
        };
    }
    if settings.is_empty() && by_role > 0 {
        let names = roles.app.iter().map(|(name, _)| name.clone()).collect();
        return Said {
            kind: Kind::Role(names),
            left_out: Vec::new(),
            membership,
            is_seen: true,
            why: "policies compare current_user".to_owned(),
        };
    }
    judge.by_settings(&settings, membership)
}

struct Judge<'a> {
    catalog: &'a Catalog,
    tenant: &'a Tenant,
    overrides: &'a [Override],
    evidence: &'a Evidence,
}

impl Judge<'_> {
    /// Every setting that policies read, with the path in it.
    fn sources(&self) -> BTreeSet<(String, Vec<String>)> {
        let compared = self.evidence.comparisons.iter().map(|one| &one.source);
        let all: BTreeSet<_> = compared
            .chain(&self.evidence.settings)
            .filter_map(|source| match source {
                Source::Setting { name, path } => Some((name.clone(), path.clone())),
                _ => None,
            })
            .collect();
        let is_whole = |(name, path): &(String, Vec<String>)| {
            path.is_empty() && all.iter().any(|(other, longer)| other == name && !longer.is_empty())
        };
        all.iter().filter(|one| !is_whole(one)).cloned().collect()
    }

    fn by_settings(&self, settings: &[(String, Vec<String>)], membership: Option<Membership>) -> Said {
        let (mut plain, mut documents) = (BTreeMap::new(), BTreeMap::<String, Value>::new());
        let mut left_out = Vec::new();
        for (name, path) in settings.iter().filter(|(name, _)| name.contains('.')) {
            match self.meaning(name, path) {
                Some(meaning) if path.is_empty() => drop(plain.insert(name.clone(), meaning.to_owned())),
                Some(meaning) => put(documents.entry(name.clone()).or_insert_with(|| json!({})), path, meaning),
                None => left_out.push(name.clone()),
            }
        }
        plain.extend(documents.into_iter().map(|(name, document)| (name, document.to_string())));
        if !plain.values().any(|value| value.contains(TENANT) || value.contains(USER)) {
            plain.insert("app.tenant_id".to_owned(), TENANT.to_owned());
            let why = "no policy says how: this is the usual way, say yours".to_owned();
            return Said { kind: Kind::Guc(plain), left_out, membership, is_seen: false, why };
        }
        let why = "policies read these settings".to_owned();
        Said { kind: Kind::Guc(plain), left_out, membership, is_seen: true, why }
    }

    fn claims(&self, claims: &[(String, Vec<String>)]) -> Value {
        let mut document = json!({});
        for (_, path) in claims.iter().filter(|(_, path)| !path.is_empty() && !is_of_the_person(path)) {
            if let Some(meaning) = self.meaning(CLAIMS, path) {
                put(&mut document, path, meaning);
            }
        }
        if document == json!({}) { json!({ "sub": USER }) } else { document }
    }

    /// What a setting or claim holds: by what it is compared with, or else by its name.
    fn meaning(&self, name: &str, path: &[String]) -> Option<&'static str> {
        let source = Source::Setting { name: name.to_owned(), path: path.to_vec() };
        let compared: Vec<&Comparison> = self.evidence.comparisons.iter().filter(|one| one.source == source).collect();
        let last = path.last().map_or(name, String::as_str).to_ascii_lowercase();
        if compared.iter().any(|one| self.is_tenants(one)) {
            return Some(TENANT);
        }
        if compared.iter().any(|one| tenant::is_persons(&one.column) || one.column == "id") {
            return Some(USER);
        }
        let has = |words: &[&str]| words.iter().any(|word| last.contains(word));
        let is_tenants = last.contains(self.tenant.column.trim_end_matches("_id"))
            || tenant::is_known(last.rsplit('.').next().unwrap_or(""));
        match () {
            () if is_tenants => Some(TENANT),
            () if has(OF_RIGHTS) => None,
            () if has(OF_PEOPLE) => Some(USER),
            () if compared.is_empty() => None,
            () => Some(TENANT),
        }
    }

    /// Whether the column says whose a row is.
    fn is_tenants(&self, one: &Comparison) -> bool {
        self.catalog.relation(one.relation).is_some_and(|table| self.column_of(table) == Some(one.column.as_str()))
    }

    fn column_of(&self, table: &Relation) -> Option<&str> {
        let name = table.name.to_string();
        let other = self.overrides.iter().find(|other| other.table == name).and_then(|other| other.column.as_deref());
        let column = other.unwrap_or(&self.tenant.column);
        table.column(column).map(|column| column.name.as_str()).and(Some(column))
    }

    /// The table that policies look a person's tenants up in: the one that most do.
    fn membership(&self) -> Option<Membership> {
        let mut counts: BTreeMap<(u32, &str), BTreeSet<u32>> = BTreeMap::new();
        for one in &self.evidence.comparisons {
            let Some(table) = self.catalog.relation(one.relation) else { continue };
            let is_looked_up = one.relation != one.policy_of || self.is_queried(one.relation);
            let says_who = matches!(&one.source, Source::Setting { .. } | Source::Role) && !self.is_tenants(one);
            if is_looked_up && says_who && self.column_of(table).is_some() {
                counts.entry((one.relation, &one.column)).or_default().insert(one.policy_of);
            }
        }
        let ((oid, user), _) = counts.into_iter().max_by_key(|(_, of)| of.len())?;
        let table = self.catalog.relation(oid)?;
        let tenant = self.column_of(table)?.to_owned();
        Some(Membership { table: table.name.to_string(), tenant, user: user.to_owned() })
    }

    fn is_queried(&self, relation: u32) -> bool {
        self.evidence.comparisons.iter().any(|one| one.source == Source::Query(relation))
    }
}

/// What people write about themselves is no word of whoever signs the token.
fn is_of_the_person(path: &[String]) -> bool {
    path.iter().any(|key| key == "user_metadata" || key == "raw_user_meta_data")
}

/// Puts a value at a path of a document.
fn put(document: &mut Value, path: &[String], value: &str) {
    let mut place = document;
    for step in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[step.as_str()];
    }
    *place = Value::String(value.to_owned());
}
