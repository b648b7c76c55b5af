//! Who was granted what, for sentences and for `revoke`.

use super::{AppRole, World};
use crate::catalog::{Grant, Relation};
use crate::name::ident;
use crate::remedy::Step;

impl<'a> World<'a> {
    /// The app's roles that were granted `privilege` otherwise than by owning the object.
    pub(super) fn granted(&self, acl: &[Grant], owner: u32, privilege: &str) -> Vec<&AppRole<'a>> {
        let is_granted = |app: &&AppRole<'_>| {
            acl.iter()
                .any(|grant| grant.privilege == privilege && grant.grantee != owner && reaches(app, grant.grantee))
        };
        self.app_roles.iter().filter(is_granted).collect()
    }

    /// Whom a `revoke` of `privileges` from the app's roles has to name, quoted.
    pub(super) fn grantees(&self, acl: &[Grant], owner: u32, privileges: &[&str]) -> Vec<String> {
        let meant = |grant: &&Grant| {
            grant.grantee != owner
                && privileges.contains(&grant.privilege.as_str())
                && self.app_roles.iter().any(|app| reaches(app, grant.grantee))
        };
        let mut found: Vec<String> = acl.iter().filter(meant).map(|grant| self.grantee(grant.grantee)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// A role as `grant` and `revoke` name it.
    pub(super) fn grantee(&self, role: u32) -> String {
        if role == 0 { "public".to_owned() } else { ident(self.role_name(role)) }
    }

    /// Whether what is in a table belongs to tenants: by a column of its own, or by policies.
    pub(super) fn is_of_tenants(&self, relation: &Relation) -> bool {
        relation.extension.is_none()
            && relation.is_table()
            && !self.settings.is_global(&relation.name)
            && (self.has_tenant(relation) || relation.has_rls)
    }
}

/// Whether an app role is, has or can become a grantee; 0 is PUBLIC, which everybody is.
fn reaches(app: &AppRole<'_>, grantee: u32) -> bool {
    grantee == 0 || app.reachable.contains(&grantee)
}

/// `revoke` of these privileges on a table or the like, from each of these.
pub(super) fn revokes(relation: &Relation, what: &str, privileges: &[&str], grantees: &[String]) -> Vec<Step> {
    let privileges = privileges.join(", ").to_ascii_lowercase();
    let revoke = |grantee: &String| format!("revoke {privileges} on {what} {} from {grantee}", relation.name.quoted());
    grantees.iter().map(|grantee| Step::on(&relation.name, revoke(grantee))).collect()
}
