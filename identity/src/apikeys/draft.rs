//! What a person wants a key to be, and what it may be: checked before anything is drawn.

use std::time::Duration;

use tenantry_core::allow_list::{AllowList, NETWORKS_MOST};
use tenantry_core::clock::Timestamp;
use tenantry_core::permission::{AboveCeiling, Permission, PermissionSet, RoleName};
use tenantry_platform::config::{self, Permissions};
use tenantry_platform::permit::Principal;
use tenantry_platform::problem::{FieldFault, Kind, Problem};

use crate::Options;

/// Keys that work at a time, of one tenant and mode: far above what programs need, and a list that people can read.
pub const KEYS_MOST: i64 = 1_000;
/// A name fits a table cell; the database keeps no more.
pub const KEY_NAME_CHARS_MOST: usize = 100;
/// As many words as a configuration may declare: more are repetitions.
const SCOPES_MOST: usize = 512;

/// What a problem says before the fields that it names.
pub(super) const MEND: &str = "Mend the fields named in `errors` and send the request again.";

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What people will call it.
    pub name: String,
    /// Permission words.
    pub scopes: Vec<String>,
    /// When it ends; none: never by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether nobody said so: a key that ends sooner makes one that ends with it.
    pub is_end_usual: bool,
    /// Networks that it works from; none: from anywhere.
    pub allowed_networks: Vec<String>,
}

/// How far a key may go that somebody makes: as far as they go themselves.
#[derive(Clone, Copy, Debug)]
pub struct Ceiling<'a> {
    /// What they may do.
    pub permissions: &'a PermissionSet,
    /// A person's role. A key has none: it passes on the role of whoever is behind it.
    pub role: Option<&'a RoleName>,
}

impl<'a> Ceiling<'a> {
    /// That of whoever a guard verified.
    pub fn of(principal: &'a Principal) -> Self {
        let parts = principal.parts();
        Self { permissions: &parts.permissions, role: parts.roles.first() }
    }
}

/// What may be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    name: String,
    scopes: PermissionSet,
    role: Option<RoleName>,
    expires_at: Option<Timestamp>,
    is_end_usual: bool,
    networks: AllowList,
}

impl NewKey {
    /// Holds a draft against the words of the configuration, the maker's own permissions and the time.
    ///
    /// # Errors
    /// 422 with every field that is wrong; 403 when the scopes are more than the maker may do.
    pub fn check(draft: &Draft, ceiling: Ceiling<'_>, options: &Options, now: Timestamp) -> Result<Self, Problem> {
        let mut problem = Problem::new(Kind::Invalid, MEND);
        let mut fault = |field: String, message: String| problem.fields.push(FieldFault { field, message });
        let name = draft.name.trim();
        if let Err(message) = check_name(name) {
            fault("name".to_owned(), message);
        }
        let scopes = check_scopes(&draft.scopes, &options.permissions, &mut fault);
        if let Err(message) = check_expiry(draft.expires_at, &options.api_keys, now) {
            fault("expires_at".to_owned(), message);
        }
        let networks = check_networks(&draft.allowed_networks, &mut fault);
        if !problem.fields.is_empty() {
            return Err(problem);
        }
        ceiling.permissions.check_ceiling(&scopes).map_err(|above| above_ceiling(&above))?;
        let role = ceiling.role.cloned();
        let Draft { expires_at, is_end_usual, .. } = *draft;
        Ok(Self { name: name.to_owned(), scopes, role, expires_at, is_end_usual, networks })
    }

    /// What people will call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may do.
    pub const fn scopes(&self) -> &PermissionSet {
        &self.scopes
    }

    /// The role of the person who makes it.
    pub const fn role(&self) -> Option<&RoleName> {
        self.role.as_ref()
    }

    /// When it ends.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether nobody said when it ends.
    pub const fn is_end_usual(&self) -> bool {
        self.is_end_usual
    }

    /// From where it works.
    pub const fn networks(&self) -> &AllowList {
        &self.networks
    }
}

pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=KEY_NAME_CHARS_MOST).contains(&name.chars().count());
    let plain = !name.chars().any(char::is_control);
    if fits && plain { Ok(()) } else { Err(format!("Use 1 to {KEY_NAME_CHARS_MOST} characters on one line.")) }
}

fn check_scopes(words: &[String], known: &Permissions, fault: &mut impl FnMut(String, String)) -> PermissionSet {
    if words.is_empty() {
        fault("scopes".to_owned(), "Choose at least one scope: a key without any can do nothing.".to_owned());
    }
    if words.len() > SCOPES_MOST {
        fault("scopes".to_owned(), format!("Name each scope once; {SCOPES_MOST} are more than there can be."));
    }
    let read = |(at, word): (usize, &String)| match Permission::parse(word) {
        Ok(scope) if known.contains(word) => Some(scope),
        _ => {
            let shown: String = word.chars().filter(|c| !c.is_control()).take(64).collect();
            fault(
                format!("scopes[{at}]"),
                format!("`{shown}` is no scope here. Choose from the permissions in the configuration."),
            );
            None
        }
    };
    words.iter().take(SCOPES_MOST).enumerate().filter_map(read).collect()
}

/// No more than [`NETWORKS_MOST`], each in its canonical form.
pub(super) fn check_networks(lines: &[String], fault: &mut impl FnMut(String, String)) -> AllowList {
    if lines.len() > NETWORKS_MOST {
        let sentence = format!("Name {NETWORKS_MOST} networks at most; wider ones take the place of many.");
        fault("allowed_networks".to_owned(), sentence);
        return AllowList::default();
    }
    AllowList::parse(lines).unwrap_or_else(|faults| {
        faults.into_iter().for_each(|(at, why)| fault(format!("allowed_networks[{at}]"), why.to_string()));
        AllowList::default()
    })
}

fn check_expiry(at: Option<Timestamp>, policy: &config::ApiKeys, now: Timestamp) -> Result<(), String> {
    match (at, policy.max_lifetime) {
        (Some(at), _) if at <= now => Err("Choose a time that is still to come.".to_owned()),
        (Some(at), Some(longest)) if at > after(now, longest) => Err(too_long(longest)),
        (None, Some(longest)) => Err(too_long(longest)),
        (None, None) if policy.require_expiry => Err("Keys must end here. Choose a time.".to_owned()),
        _ => Ok(()),
    }
}

fn too_long(longest: Duration) -> String {
    format!("Keys end after {} days at most here. Choose an earlier time.", longest.as_secs() / 86_400)
}

/// When a key ends whose maker says nothing of its end.
pub fn usual_end(options: &Options, now: Timestamp) -> Option<Timestamp> {
    options.api_keys.default_lifetime.map(|span| after(now, span))
}

/// So much later, or the end of time.
pub(super) fn after(now: Timestamp, span: Duration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}

pub(super) fn above_ceiling(above: &AboveCeiling) -> Problem {
    Problem::new(
        Kind::Forbidden,
        format!("A key may do no more than you may yourself: {above}. Leave these scopes out, or ask an owner."),
    )
    .code("above_ceiling")
}
