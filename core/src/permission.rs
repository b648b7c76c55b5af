//! Permissions, roles and the ceiling (AC-2, KEY-1).
//!
//! A permission is two words, `resource:action`, and means itself alone: there is no wildcard and no
//! hierarchy, so what a role may do is exactly what is written in it. A key's scopes are the same
//! words. Nobody grants what they do not hold.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest permission, in bytes: two words that fit a table cell.
pub const PERMISSION_MAX: usize = 64;
/// Longest role name, in bytes.
pub const ROLE_NAME_MAX: usize = 40;

/// One thing that may be done to one kind of resource, such as `orders:write`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission(Arc<str>);

/// The text is no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a permission; write `resource:action` in lower case, without a wildcard, at most 64 characters")]
pub struct NotAPermission(String);

/// Permissions held together: sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Permission>")]
pub struct PermissionSet(Vec<Permission>);

/// What a role is called, such as `OWNER`, `Sales Rep` or `org:admin`. Case counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(Arc<str>);

/// The text is no role name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role name; use letters, digits, `_`, `-`, `:` and single spaces inside, at most 40 characters")]
pub struct NotARoleName(String);

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What it is called.
    pub name: RoleName,
    /// What it may do: all of it, nothing implied.
    pub permissions: PermissionSet,
    /// Who stands above whom: a greater rank is higher. Without one, permissions alone decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u16>,
}

/// A grant would give more than the granter has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AboveCeiling {
    /// The granter lacks some of the permissions.
    #[error("you cannot grant what you do not hold yourself: {0}")]
    Permissions(PermissionSet),
    /// The role stands above the granter's.
    #[error("the role {0} stands above your own")]
    Rank(RoleName),
}

impl Permission {
    /// Reads `resource:action`.
    ///
    /// # Errors
    /// [`NotAPermission`] with the text, for a message that names the offender.
    pub fn parse(text: &str) -> Result<Self, NotAPermission> {
        let words = text.split_once(':').is_some_and(|(resource, action)| is_word(resource) && is_word(action));
        let fits = text.len() <= PERMISSION_MAX;
        (words && fits).then(|| Self(text.into())).ok_or_else(|| NotAPermission(excerpt(text)))
    }

    /// The permission as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PermissionSet {
    /// Nothing.
    pub const EMPTY: Self = Self(Vec::new());

    /// Whether this very permission is in the set.
    pub fn contains(&self, permission: impl AsRef<str>) -> bool {
        self.0.binary_search_by(|held| held.as_str().cmp(permission.as_ref())).is_ok()
    }

    /// Whether every permission here is in `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|permission| other.contains(permission))
    }

    /// What both sets hold: a key never does more than its scopes and its owner's role.
    pub fn intersect(&self, other: &Self) -> Self {
        self.0.iter().filter(|permission| other.contains(permission)).cloned().collect()
    }

    /// What is here and not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        self.0.iter().filter(|permission| !other.contains(permission)).cloned().collect()
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Permission> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is permitted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a grant of `granted` by someone who holds this set.
    ///
    /// # Errors
    /// [`AboveCeiling::Permissions`] names what is missing.
    pub fn check_ceiling(&self, granted: &Self) -> Result<(), AboveCeiling> {
        let missing = granted.without(self);
        if missing.is_empty() { Ok(()) } else { Err(AboveCeiling::Permissions(missing)) }
    }
}

impl Role {
    /// Refuses to let the holder of this role give `granted` to anyone: no grant above one's own.
    ///
    /// # Errors
    /// [`AboveCeiling`] says whether permissions or rank stand in the way.
    pub fn check_grant(&self, granted: &Self) -> Result<(), AboveCeiling> {
        self.permissions.check_ceiling(&granted.permissions)?;
        granted.check_rank(self.rank)
    }

    /// Refuses to let whoever has this rank give, change or take this role. Without a rank they reach no role that has one.
    ///
    /// # Errors
    /// [`AboveCeiling::Rank`] with this role.
    pub fn check_rank(&self, own: Option<u16>) -> Result<(), AboveCeiling> {
        // None is below every rank.
        if self.rank <= own { Ok(()) } else { Err(AboveCeiling::Rank(self.name.clone())) }
    }
}

impl RoleName {
    /// Reads a role's name as it will be shown.
    ///
    /// # Errors
    /// [`NotARoleName`] with the text.
    pub fn parse(text: &str) -> Result<Self, NotARoleName> {
        let fits = (1..=ROLE_NAME_MAX).contains(&text.len());
        let words = text.split(' ').all(|word| !word.is_empty() && word.bytes().all(is_role_byte));
        (fits && words).then(|| Self(text.into())).ok_or_else(|| NotARoleName(excerpt(text)))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(word: &str) -> bool {
    let starts = word.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    starts && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

const fn is_role_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':')
}

/// Enough of a bad word to find it again; never a whole request in a message.
fn excerpt(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(PERMISSION_MAX).collect()
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Vec::from_iter(permissions).into()
    }
}

impl From<Vec<Permission>> for PermissionSet {
    fn from(mut permissions: Vec<Permission>) -> Self {
        permissions.sort_unstable();
        permissions.dedup();
        Self(permissions)
    }
}

impl fmt::Display for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, permission) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{permission}")?;
        }
        Ok(())
    }
}

macro_rules! text {
    ($name:ident, $fault:ident) => {
        impl FromStr for $name {
            type Err = $fault;

            fn from_str(text: &str) -> Result<Self, $fault> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $fault;

            fn try_from(text: String) -> Result<Self, $fault> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text!(Permission, NotAPermission);
text!(RoleName, NotARoleName);
