//! Who acts: two tenants that a careless comparison takes for one, a person of each, and how a session says so.

use super::values::MAIL_DOMAIN;
use crate::config::{Context, Settings};
use crate::name::{ident, literal};

/// The attacker's side, or the one whose rows must stay hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// A tenant, and a person who belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) tenant: String,
    pub(super) user: String,
}

/// Two tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) a: Identity,
    pub(super) b: Identity,
    /// What a comparison would have to do to take them for one; empty for the pair that is tried first.
    pub(super) confusion: &'static str,
}

impl Pair {
    pub(super) const fn of(&self, side: Side) -> &Identity {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

/// A tenant that a policy names.
pub(super) const NAMED: &str = "names a tenant whose rows everybody sees";

const USERS: [&str; 2] = ["a11ce000-0000-4000-8000-00000000000a", "b0b00000-0000-4000-8000-00000000000b"];

/// Two tenants, and what takes them for one.
pub(super) type Names = (String, String, &'static str);

/// Tenants of a type, the plainest pair first.
pub(super) fn tenants(type_name: &str) -> Vec<Names> {
    let pairs: &[(&str, &str, &str)] = match base(type_name) {
        "uuid" => &[("7e4a17c0-1a2b-4c3d-8e4f-0000a0005e5f", "7e4a17c0-9f8e-4d7c-8b6a-1111b1115e5f", "")],
        "smallint" | "integer" | "bigint" | "numeric" => &[
            ("7311", "73112", ""),
            ("73112", "7311", "compares the beginning of a number"),
            ("17311", "72089311", "compares a remainder"),
            ("17311", "5765777311", "compares a remainder"),
            ("9007199254740992", "9007199254740993", "compares floating-point numbers"),
            ("27311", "27319", "compares a quotient"),
            ("311", "17311", "compares the end of a number"),
        ],
        _ => &[
            ("acme7", "acme7-eu", ""),
            ("acme7-eu", "acme7", "compares the beginning of a name"),
            ("a_me7", "acme7", "takes a name as a pattern"),
            ("%", "acme7", "takes a name as a pattern"),
            ("a.me7", "acme7", "takes a name as a regular expression"),
            ("acme7", "ACME7", "does not tell capitals from small letters"),
            ("acme7", "acme7 ", "ignores spaces"),
            ("acme7", "ac-me7", "ignores dashes"),
            ("acme7", "ácme7", "ignores accents"),
            ("acme7", "my-acme7", "looks for a name inside another"),
            ("my-acme7", "acme7", "looks for a name inside another"),
            (
                "7e4a17c0-1a2b-4c3d-8e4f-0000a0005e5f",
                "7e4a17c0-9f8e-4d7c-8b6a-1111b1115e5f",
                "compares a part of an id",
            ),
        ],
    };
    pairs.iter().map(|(a, b, confusion)| ((*a).to_owned(), (*b).to_owned(), *confusion)).collect()
}

/// People of a type: A's and B's.
pub(super) fn users(type_name: &str) -> [String; 2] {
    match base(type_name) {
        "smallint" => ["31101".to_owned(), "31102".to_owned()],
        "integer" | "bigint" | "numeric" => ["1731101".to_owned(), "1731102".to_owned()],
        _ => USERS.map(str::to_owned),
    }
}

/// A type without its length.
pub(super) fn base(type_name: &str) -> &str {
    let name = type_name.split('(').next().unwrap_or(type_name).trim();
    match name {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        other => other,
    }
}

/// How a session is made somebody's: a role, and settings of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guise {
    pub(super) role: String,
    pub(super) settings: Vec<(String, String)>,
    /// Whether the administrator may become the role wholly, so that `set role` is judged as the role's.
    pub(super) wholly: bool,
}

impl Guise {
    /// The statements that put it on, until the transaction or savepoint ends.
    pub(super) fn statements(&self) -> Vec<String> {
        let word = if self.wholly { "session authorization" } else { "role" };
        let role = format!("set local {word} {}", ident(&self.role));
        std::iter::once(role).chain(self.settings.iter().map(|(name, value)| setting(name, value))).collect()
    }

    /// The same role, and other settings.
    pub(super) fn with(&self, settings: Vec<(String, String)>) -> Self {
        Self { settings, ..self.clone() }
    }

    /// The same, with settings more.
    pub(super) fn and(&self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings = self.settings.clone();
        settings.extend(more);
        self.with(settings)
    }
}

/// A setting of the transaction.
pub(super) fn setting(name: &str, value: &str) -> String {
    format!("select pg_catalog.set_config({}, {}, true)", literal(name), literal(value))
}

/// What a session of `identity` sets, by `rls.toml`.
pub(super) fn context(settings: &Settings, role: &str, identity: &Identity) -> Vec<(String, String)> {
    let vars = settings.context.vars().iter().map(|(name, template)| (name.clone(), filled(template, identity)));
    let claims = match &settings.context {
        Context::Guc { .. } | Context::Role { .. } => Vec::new(),
        Context::JwtClaims { claims, .. } => claimed(claims, role, identity),
    };
    claims.into_iter().chain(vars).collect()
}

fn filled(template: &str, identity: &Identity) -> String {
    template.replace("$tenant", &identity.tenant).replace("$user", &identity.user)
}

fn claimed(
    claims: &std::collections::BTreeMap<String, toml::Value>,
    role: &str,
    identity: &Identity,
) -> Vec<(String, String)> {
    let mut object = serde_json::Map::new();
    object.insert("role".to_owned(), role.into());
    object.insert("sub".to_owned(), identity.user.clone().into());
    // People of several tenants have their mail at one place.
    object.insert("email".to_owned(), format!("{}@{MAIL_DOMAIN}", identity.user).into());
    for (name, value) in claims {
        object.insert(name.clone(), claim(value, identity));
    }
    claim_settings(&object)
}

/// Claims as PostgREST tells them: one document, and (as of old) one setting for each text.
pub(super) fn claim_settings(object: &serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    let whole = ("request.jwt.claims".to_owned(), serde_json::Value::Object(object.clone()).to_string());
    let single = object.iter().filter_map(|(name, value)| {
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then(|| {
            (format!("request.jwt.claim.{name}"), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
    });
    std::iter::once(whole).chain(single).collect()
}

fn claim(value: &toml::Value, identity: &Identity) -> serde_json::Value {
    match value {
        toml::Value::String(text) => typed(text, identity),
        toml::Value::Array(items) => items.iter().map(|item| claim(item, identity)).collect(),
        toml::Value::Table(table) => table.iter().map(|(name, item)| (name.clone(), claim(item, identity))).collect(),
        toml::Value::Boolean(truth) => (*truth).into(),
        toml::Value::Integer(number) => (*number).into(),
        other => other.to_string().into(),
    }
}

fn typed(text: &str, identity: &Identity) -> serde_json::Value {
    filled(text, identity).into()
}

/// Whether sessions name their tenant at all, or only a person.
pub(super) fn names_tenant(settings: &Settings) -> bool {
    let by_vars = settings.context.vars().values().any(|value| value.contains("$tenant"));
    by_vars
        || match &settings.context {
            Context::Guc { .. } => false,
            Context::Role { .. } => true,
            Context::JwtClaims { claims, .. } => claims.values().any(|value| value.to_string().contains("$tenant")),
        }
}

/// The pairs to try, of these tenants, for a tenant column of this type; `user_type` is the type of people's ids.
pub(super) fn pairs(settings: &Settings, tenants: &[Names], type_name: &str, user_type: &str) -> Vec<Pair> {
    let [user_a, user_b] = users(user_type);
    if let Context::Role { roles, tenants, .. } = &settings.context {
        let tenant = |letter: &str| {
            tenants
                .get(letter)
                .or_else(|| tenants.get(&format!("{letter}.tenant")))
                .or_else(|| roles.get(letter))
                .cloned()
                .unwrap_or_default()
        };
        let role = |letter: &str| roles.get(letter).cloned().unwrap_or_default();
        let a = Identity { tenant: tenant("A"), user: role("A") };
        let b = Identity { tenant: tenant("B"), user: role("B") };
        let like = |tenant: String| Pair {
            a: a.clone(),
            b: Identity { tenant, user: b.user.clone() },
            confusion: "compares a part of the role's name",
        };
        let shorter: String = a.tenant.chars().take(a.tenant.chars().count().saturating_sub(2)).collect();
        let mut pairs = vec![Pair { a: a.clone(), b: b.clone(), confusion: "" }];
        if matches!(base(type_name), "text" | "character varying" | "name") {
            pairs.extend([shorter, a.tenant.to_uppercase(), format!("{}_x", a.tenant)].map(like));
        }
        return pairs;
    }
    let alone = !names_tenant(settings) && settings.context.membership().is_none();
    let make = |(a, b, confusion): Names| {
        let (user_a, user_b) = if alone { (a.clone(), b.clone()) } else { (user_a.clone(), user_b.clone()) };
        Pair { a: Identity { tenant: a, user: user_a }, b: Identity { tenant: b, user: user_b }, confusion }
    };
    tenants.iter().cloned().map(make).collect()
}
