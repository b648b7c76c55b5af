//! The console's pages of roles: `/-/console/{slug}/{mode}/roles` and below. Roles are the same in both modes.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::RoleId;
use tenantry_core::permission::{Permission as Word, PermissionSet};
use tenantry_platform::http::{Caller, ControlPermit, Form, Path, Query, see_other};
use tenantry_platform::page::{Choice, Chrome, Field, FlashKind, console, render, render_with};
use tenantry_platform::permit::{ManageRoles, Permission as _, ReadMembers};
use tenantry_platform::problem::{Kind, Problem};

use super::page::{Create, Delete, Edit, List, RoleRow};
use super::{KnownRole, OwnRole, RoleBook, RoleDraft, RoleEdit};
use crate::Identity;
use crate::members::Granter;

/// The page's entry in the navigation.
const NAV: &str = "roles";

/// What was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    #[serde(default)]
    done: String,
}

/// What a confirmation posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    confirm: String,
    version: i64,
}

/// What a form with boxes posts.
#[derive(Debug, Default)]
struct Filled {
    name: String,
    description: String,
    permissions: Vec<String>,
    version: Option<i64>,
}

/// A role of the path.
type OfRole = Path<(String, String, RoleId)>;

/// `GET …/roles`
pub async fn list(
    ControlPermit(permit): ControlPermit<ReadMembers>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let here = base(&caller)?;
    let book = RoleBook::read(&permit, &identity.ground, &identity.options.roles).await?;
    let held = &caller.principal()?.parts().permissions;
    let manages = held.contains(ManageRoles::WORD);
    let configured = identity.options.roles.iter().map(|role| configured_row(&role.into()));
    let own = book.own().iter().map(|role| own_row(&identity, &here, role, held));
    Ok(render(&List {
        roles: configured.chain(own).collect(),
        create_href: if manages { format!("{here}/new") } else { String::new() },
        chrome: flashed(frame(&identity, &caller, List::TITLE), &query.done),
    }))
}

/// `GET …/roles/new`
pub async fn create_form(
    ControlPermit(_permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
) -> Result<Response, Problem> {
    draw_create(&identity, &caller, Filled::default(), None)
}

/// `POST …/roles/new`
pub async fn create(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (filled, granter) = (Filled::read(sent)?, Granter::of(caller.principal()?)?);
    let draft = RoleDraft {
        name: filled.name.clone(),
        description: filled.description.clone(),
        permissions: filled.permissions.clone(),
    };
    let mut tx = permit.begin(&identity.ground);
    if let Err(problem) = super::create(&mut tx, (&identity.ground, &identity.options), &granter, &draft).await {
        tx.rollback().await?;
        return draw_create(&identity, &caller, filled, Some(&shown(problem)?));
    }
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=created", base(&caller)?)))
}

/// `GET …/roles/{id}/edit`
pub async fn edit_form(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfRole,
) -> Result<Response, Problem> {
    let role = super::find(&permit, &identity.ground, id).await?;
    let filled =
        Filled { name: role.name, description: role.description, permissions: role.words, version: Some(role.version) };
    draw_edit(&identity, &caller, id, filled, None)
}

/// `POST …/roles/{id}/edit`
pub async fn edit(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfRole,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (mut filled, granter) = (Filled::read(sent)?, Granter::of(caller.principal()?)?);
    filled.name = super::find(&permit, &identity.ground, id).await?.name;
    let edit = RoleEdit {
        description: Some(filled.description.clone()),
        permissions: Some(filled.permissions.clone()),
        version: Some(filled.version.ok_or_else(unknown_field)?),
    };
    let mut tx = permit.begin(&identity.ground);
    if let Err(problem) = super::update(&mut tx, (&identity.ground, &identity.options), &granter, id, &edit).await {
        tx.rollback().await?;
        return draw_edit(&identity, &caller, id, filled, Some(&shown(problem)?));
    }
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=updated", base(&caller)?)))
}

/// `GET …/roles/{id}/delete`
pub async fn confirm(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfRole,
) -> Result<Response, Problem> {
    let role = super::find(&permit, &identity.ground, id).await?;
    draw_delete(&identity, &caller, role, Field::default(), None)
}

/// `POST …/roles/{id}/delete`
pub async fn delete(
    ControlPermit(permit): ControlPermit<ManageRoles>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): OfRole,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem> {
    let role = super::find(&permit, &identity.ground, id).await?;
    if sent.confirm.trim() != role.name {
        let wrong = identity.visit(&caller).words.say("component.confirm_wrong").to_owned();
        return draw_delete(&identity, &caller, role, Field::refused(sent.confirm, wrong), None);
    }
    let granter = Granter::of(caller.principal()?)?;
    let (mut tx, ground) = (permit.begin(&identity.ground), (&identity.ground, &identity.options));
    if let Err(problem) = super::delete(&mut tx, ground, &granter, (id, Some(sent.version))).await {
        tx.rollback().await?;
        return draw_delete(&identity, &caller, role, Field::default(), Some(&shown(problem)?));
    }
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=deleted", base(&caller)?)))
}

impl Filled {
    /// A form with boxes: one name several times.
    fn read(sent: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut filled = Self::default();
        for (name, value) in sent {
            match name.as_str() {
                "name" => filled.name = value,
                "description" => filled.description = value,
                "permissions" => filled.permissions.push(value),
                "version" => filled.version = Some(value.parse().map_err(|_| unknown_field())?),
                _ => return Err(unknown_field()),
            }
        }
        Ok(filled)
    }
}

fn unknown_field() -> Problem {
    let sentence = "The form is not as it was shown. Load the page again and send it once more.";
    Problem::new(Kind::Malformed, sentence)
}

/// What a form can show: a refusal that the person can act on. Anything else is a page of its own.
fn shown(problem: Problem) -> Result<Problem, Problem> {
    let is_shown = matches!(problem.kind, Kind::Invalid | Kind::Conflict | Kind::Forbidden | Kind::Outdated);
    if is_shown && problem.code != "missing_permission" { Ok(problem) } else { Err(problem) }
}

fn flashed(chrome: Chrome, done: &str) -> Chrome {
    let said = match done {
        "created" => chrome.t("roles.created_done"),
        "updated" => chrome.t("roles.updated_done"),
        "deleted" => chrome.t("roles.deleted_done"),
        _ => return chrome,
    };
    chrome.with_flash(FlashKind::Success, said)
}

fn configured_row(role: &KnownRole) -> RoleRow {
    RoleRow {
        name: role.role.name.as_str().to_owned(),
        description: role.description.clone(),
        permissions: shown_words(&role.role.permissions),
        is_configured: true,
        is_owner: role.is_owner,
        is_hidden: false,
        edit_href: String::new(),
        delete_href: String::new(),
    }
}

/// Changing and deleting are offered to whoever holds all that the role holds.
fn own_row(identity: &Identity, here: &str, role: &OwnRole, held: &PermissionSet) -> RoleRow {
    let permissions = role.permissions(&identity.options.roles);
    let may = held.contains(ManageRoles::WORD) && permissions.is_subset(held);
    let href = |act: &str| if may { format!("{here}/{}/{act}", role.id) } else { String::new() };
    RoleRow {
        name: role.name.clone(),
        description: role.description.clone(),
        permissions: shown_words(&permissions),
        is_configured: false,
        is_owner: false,
        is_hidden: identity.options.roles.find(&role.name).is_some(),
        edit_href: href("edit"),
        delete_href: href("delete"),
    }
}

fn shown_words(permissions: &PermissionSet) -> Vec<String> {
    permissions.iter().map(|word| word.as_str().to_owned()).collect()
}

/// What is wrong, by field; and the sentence of what belongs to no field.
struct Said<'a>(Option<&'a Problem>);

impl Said<'_> {
    fn of(&self, field: &str) -> String {
        let fault = self.0.and_then(|problem| problem.fields.iter().find(|fault| fault.field == field));
        fault.map(|fault| fault.message.clone()).unwrap_or_default()
    }

    fn refused(&self) -> String {
        let whole = self.0.filter(|problem| problem.fields.is_empty());
        whole.map(|problem| problem.detail.to_string()).unwrap_or_default()
    }

    fn status(&self) -> StatusCode {
        self.0.map_or(StatusCode::OK, Problem::status)
    }
}

fn draw_create(
    identity: &Identity,
    caller: &Caller,
    filled: Filled,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let (here, said) = (base(caller)?, Said(problem));
    let page = Create {
        chrome: frame(identity, caller, Create::TITLE),
        action: format!("{here}/new"),
        back_href: here,
        permissions: choices(identity, caller, &filled.permissions)?,
        permissions_error: said.of("permissions"),
        name: Field { value: filled.name, error: said.of("name") },
        description: Field { value: filled.description, error: said.of("description") },
        refused: said.refused(),
    };
    Ok(render_with(said.status(), &page))
}

fn draw_edit(
    identity: &Identity,
    caller: &Caller,
    id: RoleId,
    filled: Filled,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let (here, said) = (base(caller)?, Said(problem));
    let page = Edit {
        chrome: frame(identity, caller, Edit::TITLE),
        action: format!("{here}/{id}/edit"),
        back_href: here,
        permissions: choices(identity, caller, &filled.permissions)?,
        permissions_error: said.of("permissions"),
        name: filled.name,
        version: filled.version.unwrap_or_default(),
        description: Field { value: filled.description, error: said.of("description") },
        refused: said.refused(),
    };
    Ok(render_with(said.status(), &page))
}

fn draw_delete(
    identity: &Identity,
    caller: &Caller,
    role: OwnRole,
    confirm: Field,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let (here, said) = (base(caller)?, Said(problem));
    let status = if confirm.error.is_empty() { said.status() } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Delete {
        chrome: frame(identity, caller, Delete::TITLE),
        action: format!("{here}/{}/delete", role.id),
        back_href: here,
        permissions: shown_words(&role.permissions(&identity.options.roles)),
        name: role.name,
        version: role.version,
        confirm,
        refused: said.refused(),
    };
    Ok(render_with(status, &page))
}

/// What the person holds and the ceiling allows: nobody can write more.
fn choices(identity: &Identity, caller: &Caller, chosen: &[String]) -> Result<Vec<Choice>, Problem> {
    let (held, ceiling) = (&caller.principal()?.parts().permissions, identity.options.roles.own_ceiling());
    let choice = |(word, hint): (&Word, &str)| Choice {
        value: word.as_str().to_owned(),
        label: word.as_str().to_owned(),
        hint: hint.to_owned(),
        selected: chosen.iter().any(|chosen| chosen == word.as_str()),
    };
    let words = identity.options.permissions.iter();
    Ok(words.filter(|(word, _)| held.contains(word) && ceiling.contains(word)).map(choice).collect())
}

fn frame(identity: &Identity, caller: &Caller, title: &'static str) -> Chrome {
    console(&identity.visit(caller), caller, title, NAV)
}

/// `/-/console/acme/live/roles`
fn base(caller: &Caller) -> Result<String, Problem> {
    let parts = caller.principal()?.parts();
    let tenant = parts.tenant.as_ref().ok_or_else(Problem::not_found)?;
    Ok(format!("/-/console/{}/{}/roles", tenant.slug, parts.mode.ok_or_else(Problem::not_found)?))
}
