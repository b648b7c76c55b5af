//! The pages of members: who belongs, who is invited, and each act that changes it. [AC-3, AC-16]

use askama::Template;
use tenantry_core::clock::Timestamp;
use tenantry_platform::page::{Choice, Chrome, Field, NavEntry};

use super::InvitationState;
use super::accept::{AccountForm, Next, Shown};

inventory::submit! {
    NavEntry {
        id: "members", area: "workspace", order: 15, word: "nav.members", icon: "users",
        path: "/-/console/{slug}/{mode}/members", permission: Some("members:read"),
    }
}

#[derive(Debug, Template)]
#[template(path = "members/list.html")]
pub struct List {
    pub chrome: Chrome,
    pub members: Vec<MemberRow>,
    pub invitations: Vec<InvitationRow>,
    /// Empty for who may not.
    pub invite_href: String,
    pub leave_href: String,
    pub first_href: String,
    pub next_href: String,
}

impl List {
    pub const TITLE: &'static str = "members.title";
}

#[derive(Clone, Debug)]
pub struct MemberRow {
    pub name: String,
    pub email: String,
    pub role: String,
    pub is_owner: bool,
    pub is_you: bool,
    pub since: Timestamp,
    /// Each empty for who may not.
    pub role_href: String,
    pub remove_href: String,
    pub transfer_href: String,
}

#[derive(Clone, Debug)]
pub struct InvitationRow {
    pub email: String,
    pub role: String,
    pub invited_by: String,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: InvitationState,
    /// Forms post here; empty for who may not.
    pub resend_action: String,
    pub revoke_action: String,
}

/// Whom to invite, as what.
#[derive(Debug, Template)]
#[template(path = "members/invite.html")]
pub struct InvitePage {
    pub chrome: Chrome,
    pub action: String,
    pub back_href: String,
    pub email: Field,
    pub roles: Vec<Choice>,
    /// What stands in the way and belongs to no field; empty at first.
    pub refused: String,
    /// How long the link works, in words.
    pub span: String,
}

impl InvitePage {
    pub const TITLE: &'static str = "members.invite_title";
}

/// Another role. The version tells whether somebody else was faster.
#[derive(Debug, Template)]
#[template(path = "members/role.html")]
pub struct ChangeRole {
    pub chrome: Chrome,
    pub name: String,
    pub email: String,
    pub role: String,
    pub version: i64,
    pub roles: Vec<Choice>,
    pub action: String,
    pub back_href: String,
    pub refused: String,
}

impl ChangeRole {
    pub const TITLE: &'static str = "members.role_page";
}

/// Says what removing does, and asks for the address.
#[derive(Debug, Template)]
#[template(path = "members/remove.html")]
pub struct Remove {
    pub chrome: Chrome,
    pub name: String,
    pub email: String,
    pub role: String,
    pub action: String,
    pub back_href: String,
    pub confirm: Field,
}

impl Remove {
    pub const TITLE: &'static str = "members.remove_page";
}

/// Says what leaving does, and asks for the workspace's slug.
#[derive(Debug, Template)]
#[template(path = "members/leave.html")]
pub struct Leave {
    pub chrome: Chrome,
    pub workspace: String,
    pub slug: String,
    pub action: String,
    pub back_href: String,
    pub confirm: Field,
}

impl Leave {
    pub const TITLE: &'static str = "members.leave_page";
}

/// Says what handing over does, and asks for the workspace's slug.
#[derive(Debug, Template)]
#[template(path = "members/transfer.html")]
pub struct Transfer {
    pub chrome: Chrome,
    pub workspace: String,
    pub slug: String,
    pub name: String,
    pub email: String,
    /// What the old owner becomes.
    pub lower_role: String,
    pub action: String,
    pub back_href: String,
    pub confirm: Field,
}

impl Transfer {
    pub const TITLE: &'static str = "members.transfer_page";
}

/// What a mailed invitation opens. Opening it changes nothing; the form does.
#[derive(Debug, Template)]
#[template(path = "members/accept.html")]
pub struct Accept {
    pub chrome: Chrome,
    pub token: String,
    pub shown: Shown,
    pub form: AccountForm,
    pub password_min: usize,
    pub sign_in_href: String,
    pub console_href: String,
}

impl Accept {
    pub const TITLE: &'static str = "invitation.page";
}
