//! What the layouts need besides a page's own content.

use std::sync::Arc;

use tenantry_core::clock::Timestamp;
use tenantry_core::mode::Mode;

use super::brand::Brand;
use super::nav::NavGroup;
use super::render::Nonce;
use super::words::Words;
use super::{assets, time};

/// What every page knows of the request that it answers. Made once a request; cheap to clone.
#[derive(Clone, Debug)]
pub struct Visit {
    pub nonce: Nonce,
    pub request_id: String,
    pub now: Timestamp,
    pub brand: Arc<Brand>,
    pub words: &'static Words,
}

impl Visit {
    /// The frame of a page, titled by a word of the catalogue.
    pub fn page(&self, title_key: &'static str) -> Chrome {
        Chrome {
            title: self.words.say(title_key).to_owned(),
            visit: self.clone(),
            person: None,
            workspace: None,
            workspaces: Vec::new(),
            nav: Vec::new(),
            flash: None,
        }
    }
}

/// The frame of one page. Its methods are what templates call: `chrome.t("keys.title")`.
#[derive(Clone, Debug)]
pub struct Chrome {
    pub visit: Visit,
    pub title: String,
    pub person: Option<SignedIn>,
    pub workspace: Option<Workspace>,
    /// The person's workspaces, the current one among them.
    pub workspaces: Vec<WorkspaceLink>,
    pub nav: Vec<NavGroup>,
    pub flash: Option<Flash>,
}

/// Who is signed in, as the foot of the navigation names them.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub name: String,
    pub email: String,
}

/// The workspace that the page is about.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub name: String,
    pub slug: String,
    pub mode: Mode,
    /// The same page in either mode: where the switch leads.
    pub live_href: String,
    pub test_href: String,
}

impl Workspace {
    /// The workspace as a page under `path` shows it, `{slug}` and `{mode}` as in a [`super::NavEntry`].
    /// A path without `{mode}` takes it as a query.
    pub fn at(name: impl Into<String>, slug: &str, mode: Mode, path: &str) -> Self {
        let in_mode = |mode: Mode| {
            let path = path.replace("{slug}", slug);
            if path.contains("{mode}") { path.replace("{mode}", mode.as_str()) } else { format!("{path}?mode={mode}") }
        };
        Self {
            name: name.into(),
            slug: slug.to_owned(),
            mode,
            live_href: in_mode(Mode::Live),
            test_href: in_mode(Mode::Test),
        }
    }

    pub const fn is_test(&self) -> bool {
        matches!(self.mode, Mode::Test)
    }
}

/// A way to another workspace of the same person.
#[derive(Clone, Debug)]
pub struct WorkspaceLink {
    pub name: String,
    pub href: String,
    pub current: bool,
}

/// One sentence on what the last act did.
#[derive(Clone, Debug)]
pub struct Flash {
    pub kind: FlashKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashKind {
    Success,
    Notice,
    Warning,
    Danger,
}

impl FlashKind {
    /// The name of its look in the stylesheet.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }

    /// Only what went wrong interrupts a screen reader.
    pub const fn role(&self) -> &'static str {
        match self {
            Self::Success | Self::Notice => "status",
            Self::Warning | Self::Danger => "alert",
        }
    }
}

impl Chrome {
    /// A title that holds data, such as a name.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    pub fn signed_in(mut self, person: SignedIn) -> Self {
        self.person = Some(person);
        self
    }

    pub fn within(mut self, workspace: Workspace, others: Vec<WorkspaceLink>) -> Self {
        self.workspace = Some(workspace);
        self.workspaces = others;
        self
    }

    pub fn with_nav(mut self, nav: Vec<NavGroup>) -> Self {
        self.nav = nav;
        self
    }

    pub fn with_flash(mut self, kind: FlashKind, text: impl Into<String>) -> Self {
        self.flash = Some(Flash { kind, text: text.into() });
        self
    }

    /// The words of a key.
    pub fn t(&self, key: &'static str) -> &'static str {
        self.visit.words.say(key)
    }

    /// The words of a key with `{name}` replaced by a value.
    pub fn t_with(&self, key: &'static str, name: &str, value: impl std::fmt::Display) -> String {
        self.visit.words.fill(key, &[(name, &value)])
    }

    /// The words of a key with several values in it.
    pub fn t_all(&self, key: &'static str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
        self.visit.words.fill(key, values)
    }

    /// `key.one` or `key.other`, with the number in it.
    pub fn t_count(&self, key: &'static str, count: &usize) -> String {
        self.visit.words.count(key, *count)
    }

    /// Where an asset is served from, its hash in the name.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::href(name)
    }

    /// An asset itself, for a page that must not ask for it.
    pub fn source(&self, name: &str) -> &'static str {
        assets::source(name)
    }

    pub fn lang(&self) -> &'static str {
        self.visit.words.lang()
    }

    /// "3 minutes ago", "in 2 days".
    pub fn ago(&self, at: &Timestamp) -> String {
        time::ago(self.visit.words, *at, self.visit.now)
    }

    /// "12 Mar 2026, 14:03:07 UTC".
    pub fn exact(&self, at: &Timestamp) -> String {
        time::exact(*at)
    }

    /// "12 Mar 2026", where the hour does not matter.
    pub fn day(&self, at: &Timestamp) -> String {
        time::day(*at)
    }

    /// For `datetime` attributes.
    pub fn iso(&self, at: &Timestamp) -> String {
        time::iso(*at)
    }
}
