//! The settings of a workspace: `/-/console/{slug}/{mode}/settings`.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::slug::Slug;
use tenantry_platform::db::Mode;
use tenantry_platform::http::{Caller, ControlPermit, Form, Query, see_other};
use tenantry_platform::page::{Field, FlashKind, console, render_with};
use tenantry_platform::permit::{ManageTenant, Permit};
use tenantry_platform::problem::Problem;

use super::page::Settings;
use super::{Versioned, WorkspaceName, store};
use crate::Identity;

/// The page's entry in the navigation.
const NAV: &str = "settings";

/// What was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsQuery {
    #[serde(default)]
    done: String,
}

/// What the page posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    name: String,
    /// Of the settings that the form was filled from.
    version: i64,
}

/// `GET …/settings`
pub async fn show<M: Mode>(
    caller: Caller,
    ControlPermit(permit): ControlPermit<ManageTenant>,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<SettingsQuery>,
) -> Result<Response, Problem> {
    let found = read(&identity, &permit).await?;
    let name = Field::filled(found.tenant.name.as_str());
    draw::<M>(&identity, &caller, &found, name, query.done == "renamed")
}

/// `POST …/settings`
pub async fn change<M: Mode>(
    caller: Caller,
    ControlPermit(permit): ControlPermit<ManageTenant>,
    State(identity): State<Arc<Identity>>,
    Form(sent): Form<Changed>,
) -> Result<Response, Problem> {
    let name = match WorkspaceName::parse(&sent.name) {
        Ok(name) => name,
        Err(fault) => {
            let found = read(&identity, &permit).await?;
            return draw::<M>(&identity, &caller, &found, Field::refused(sent.name, fault), false);
        }
    };
    let mut tx = permit.begin(&identity.ground);
    let changed = super::rename(&mut tx, &identity.ground, &name, Some(sent.version)).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("/-/console/{}/{}/settings?done=renamed", changed.tenant.slug, M::MODE)))
}

async fn read(
    identity: &Identity,
    permit: &Permit<ManageTenant, tenantry_platform::db::Control>,
) -> Result<Versioned, Problem> {
    store::versioned(permit, &identity.ground).await?.ok_or_else(Problem::not_found)
}

fn draw<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    found: &Versioned,
    name: Field,
    is_done: bool,
) -> Result<Response, Problem> {
    let status = if name.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut chrome = console(&identity.visit(caller), caller, Settings::TITLE, NAV);
    if is_done {
        let said = chrome.t("settings.saved");
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let (tenant, hosts) = (&found.tenant, &identity.options.hosts);
    let slug = Slug::from_stored(&tenant.slug).map_err(Problem::internal)?;
    let here = format!("/-/console/{}/{}", tenant.slug, M::MODE);
    let page = Settings {
        name,
        version: found.version,
        action: format!("{here}/settings"),
        slug: tenant.slug.clone(),
        address: hosts.origin(&hosts.tenant(&slug, M::MODE)),
        tenant_id: tenant.id.to_string(),
        plan: tenant.plan.clone(),
        status: super::operator::badge(&chrome, tenant.status),
        members_href: format!("{here}/members"),
        leave_href: format!("{here}/members/leave"),
        chrome,
    };
    Ok(render_with(status, &page))
}
