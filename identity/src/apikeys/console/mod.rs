//! The console's pages of API keys: `/-/console/{slug}/{mode}/keys` and below.

mod change;
mod create;
mod detail;
mod end;
mod list;
mod rotate;

pub use change::{edit, save};
pub use create::{create, form};
pub use detail::show;
pub use end::{confirm_delete, confirm_revoke, delete, revoke};
pub use list::list;
pub use rotate::{confirm_rotate, rotate};

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::Caller;
use tenantry_platform::page::{Choice, Chrome, Field, console, render};
use tenantry_platform::permit::{ManageKeys, Permission as _, Permit, ReadKeys, ReadMembers};
use tenantry_platform::problem::Problem;

use super::page::{Created, KeyRow};
use super::store::{self, Maker};
use super::{Key, KeyState};
use crate::Identity;

/// The page's entry in the navigation.
const NAV: &str = "keys";
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What a confirmation posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    confirm: String,
}

/// `/-/console/acme/live/keys`
fn base<M: Mode>(caller: &Caller) -> Result<String, Problem> {
    let tenant = caller.principal()?.parts().tenant.as_ref().ok_or_else(Problem::not_found)?;
    Ok(format!("/-/console/{}/{}/keys", tenant.slug, M::MODE))
}

fn frame(identity: &Identity, caller: &Caller, title: &'static str) -> Chrome {
    console(&identity.visit(caller), caller, title, NAV)
}

/// What every row of a page needs.
struct Drawing {
    makers: HashMap<PersonId, Maker>,
    keys: HashMap<KeyId, String>,
    now: Timestamp,
    here: String,
    manages: bool,
}

impl Drawing {
    /// Looks the names up that the rows of these keys show: people, for whoever may see the members, and keys.
    async fn of<M: Mode>(
        identity: &Identity,
        caller: &Caller,
        permit: &Permit<ReadKeys, M>,
        keys: &[Key],
    ) -> Result<Self, Problem>
    where
        Database: HasStore<M>,
    {
        let principal = caller.principal()?;
        let people: Vec<PersonId> = keys.iter().filter_map(|key| key.created_by).collect();
        let makers = match principal.control_permit::<ReadMembers>(&caller.origin()) {
            Ok(permit) if !people.is_empty() => store::makers(&permit, &identity.ground, &people).await?,
            _ => HashMap::new(),
        };
        let others = |key: &Key| [key.created_by_key, key.rotated_from, key.replaced_by];
        let ids: Vec<KeyId> = keys.iter().flat_map(others).flatten().collect();
        let keys = if ids.is_empty() { HashMap::new() } else { store::names(permit, &identity.ground, &ids).await? };
        let manages = principal.parts().permissions.contains(ManageKeys::WORD);
        Ok(Self { makers, keys, now: identity.ground.now(), here: base::<M>(caller)?, manages })
    }

    fn row<M: Mode>(&self, chrome: &Chrome, key: Key) -> KeyRow {
        let state = key.state(self.now);
        let to = |act: &str, may: bool| {
            if self.manages && may { format!("{}/{}/{act}", self.here, key.id) } else { String::new() }
        };
        let works = state == KeyState::Active;
        KeyRow {
            href: format!("{}/{}", self.here, key.id),
            edit_href: to("edit", key.revoked_at.is_none()),
            rotate_href: to("rotate", works && key.replaced_by.is_none()),
            revoke_href: to("revoke", key.revoked_at.is_none()),
            delete_href: to("delete", !works),
            id: key.id.to_string(),
            created_by: self.maker(chrome, &key),
            name: key.name,
            shown: format!("sk_{}_…{}", M::MODE, key.start),
            scopes: key.scopes,
            networks: key.networks.lines(),
            state,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }

    /// Who made a key, by name. The key belongs to the workspace, so they may have left.
    fn maker(&self, chrome: &Chrome, key: &Key) -> String {
        if let Some(by) = key.created_by_key {
            return self.keys.get(&by).map_or_else(
                || chrome.t("keys.by_key").to_owned(),
                |name| chrome.t_with("keys.by_named_key", "name", name),
            );
        }
        match key.created_by.and_then(|person| self.makers.get(&person)) {
            Some(maker) if maker.is_member => maker.name.clone(),
            Some(maker) => chrome.t_with("keys.by_former", "name", &maker.name),
            None if key.created_by.is_none() => chrome.t("keys.by_key").to_owned(),
            None => chrome.t("keys.by_unknown").to_owned(),
        }
    }
}

/// The one page that shows a new key, alone or as a successor.
fn show_once<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    key: Key,
    plaintext: &SecretString,
    predecessor_ends: Option<Timestamp>,
) -> Result<axum::response::Response, Problem> {
    let api = identity.options.hosts.origin(&identity.options.hosts.api());
    let secret = plaintext.expose_secret().to_owned();
    Ok(render(&Created {
        chrome: frame(identity, caller, Created::TITLE),
        curl: format!("curl -H \"Authorization: Bearer {secret}\" {api}/-/api/v1/whoami"),
        name: key.name,
        key: secret,
        scopes: key.scopes,
        networks: key.networks.lines(),
        expires_at: key.expires_at,
        predecessor_ends,
        list_href: base::<M>(caller)?,
    }))
}

/// Networks as people write them into a box: one a line.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The box with what was written, and what is wrong with which line.
fn networks_field(text: &str, problem: Option<&Problem>) -> Field {
    let written = lines(text);
    let said = |fault: &tenantry_platform::problem::FieldFault| {
        let at = fault.field.strip_prefix("allowed_networks")?;
        let line = at.trim_matches(['[', ']']).parse().ok().and_then(|at: usize| written.get(at));
        Some(line.map_or_else(|| fault.message.clone(), |line| format!("{line}: {}", fault.message)))
    };
    let faults = problem.into_iter().flat_map(|problem| problem.fields.iter().filter_map(said));
    Field { value: text.to_owned(), error: faults.collect::<Vec<_>>().join(" ") }
}

fn choice(value: String, label: String, chosen: &str) -> Choice {
    Choice { selected: value == chosen, value, label, hint: String::new() }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
