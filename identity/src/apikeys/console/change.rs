//! Another name, other networks.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::ids::KeyId;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Form, Path, see_other};
use tenantry_platform::page::{Field, render_with};
use tenantry_platform::permit::{ManageKeys, Permit, ReadKeys};
use tenantry_platform::problem::Problem;

use super::super::page::Edit;
use super::super::{Ceiling, Key, KeyEdit, find, update};
use super::{base, frame, lines, networks_field};
use crate::Identity;

/// What the form posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filled {
    name: String,
    networks: String,
    version: i64,
}

/// `GET …/keys/{id}/edit`
pub async fn edit<M: Mode>(
    _permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = find(&reading, &identity.ground, id).await?;
    let filled = Filled { name: key.name.clone(), networks: key.networks.lines().join("\n"), version: key.version };
    draw::<M>(&identity, &caller, &key, filled, None)
}

/// `POST …/keys/{id}/edit`
pub async fn save<M: Mode>(
    permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
    Form(filled): Form<Filled>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let edit = KeyEdit {
        name: Some(filled.name.clone()),
        allowed_networks: Some(lines(&filled.networks)),
        version: Some(filled.version),
    };
    let ceiling = Ceiling::of(caller.principal()?);
    let mut tx = permit.begin(&identity.ground);
    match update(&mut tx, &identity.ground, id, &edit, (ceiling, &identity.options)).await {
        Ok(_) => tx.commit_and_fence(&identity.ground).await.map(drop)?,
        Err(problem) if problem.fields.is_empty() => return Err(problem),
        Err(problem) => {
            tx.rollback().await?;
            let key = find(&reading, &identity.ground, id).await?;
            return draw::<M>(&identity, &caller, &key, filled, Some(&problem));
        }
    }
    Ok(see_other(&format!("{}/{id}?done=updated", base::<M>(&caller)?)))
}

fn draw<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    key: &Key,
    filled: Filled,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let back_href = format!("{}/{}", base::<M>(caller)?, key.id);
    let of_name = problem.and_then(|problem| problem.fields.iter().find(|fault| fault.field == "name"));
    let page = Edit {
        chrome: frame(identity, caller, Edit::TITLE),
        key: key.name.clone(),
        action: format!("{back_href}/edit"),
        back_href,
        networks: networks_field(&filled.networks, problem),
        name: Field { value: filled.name, error: of_name.map(|fault| fault.message.clone()).unwrap_or_default() },
        version: filled.version,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(render_with(status, &page))
}
