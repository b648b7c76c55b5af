//! `[permissions]`, `[roles]`, `[members]`: the words, and who holds them [AC-2].
//!
//! A role holds exactly what is written in it. A wildcard is refused; so is a word that nobody
//! declared.

use tenantry_core::permission::{Permission, PermissionSet, Role, RoleName};

use super::document::At;
use super::fault::did_you_mean;
use super::parse;
use super::section::Section;

/// Tenantry's own words, with what they let a person do. The app declares its own beside them.
pub const OWN_PERMISSIONS: [(&str, &str); 8] = [
    ("keys:read", "See the API keys: names, scopes, last use"),
    ("keys:manage", "Create and revoke API keys"),
    ("members:read", "See who belongs to the workspace"),
    ("members:manage", "Invite and remove people, and change their roles"),
    ("roles:manage", "Add, change and delete the workspace's own roles"),
    ("audit:read", "Read the audit log"),
    ("audit:export", "Export the audit log"),
    ("tenant:manage", "Change the workspace's name and settings"),
];

/// More words than this are a list of data, not of rights.
const WORDS_MAX: usize = 500;
/// More roles than this cannot be told apart by people.
const ROLES_MAX: usize = 50;

/// Every word that may be asked for, Tenantry's and the app's.
#[derive(Clone, Debug)]
pub struct Permissions {
    words: Vec<(Permission, String)>,
}

/// A role of every tenant.
#[derive(Clone, Debug)]
pub struct ConfiguredRole {
    /// Name, permissions and rank: the first role of the file has the highest.
    pub role: Role,
    pub description: String,
    /// Whoever makes the workspace gets this one; exactly one role has it.
    pub is_owner: bool,
}

/// The roles, highest first.
#[derive(Clone, Debug)]
pub struct Roles {
    roles: Vec<ConfiguredRole>,
    default: usize,
    /// The role that a tenant's own roles stay within; none where there is no role below the owner's.
    ceiling: Option<usize>,
}

impl Permissions {
    pub(super) fn read(section: &Section<'_, '_>) -> Self {
        let mut words: Vec<(Permission, String)> =
            OWN_PERMISSIONS.iter().filter_map(|(word, text)| Some((word.parse().ok()?, (*text).to_owned()))).collect();
        let written = section.pairs();
        if written.len() > WORDS_MAX {
            section.reading.fault(
                &section.span,
                format!("more than {WORDS_MAX} permissions"),
                "Name kinds of things, not the things themselves.",
            );
        }
        words.extend(
            written.into_iter().take(WORDS_MAX).filter_map(|(word, text)| Self::read_word(section, &word, &text)),
        );
        Self { words }
    }

    fn read_word(section: &Section<'_, '_>, word: &At<&str>, text: &At<&str>) -> Option<(Permission, String)> {
        if OWN_PERMISSIONS.iter().any(|(own, _)| *own == word.value) {
            let what = format!("permission {:?} is Tenantry's own", word.value);
            section.reading.fault(
                &word.span,
                what,
                "Leave it out: it needs no declaration. Or choose another word for the app's.",
            );
            return None;
        }
        let description = parse::sentence(text.value).map_err(|why| {
            section.reading.fault(
                &text.span,
                format!("the description of {} is malformed", word.value),
                format!("Please {why}."),
            )
        });
        let permission = Permission::parse(word.value)
            .map_err(|why| section.reading.fault(&word.span, why.to_string(), "Write it as \"orders:write\"."));
        Some((permission.ok()?, description.ok()?))
    }

    /// Every word with what it allows, Tenantry's own first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Permission, &str)> {
        self.words.iter().map(|(word, text)| (word, text.as_str()))
    }

    /// The app's words: those that the file declares.
    pub fn of_the_app(&self) -> impl Iterator<Item = (&Permission, &str)> {
        self.iter().skip(OWN_PERMISSIONS.len())
    }

    /// Whether the word was declared.
    pub fn contains(&self, word: &str) -> bool {
        self.words.iter().any(|(known, _)| known.as_str() == word)
    }

    /// The permission of a word, or a fault that names the nearest one.
    pub(super) fn resolve(&self, section: &Section<'_, '_>, text: &At<&str>) -> Option<Permission> {
        if text.value.contains('*') {
            let what = format!("{:?} is a wildcard, and no role or route holds more than is written", text.value);
            section.reading.fault(&text.span, what, "Write each permission out.");
            return None;
        }
        let found = self.words.iter().find(|(known, _)| known.as_str() == text.value).map(|(known, _)| known.clone());
        if found.is_none() {
            let mean = did_you_mean(text.value, self.words.iter().map(|(known, _)| known.as_str()));
            let fix = format!("{mean}Or declare it under [permissions]: {:?} = \"what it allows\".", text.value);
            section.reading.fault(&text.span, format!("permission {:?} is not known", text.value), fix);
        }
        found
    }
}

impl Roles {
    /// Roles of the file; without any, the three that most products begin with.
    pub(super) fn read(section: &Section<'_, '_>, permissions: &Permissions) -> Self {
        let written = section.named(|name, section| ConfiguredRole::read(name, section, permissions));
        let mut roles: Vec<ConfiguredRole> = written.into_iter().flatten().collect();
        if section.is_written() {
            Self::check(section, &roles);
        } else {
            roles = starting_roles();
        }
        rank(&mut roles);
        // Without a word about it: the highest role that is not the owner's.
        let ceiling = roles.iter().position(|role| !role.is_owner);
        Self { default: roles.len().saturating_sub(1), ceiling, roles }
    }

    fn check(section: &Section<'_, '_>, roles: &[ConfiguredRole]) {
        let owners: Vec<&str> = roles.iter().filter(|role| role.is_owner).map(|role| role.role.name.as_str()).collect();
        match owners.as_slice() {
            [] => section.reading.missing(
                &section.span,
                "no role is the owner's",
                "Write owner = true in the highest role: whoever makes a workspace gets it.",
            ),
            [_] if !roles[0].is_owner => section.reading.fault(
                &section.span,
                format!("{} is the owner's role but not the first", owners[0]),
                "Roles are ranked by their order: put it first.",
            ),
            [_] => {}
            _ => section.reading.fault(
                &section.span,
                format!("{} are all the owner's role", owners.join(" and ")),
                "Leave owner = true in one of them.",
            ),
        }
        if roles.len() > ROLES_MAX {
            section.reading.fault(
                &section.span,
                format!("more than {ROLES_MAX} roles"),
                "Tenants can add their own; write the common ones here.",
            );
        }
        for (at, role) in roles.iter().enumerate() {
            let twin =
                roles[..at].iter().find(|other| other.role.name.as_str().eq_ignore_ascii_case(role.role.name.as_str()));
            if let Some(twin) = twin {
                let what = format!("roles {} and {} differ in case alone", twin.role.name, role.role.name);
                section.reading.fault(
                    &section.span_of(role.role.name.as_str()),
                    what,
                    "Choose names that people can tell apart.",
                );
            }
        }
    }

    /// `[members]`: the role of a person for whom nobody chose one, and the one that tenants' own roles stay within.
    pub(super) fn read_members(mut self, section: &Section<'_, '_>) -> Self {
        if let Some(name) = section.word("own_roles_ceiling", None, "a role") {
            self.ceiling = self.place(section, &name).or(self.ceiling);
        }
        let Some(name) = section.word("default_role", Some("MEMBER"), "a role") else { return self };
        match self.place(section, &name) {
            Some(at) if self.roles[at].is_owner => {
                section.reading.fault(&name.span, "the default role is the owner's", "Choose a lower one.")
            }
            Some(at) => self.default = at,
            None => {}
        }
        self
    }

    /// Where the role of a name stands, or a fault that names the nearest one.
    fn place(&self, section: &Section<'_, '_>, name: &At<&str>) -> Option<usize> {
        let names = || self.roles.iter().map(|role| role.role.name.as_str());
        let found = names().position(|known| known == name.value);
        if found.is_none() {
            let known = names().collect::<Vec<_>>().join(", ");
            let fix = format!("{}Known: {known}.", did_you_mean(name.value, names()));
            section.reading.fault(&name.span, format!("role {:?} is not known", name.value), fix);
        }
        found
    }

    /// Highest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ConfiguredRole> {
        self.roles.iter()
    }

    /// The role of this name.
    pub fn find(&self, name: &str) -> Option<&ConfiguredRole> {
        self.roles.iter().find(|role| role.role.name.as_str() == name)
    }

    /// The role of whoever makes a workspace.
    pub fn owner(&self) -> &ConfiguredRole {
        // Invariant: a configuration without an owner role, or where it is not the first, is refused.
        &self.roles[0]
    }

    /// The role of a member for whom nobody chose one.
    pub fn default_role(&self) -> &ConfiguredRole {
        &self.roles[self.default]
    }

    /// What a tenant's own role may hold at most.
    pub fn own_ceiling(&self) -> &PermissionSet {
        static NOTHING: PermissionSet = PermissionSet::EMPTY;
        self.ceiling.map_or(&NOTHING, |at| &self.roles[at].role.permissions)
    }

    /// Whether a role of the configuration has this name, in any case: people could not tell another one apart.
    pub fn has_twin(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.role.name.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether any role holds the permission.
    pub fn grant(&self, permission: &Permission) -> bool {
        self.roles.iter().any(|role| role.role.permissions.contains(permission))
    }
}

impl ConfiguredRole {
    fn read(name: &At<&str>, section: &Section<'_, '_>, permissions: &Permissions) -> Option<Self> {
        let named = RoleName::parse(name.value)
            .map_err(|why| section.reading.fault(&name.span, why.to_string(), "Write it as [roles.ADMIN]."));
        let description = section
            .text("description", "", |text| if text.is_empty() { Ok(String::new()) } else { parse::sentence(text) });
        let words = section.words("permissions", &[], "words of [permissions] and Tenantry's own");
        refuse_repeats(section, &words);
        let held: PermissionSet = words.iter().filter_map(|word| permissions.resolve(section, word)).collect();
        let is_owner = section.flag("owner", false);
        let role = Role { name: named.ok()?, permissions: held, rank: None };
        Some(Self { role, description, is_owner })
    }
}

/// A word that stands twice in a list is a slip: perhaps another was meant.
pub(super) fn refuse_repeats(section: &Section<'_, '_>, words: &[At<&str>]) {
    for (at, word) in words.iter().enumerate() {
        if words[..at].iter().any(|other| other.value == word.value) {
            section.reading.fault(&word.span, format!("{:?} is listed twice", word.value), "Leave one of them out.");
        }
    }
}

/// The first role of the file is the highest, and a greater rank is higher.
fn rank(roles: &mut [ConfiguredRole]) {
    let count = roles.len();
    for (at, role) in roles.iter_mut().enumerate() {
        role.role.rank = u16::try_from(count - at).ok();
    }
}

/// What a file without `[roles]` means. The app's own words have to be granted by writing roles.
fn starting_roles() -> Vec<ConfiguredRole> {
    let all: Vec<&str> = OWN_PERMISSIONS.iter().map(|(word, _)| *word).collect();
    let without_tenant: Vec<&str> = all.iter().copied().filter(|word| *word != "tenant:manage").collect();
    vec![
        starting_role("OWNER", "Everything, and the last to leave", &all, true),
        starting_role("ADMIN", "People, keys and the audit log", &without_tenant, false),
        starting_role("MEMBER", "Works in the workspace", &["members:read"], false),
    ]
}

fn starting_role(name: &str, description: &str, words: &[&str], is_owner: bool) -> ConfiguredRole {
    // Invariant: the names and words above are well formed; the manual's test reads them.
    let name = RoleName::parse(name).unwrap_or_else(|why| unreachable!("{why}"));
    let permissions = words.iter().filter_map(|word| word.parse().ok()).collect();
    ConfiguredRole { role: Role { name, permissions, rank: None }, description: description.to_owned(), is_owner }
}
