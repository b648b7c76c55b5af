//! What somebody wants a role to be, checked.

use tenantry_core::permission::{Permission, PermissionSet, RoleName};
use tenantry_platform::config::Roles;
use tenantry_platform::problem::{FieldFault, Kind, Problem};

use crate::Options;

/// A description is read in one line beside the name, and the database keeps no more.
const DESCRIPTION_MOST: usize = 200;
/// As many as the database keeps; a role of more is the highest role.
const PERMISSIONS_MOST: usize = 200;

/// A role to be made.
#[derive(Clone, Debug, Default)]
pub struct RoleDraft {
    /// Its name, for good.
    pub name: String,
    /// What people read beside the name.
    pub description: String,
    /// Words of the configuration.
    pub permissions: Vec<String>,
}

/// What shall be other than it is. What is none stays.
#[derive(Clone, Debug, Default)]
pub struct RoleEdit {
    /// What people read beside the name.
    pub description: Option<String>,
    /// All that the role shall hold.
    pub permissions: Option<Vec<String>>,
    /// The version that was read; none: whatever stands there is changed.
    pub version: Option<i64>,
}

/// Collects what is wrong, field by field.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldFault>);

impl Faults {
    pub(super) fn end(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::new(Kind::Invalid, "Mend the fields named in `errors` and send the request again.");
        problem.fields = self.0;
        Err(problem)
    }

    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldFault { field: field.to_owned(), message: message.into() });
    }

    pub(super) fn name(&mut self, text: &str) -> String {
        let name = text.trim();
        if RoleName::parse(name).is_err() {
            self.add(
                "name",
                "Write 1 to 40 letters, digits, hyphens, underscores or colons; single spaces between words.",
            );
        }
        name.to_owned()
    }

    pub(super) fn description(&mut self, text: &str) -> String {
        let text = text.trim();
        if text.chars().count() > DESCRIPTION_MOST || text.chars().any(char::is_control) {
            self.add("description", format!("Write one line of up to {DESCRIPTION_MOST} characters."));
        }
        text.to_owned()
    }

    /// Declared words, within what a tenant's own role may hold.
    pub(super) fn permissions(&mut self, words: &[String], options: &Options) -> PermissionSet {
        if words.len() > PERMISSIONS_MOST {
            self.add("permissions", format!("Name at most {PERMISSIONS_MOST} permissions."));
            return PermissionSet::EMPTY;
        }
        words.iter().filter_map(|word| self.permission(word, options)).collect()
    }

    fn permission(&mut self, word: &str, options: &Options) -> Option<Permission> {
        let known = Permission::parse(word).ok().filter(|_| options.permissions.contains(word));
        match &known {
            None => self.add("permissions", format!("{} is no permission here.", shortened(word))),
            Some(known) if !options.roles.own_ceiling().contains(known) => {
                self.add("permissions", format!("{known} is more than a workspace's own role may hold here."));
            }
            Some(_) => {}
        }
        known
    }
}

/// Names that people could not tell from one of the configuration are taken.
pub(super) fn check_twin(name: &str, configured: &Roles) -> Result<(), Problem> {
    if configured.has_twin(name) { Err(name_taken()) } else { Ok(()) }
}

pub(super) fn name_taken() -> Problem {
    let sentence = "There is a role of this name, perhaps in another case. Choose a name that people can tell apart.";
    Problem::new(Kind::Conflict, sentence).code("role_exists")
}

/// Enough of a bad word to find it again.
fn shortened(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Words as they are kept.
pub(super) fn words(permissions: &PermissionSet) -> Vec<String> {
    permissions.iter().map(|word| word.as_str().to_owned()).collect()
}
