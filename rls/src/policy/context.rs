//! What a setting means: the context's tenant, its user, something the app vouches for, or what the caller chose.

use serde_json::Value as Json;

use super::expr::Value;
use crate::config::{CLAIMS, Context};

/// What held one claim each, before PostgREST 9.
pub(super) const OLD_CLAIM: &str = "request.jwt.claim";

/// What the context says, by setting and path.
#[derive(Clone, Debug)]
pub(super) struct Meanings {
    /// Each setting with its template; claims are one of them.
    settings: Vec<(String, Json)>,
    /// Whether claims that nobody described are vouched for by whoever signed them.
    has_claims: bool,
    /// Whether a role stands for a tenant.
    pub(super) is_by_role: bool,
    /// Whether a person is a tenant: nothing else is in the context.
    pub(super) user_is_tenant: bool,
}

/// How far a setting can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Signed by whoever logs people in: the app cannot choose it, and it is not the tenant as far as is known.
    Signed,
    /// Whoever sends the request, or runs SQL, chooses it.
    Chosen,
}

impl Meanings {
    /// Of a context.
    pub(super) fn of(context: &Context, has_membership: bool) -> Self {
        let mut settings: Vec<_> = context.vars().iter().map(|(name, text)| (name.clone(), template(text))).collect();
        let has_claims = matches!(context, Context::JwtClaims { .. });
        if let Context::JwtClaims { claims, .. } = context {
            settings.insert(0, (CLAIMS.to_owned(), claims_json(claims)));
        }
        let is_by_role = matches!(context, Context::Role { .. });
        let has_tenant = is_by_role || settings.iter().any(|(_, json)| mentions(json, "$tenant"));
        let has_claims = has_claims || settings.iter().any(|(name, _)| name == CLAIMS);
        Self { settings, has_claims, is_by_role, user_is_tenant: !has_tenant && !has_membership }
    }

    /// Whether the context names a tenant by itself, without a look-up.
    pub(super) fn names_tenant(&self) -> bool {
        self.is_by_role || self.settings.iter().any(|(_, json)| mentions(json, "$tenant"))
    }

    /// What a setting, or a part of it, is.
    pub(super) fn value(&self, name: &str, path: &[String]) -> Value {
        if self.described(name, path).is_none() && is_old(name) {
            let (_, path) = settled(name, path);
            return Value::Setting { name: OLD_CLAIM.to_owned(), path };
        }
        let (name, path) = settled(name, path);
        match self.described(&name, &path) {
            Some(Json::String(text)) if text == "$tenant" => Value::Tenant,
            Some(Json::String(text)) if text == "$user" => Value::User,
            Some(Json::String(text)) if text.matches('$').count() == 1 && text.ends_with("$tenant") => {
                prefixed(&text, Value::Tenant)
            }
            Some(Json::String(text)) if text.matches('$').count() == 1 && text.ends_with("$user") => {
                prefixed(&text, Value::User)
            }
            // What every session claims holds nobody back.
            Some(Json::String(text)) if name == CLAIMS && !text.contains('$') && !is_signed_in(&text) => {
                Value::Pick(vec![Value::Const(text), Value::Setting { name, path }])
            }
            _ if self.has_claims && name == CLAIMS && path == ["sub"] && !self.describes_claim("sub") => Value::User,
            _ => Value::Setting { name, path },
        }
    }

    /// What a claim of an old PostgREST is: the same as today's.
    pub(super) fn claim(&self, path: &[String]) -> Value {
        self.value(CLAIMS, path)
    }

    /// Whether `rls.toml` says what this setting holds, and that is neither tenant nor user: policies look it up.
    pub(super) fn is_declared(&self, name: &str) -> bool {
        name != CLAIMS && matches!(self.described(name, &[]), Some(Json::String(_)))
    }

    /// Whether the tenant or the user is a part of this setting.
    pub(super) fn holds_context(&self, name: &str) -> bool {
        let is_part = |json: &Json| !json.is_string() && (mentions(json, "$tenant") || mentions(json, "$user"));
        self.settings.iter().any(|(known, json)| known == name && is_part(json))
    }

    /// Some element of a setting that is a list.
    pub(super) fn element(&self, name: &str, path: &[String]) -> Option<Value> {
        match self.described(name, path)? {
            Json::Array(list) if list.iter().any(|one| one == "$tenant") => Some(Value::Tenant),
            Json::Array(list) if list.iter().any(|one| one == "$user") => Some(Value::User),
            Json::String(text) if text.contains("$tenant") => Some(Value::Tenant),
            Json::Object(keys) if keys.contains_key("$tenant") => Some(Value::Tenant),
            _ => None,
        }
    }

    /// How far one that is neither tenant nor user can be trusted.
    pub(super) fn trust(&self, name: &str, path: &[String]) -> Trust {
        let by_user = |key: &String| key == "user_metadata" || key == "raw_user_meta_data";
        let described = self.described(name, &path[..path.len().min(1)]).is_some() && name != CLAIMS;
        let signed = name == CLAIMS && self.has_claims && !path.iter().any(by_user);
        if signed || described || name == "role" { Trust::Signed } else { Trust::Chosen }
    }

    /// Whether a signed claim that nobody described may well be the tenant, by its name.
    pub(super) fn may_be_tenant(&self, name: &str, path: &[String], tenant_column: &str) -> bool {
        const WORDS: &[&str] = &["tenant", "org", "team", "account", "workspace", "company", "customer", "client"];
        let Some(last) = path.last() else { return false };
        let fits = last == tenant_column || WORDS.iter().any(|word| last.contains(word));
        fits && !self.names_tenant() && self.trust(name, path) == Trust::Signed && name != "role"
    }

    fn describes_claim(&self, key: &str) -> bool {
        self.settings.iter().any(|(name, json)| name == CLAIMS && json.get(key).is_some())
    }

    fn described(&self, name: &str, path: &[String]) -> Option<Json> {
        let (_, root) = self.settings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let mut at = root;
        for key in path {
            at = match at {
                Json::Array(list) => list.get(key.parse::<usize>().ok()?)?,
                other => other.get(key)?,
            };
        }
        Some(at.clone())
    }
}

/// The roles that requests have by themselves, which are judged as roles.
fn is_signed_in(role: &str) -> bool {
    matches!(role, "authenticated" | "anon")
}

fn is_old(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_prefix(OLD_CLAIM).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `request.jwt.claim.sub` is `request.jwt.claims` at `sub`.
fn settled(name: &str, path: &[String]) -> (String, Vec<String>) {
    let name = name.to_ascii_lowercase();
    if name == OLD_CLAIM {
        return (CLAIMS.to_owned(), path.to_vec());
    }
    match name.strip_prefix("request.jwt.claim.") {
        Some(claim) => (CLAIMS.to_owned(), std::iter::once(claim.to_owned()).chain(path.iter().cloned()).collect()),
        None => (name, path.to_vec()),
    }
}

fn prefixed(text: &str, whose: Value) -> Value {
    let prefix = &text[..text.find('$').unwrap_or(0)];
    Value::call("||", vec![Value::Const(prefix.to_owned()), whose], super::expr::Keeps::All)
}

/// A value of `vars`: JSON where it is JSON, else text.
fn template(text: &str) -> Json {
    match serde_json::from_str::<Json>(text) {
        Ok(json @ (Json::Object(_) | Json::Array(_))) => json,
        _ => Json::String(text.to_owned()),
    }
}

fn claims_json(claims: &std::collections::BTreeMap<String, toml::Value>) -> Json {
    if claims.is_empty() {
        return serde_json::json!({ "sub": "$user" });
    }
    serde_json::to_value(claims).unwrap_or(Json::Null)
}

fn mentions(json: &Json, word: &str) -> bool {
    match json {
        Json::String(text) => text.contains(word),
        Json::Array(list) => list.iter().any(|one| mentions(one, word)),
        Json::Object(map) => map.iter().any(|(key, value)| key.contains(word) || mentions(value, word)),
        _ => false,
    }
}
