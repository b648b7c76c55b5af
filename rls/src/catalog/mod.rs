//! The snapshot: everything that a judgement needs, read in one read-only transaction.
//!
//! `model` has the types, `read` the statements. Text of expressions is what PostgreSQL itself prints with an empty
//! search_path, so that every name in it has its schema.

mod model;
mod read;

pub use model::*;
pub use read::read;

use std::collections::{HashMap, HashSet};

use crate::name::Name;

impl Catalog {
    /// A relation by its oid.
    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.oid == oid)
    }

    /// A relation by its name.
    pub fn relation_named(&self, name: &Name) -> Option<&Relation> {
        self.relations.iter().find(|relation| &relation.name == name)
    }

    /// A function by its oid.
    pub fn function(&self, oid: u32) -> Option<&Function> {
        self.functions.iter().find(|function| function.oid == oid)
    }

    /// A role by its name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// A role by its oid.
    pub fn role_of(&self, oid: u32) -> Option<&Role> {
        self.roles.iter().find(|role| role.oid == oid)
    }

    /// The policies of a relation.
    pub fn policies_of(&self, relation: u32) -> impl Iterator<Item = &Policy> {
        self.policies.iter().filter(move |policy| policy.relation == relation)
    }

    /// The constraints of a relation.
    pub fn constraints_of(&self, relation: u32) -> impl Iterator<Item = &Constraint> {
        self.constraints.iter().filter(move |constraint| constraint.relation == relation)
    }

    /// The indexes of a relation.
    pub fn indexes_of(&self, relation: u32) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(move |index| index.relation == relation)
    }

    /// The roles whose rights a role has without asking (`INHERIT`), itself among them.
    pub fn inherited(&self, role: u32) -> HashSet<u32> {
        self.closure(role, |membership| membership.inherits)
    }

    /// The roles that a role may become by `SET ROLE`, has the rights of, or may grant itself, itself among them.
    pub fn reachable(&self, role: u32) -> HashSet<u32> {
        self.closure(role, |membership| membership.inherits || membership.may_set || membership.is_admin)
    }

    fn closure(&self, role: u32, passes: impl Fn(&Membership) -> bool) -> HashSet<u32> {
        let mut groups: HashMap<u32, Vec<u32>> = HashMap::new();
        for membership in self.memberships.iter().filter(|membership| passes(membership)) {
            groups.entry(membership.member).or_default().push(membership.role);
        }
        let (mut found, mut open) = (HashSet::from([role]), vec![role]);
        while let Some(next) = open.pop() {
            for group in groups.get(&next).into_iter().flatten() {
                if found.insert(*group) {
                    open.push(*group);
                }
            }
        }
        found
    }
}

impl Relation {
    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A column by its number.
    pub fn column_at(&self, number: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// Whether it holds rows that row level security can guard.
    pub const fn is_table(&self) -> bool {
        matches!(self.kind, RelationKind::Table | RelationKind::Partitioned)
    }

    /// Whether an option is on, as `security_invoker`.
    pub fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|option| {
            let (key, value) = option.split_once('=').unwrap_or((option, "true"));
            key == name && matches!(value.to_ascii_lowercase().as_str(), "true" | "on" | "1" | "yes")
        })
    }

    /// Whether one of `roles` (0 is PUBLIC) was granted `privilege` on all of it.
    pub fn grants(&self, roles: &HashSet<u32>, privilege: &str) -> bool {
        granted(&self.acl, roles, privilege)
    }

    /// The same, or on a column of it at least.
    pub fn grants_any(&self, roles: &HashSet<u32>, privilege: &str) -> bool {
        self.grants(roles, privilege) || self.columns.iter().any(|column| granted(&column.acl, roles, privilege))
    }
}

/// Whether one of `roles`, or PUBLIC, has `privilege` by these grants.
pub fn granted(acl: &[Grant], roles: &HashSet<u32>, privilege: &str) -> bool {
    acl.iter().any(|grant| grant.privilege == privilege && (grant.grantee == 0 || roles.contains(&grant.grantee)))
}
