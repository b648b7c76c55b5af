//! The navigation: each room registers where its page stands, and no room knows another.
//!
//! ```ignore
//! inventory::submit! { NavEntry { id: "keys", area: "workspace", order: 20, word: "nav.keys", icon: "key",
//!     path: "/-/console/{slug}/{mode}/keys", permission: Some("keys:read") } }
//! ```

use super::chrome::Workspace;

/// The paths of pages that belong to the platform's staff start here; they stand in a group of their own.
pub const OPERATOR: &str = "operator";

/// Pages about oneself: shown while one of them is open.
pub const ACCOUNT: &str = "account";

/// One page in the navigation.
#[derive(Debug)]
pub struct NavEntry {
    /// What a page names itself with, to be shown as the current one.
    pub id: &'static str,
    /// `workspace`, [`ACCOUNT`] or [`OPERATOR`]; entries of one area stand together.
    pub area: &'static str,
    /// Lower stands higher. Steps of ten leave room between.
    pub order: u16,
    /// Key in the catalogue.
    pub word: &'static str,
    pub icon: &'static str,
    /// `{slug}` and `{mode}` stand for the current workspace's.
    pub path: &'static str,
    /// Who lacks it does not see the entry. The guard of the page decides, not this.
    pub permission: Option<&'static str>,
}

inventory::collect!(NavEntry);

/// Entries under one heading.
#[derive(Clone, Debug)]
pub struct NavGroup {
    pub area: &'static str,
    pub items: Vec<NavItem>,
}

/// An entry as the layout shows it.
#[derive(Clone, Debug)]
pub struct NavItem {
    pub word: &'static str,
    pub icon: &'static str,
    pub href: String,
    pub active: bool,
}

/// The navigation of a page: the workspace's entries when there is one, the operator's when `may` lets them.
pub fn nav(workspace: Option<&Workspace>, active: &str, may: impl Fn(&str) -> bool) -> Vec<NavGroup> {
    let mut entries: Vec<&NavEntry> = inventory::iter::<NavEntry>().filter(|e| e.permission.is_none_or(&may)).collect();
    entries.sort_by_key(|e| e.order);
    let mut groups = Vec::new();
    if let Some(workspace) = workspace {
        groups.extend(group("workspace", &entries, active, |path| placed(path, workspace)));
    }
    if entries.iter().any(|entry| entry.id == active && entry.area == ACCOUNT) {
        groups.extend(group(ACCOUNT, &entries, active, str::to_owned));
    }
    groups.extend(group(OPERATOR, &entries, active, str::to_owned));
    groups
}

fn group(area: &'static str, entries: &[&NavEntry], active: &str, href: impl Fn(&str) -> String) -> Option<NavGroup> {
    let items: Vec<NavItem> = entries
        .iter()
        .filter(|e| e.area == area)
        .map(|e| NavItem { word: e.word, icon: e.icon, href: href(e.path), active: e.id == active })
        .collect();
    (!items.is_empty()).then_some(NavGroup { area, items })
}

fn placed(path: &str, workspace: &Workspace) -> String {
    path.replace("{slug}", &workspace.slug).replace("{mode}", workspace.mode.as_str())
}
