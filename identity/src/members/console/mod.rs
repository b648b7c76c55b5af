//! The console's pages of members: `/-/console/{slug}/{mode}/members` and below. People are the same in both modes;
//! the path carries the mode because every path of the console does.

mod invitations;
mod list;
mod ownership;
mod people;

pub use invitations::{form as invite_form, invite, resend, revoke};
pub use list::list;
pub use ownership::{confirm as confirm_transfer, confirm_leave, leave, transfer};
pub use people::{change_role, confirm_removal, remove, role_form};

use ::http::StatusCode;
use tenantry_platform::db::{Control, DbFault};
use tenantry_platform::http::Caller;
use tenantry_platform::page::{Choice, Chrome, Field, console};
use tenantry_platform::permit::{Permission, Permit, TenantRef};
use tenantry_platform::problem::{Kind, Problem};

use super::role::Authority;
use crate::Identity;
use crate::roles::{KnownRole, RoleBook};

/// The page's entry in the navigation.
const NAV: &str = "members";

/// What a confirmation posts.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    confirm: String,
}

/// `/-/console/acme/live/members`
fn base(caller: &Caller) -> Result<String, Problem> {
    let parts = caller.principal()?.parts();
    let (tenant, mode) = (tenant(caller)?, parts.mode.ok_or_else(Problem::not_found)?);
    Ok(format!("/-/console/{}/{mode}/members", tenant.slug))
}

fn tenant(caller: &Caller) -> Result<&TenantRef, Problem> {
    caller.principal()?.parts().tenant.as_ref().ok_or_else(Problem::not_found)
}

fn frame(identity: &Identity, caller: &Caller, title: &'static str) -> Chrome {
    console(&identity.visit(caller), caller, title, NAV)
}

/// The roles of the workspace, for what a page offers. The verbs look again.
async fn book<'a, P: Permission>(permit: &Permit<P, Control>, identity: &'a Identity) -> Result<RoleBook<'a>, DbFault> {
    RoleBook::read(permit, &identity.ground, &identity.options.roles).await
}

/// Whether whoever looks owns the workspace, as far as the session knows.
fn is_owner(identity: &Identity, caller: &Caller) -> bool {
    let name = caller.principal.as_deref().and_then(|principal| principal.parts().roles.first());
    name.and_then(|name| identity.options.roles.find(name.as_str())).is_some_and(|role| role.is_owner)
}

/// What a page offers whoever looks.
fn authority(book: &RoleBook<'_>, caller: &Caller) -> Option<Authority> {
    let name = caller.principal.as_deref()?.parts().roles.first()?;
    book.named(name.as_str()).and_then(Authority::of_role)
}

/// The roles that whoever looks may give, as a select shows them.
fn role_choices(book: &RoleBook<'_>, caller: &Caller, selected: &str) -> Vec<Choice> {
    let Some(authority) = authority(book, caller) else { return Vec::new() };
    let choice = |known: KnownRole| {
        let name = known.role.name.as_str().to_owned();
        let label = if known.description.is_empty() { name.clone() } else { format!("{name}: {}", known.description) };
        Choice { selected: name == selected, value: name, label, hint: String::new() }
    };
    book.all().into_iter().filter(|role| authority.check(role).is_ok()).map(choice).collect()
}

/// The confirmation again, if what was typed is not what was asked for.
fn mistyped(identity: &Identity, caller: &Caller, typed: String, wanted: &str) -> Option<Field> {
    let wrong = || identity.visit(caller).words.say("component.confirm_wrong").to_owned();
    (typed.trim() != wanted).then(|| Field::refused(typed, wrong()))
}

fn status_of(field: &Field) -> StatusCode {
    if field.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

/// What a form can show: a refusal that the person can act on. Anything else is a page of its own.
fn shown(problem: Problem) -> Result<Problem, Problem> {
    let is_shown = matches!(problem.kind, Kind::Invalid | Kind::Conflict | Kind::Forbidden | Kind::Outdated);
    if is_shown && problem.code != "missing_permission" { Ok(problem) } else { Err(problem) }
}

/// The sentence of a refusal, wherever it stands.
fn sentence(problem: &Problem, but: &str) -> String {
    let of_fields: Vec<&str> =
        problem.fields.iter().filter(|fault| fault.field != but).map(|fault| fault.message.as_str()).collect();
    if problem.fields.is_empty() { problem.detail.to_string() } else { of_fields.join(" ") }
}
