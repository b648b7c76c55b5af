//! The frame of a console page, from what the life of the request found out.

use tenantry_core::mode::Mode;

use super::chrome::{Chrome, SignedIn, Visit, Workspace, WorkspaceLink};
use super::nav::{NavEntry, OPERATOR, nav};
use crate::http::Caller;
use crate::permit::TenantRef;

/// The frame of a console page: who is signed in, where, and what they can go to. `active` is the page's
/// [`NavEntry::id`]; its path is where the switch between live and test leads.
pub fn console(visit: &Visit, caller: &Caller, title_key: &'static str, active: &str) -> Chrome {
    let parts = caller.principal.as_deref().map(crate::permit::Principal::parts);
    let mode = parts.and_then(|parts| parts.mode).unwrap_or(Mode::Live);
    let here = parts.and_then(|parts| parts.tenant.as_ref());
    let workspace = here.map(|tenant| Workspace::at(tenant.name.as_str(), &tenant.slug, mode, path_of(active)));
    let may = |permission: &str| match permission {
        OPERATOR if !caller.has_staff_pages => false,
        OPERATOR => parts.and_then(|parts| parts.person.as_ref()).is_some_and(|person| person.operator),
        word => parts.is_some_and(|parts| parts.permissions.contains(word)),
    };
    let links = nav(workspace.as_ref(), active, may);
    let mut chrome = visit.page(title_key).with_nav(links);
    chrome.person = parts
        .and_then(|parts| parts.person.as_ref())
        .map(|person| SignedIn { name: person.name.clone(), email: person.email.clone() });
    chrome.workspaces = caller.workspaces.iter().map(|tenant| link(tenant, here)).collect();
    chrome.workspace = workspace;
    chrome
}

fn link(tenant: &TenantRef, here: Option<&TenantRef>) -> WorkspaceLink {
    WorkspaceLink {
        name: tenant.name.clone(),
        href: format!("/-/console/{}", tenant.slug),
        current: here.is_some_and(|here| here.id == tenant.id),
    }
}

fn path_of(active: &str) -> &'static str {
    inventory::iter::<NavEntry>().find(|entry| entry.id == active).map_or("/-/console/{slug}", |entry| entry.path)
}
