//! The console's pages of API keys: `/-/console/{slug}/{mode}/keys` and below.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Form, Path, Query, see_other};
use tenantry_platform::page::{Choice, Field, FlashKind, console, render, render_with};
use tenantry_platform::permit::{ManageKeys, Permission as _, Permit, ReadKeys, ReadMembers};
use tenantry_platform::problem::{Kind, Problem};

use super::page::{Create, Created, KeyRow, List, Revoke};
use super::{Draft, KEYS_A_PAGE, Key, NewKey};
use crate::{Identity, members};

/// The page's entry in the navigation.
const NAV: &str = "keys";
/// Lifetimes that the form offers. Programs may name any time.
const LIFETIMES_DAYS: [u32; 4] = [7, 30, 90, 365];
/// What the form begins with: a key that is forgotten ends all the same.
const USUAL_LIFETIME_DAYS: u32 = 90;
const DAY: Duration = Duration::from_secs(86_400);

/// `?after=…`, and what was just done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    after: Option<KeyId>,
    #[serde(default)]
    done: String,
}

/// What a confirmation posts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    confirm: String,
}

/// What the form of a new key posts.
#[derive(Debug, Default)]
struct Filled {
    name: String,
    scopes: Vec<String>,
    expires: String,
}

/// `GET …/keys`
pub async fn list<M: Mode>(
    permit: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let (keys, more) = super::list(&permit, &identity.ground, query.after, KEYS_A_PAGE).await?;
    let here = base::<M>(&caller)?;
    let manages = caller.principal()?.parts().permissions.contains(ManageKeys::WORD);
    let names = maker_names(&identity, &caller).await?;
    let next_href = keys.last().filter(|_| more).map(|last| format!("{here}?after={}", last.id)).unwrap_or_default();
    let mut chrome = console(&identity.visit(&caller), &caller, List::TITLE, NAV);
    if query.done == "revoked" {
        let said = chrome.t("keys.revoked_done");
        chrome = chrome.with_flash(FlashKind::Success, said);
    }
    let drawing = Drawing { names: &names, now: identity.ground.now(), here: &here, manages };
    Ok(render(&List {
        keys: keys.into_iter().map(|key| drawing.row::<M>(&chrome, key)).collect(),
        create_href: if manages { format!("{here}/new") } else { String::new() },
        first_href: query.after.map(|_| here.clone()).unwrap_or_default(),
        next_href,
        chrome,
    }))
}

/// `GET …/keys/new`
pub async fn form<M: Mode>(
    _permit: Permit<ManageKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
) -> Result<Response, Problem> {
    let filled = Filled { expires: USUAL_LIFETIME_DAYS.to_string(), ..Filled::default() };
    draw_form::<M>(&identity, &caller, &filled, None)
}

/// `POST …/keys/new`: the page that shows the key, once.
pub async fn create<M: Mode>(
    permit: Permit<ManageKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let filled = Filled::read(sent)?;
    let now = identity.ground.now();
    let draft = match filled.draft(now) {
        Ok(draft) => draft,
        Err(problem) => return draw_form::<M>(&identity, &caller, &filled, Some(&problem)),
    };
    let new = match NewKey::check(&draft, &caller.principal()?.parts().permissions, &identity.options, now) {
        Ok(new) => new,
        Err(problem) => return draw_form::<M>(&identity, &caller, &filled, Some(&problem)),
    };
    let mut tx = permit.begin(&identity.ground);
    let made = super::create(&mut tx, &identity.ground, &new).await?;
    tx.commit().await?;
    show_once::<M>(&identity, &caller, made.key, &made.plaintext)
}

/// `GET …/keys/{id}/revoke`
pub async fn confirm<M: Mode>(
    _permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = super::find(&reading, &identity.ground, id).await?;
    draw_confirmation::<M>(&identity, &caller, key, Field::default()).await
}

/// `POST …/keys/{id}/revoke`
pub async fn revoke<M: Mode>(
    permit: Permit<ManageKeys, M>,
    reading: Permit<ReadKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
    Path((_, _, id)): Path<(String, String, KeyId)>,
    Form(sent): Form<Confirmation>,
) -> Result<Response, Problem>
where
    Database: HasStore<M>,
{
    let key = super::find(&reading, &identity.ground, id).await?;
    if sent.confirm.trim() != key.name {
        let field = Field::refused(sent.confirm, identity.visit(&caller).words.say("component.confirm_wrong"));
        return draw_confirmation::<M>(&identity, &caller, key, field).await;
    }
    let mut tx = permit.begin(&identity.ground);
    super::revoke(&mut tx, &identity.ground, id).await?;
    tx.commit_and_fence(&identity.ground).await?;
    Ok(see_other(&format!("{}?done=revoked", base::<M>(&caller)?)))
}

impl Filled {
    /// A form with boxes: one name several times.
    fn read(sent: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut filled = Self::default();
        for (name, value) in sent {
            match name.as_str() {
                "name" => filled.name = value,
                "scopes" => filled.scopes.push(value),
                "expires" => filled.expires = value,
                _ => {
                    return Err(Problem::new(
                        Kind::Malformed,
                        "The form has an unknown field. Load the page again and send it once more.",
                    ));
                }
            }
        }
        Ok(filled)
    }

    fn draft(&self, now: Timestamp) -> Result<Draft, Problem> {
        let expires_at = match self.expires.as_str() {
            "" | "never" => None,
            days => Some(end_of(days, now).ok_or_else(|| Problem::invalid("expires_at", "Choose one of the times."))?),
        };
        Ok(Draft { name: self.name.clone(), scopes: self.scopes.clone(), expires_at, ..Draft::default() })
    }
}

fn end_of(days: &str, now: Timestamp) -> Option<Timestamp> {
    let days = days.parse().ok().filter(|days| LIFETIMES_DAYS.contains(days))?;
    now.checked_add(DAY * days).ok()
}

fn draw_form<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    filled: &Filled,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let here = base::<M>(caller)?;
    let chrome = console(&identity.visit(caller), caller, Create::TITLE, NAV);
    let wrong =
        |field: &str| problem.and_then(|problem| problem.fields.iter().find(|fault| fault.field.starts_with(field)));
    let message = |field: &str| wrong(field).map(|fault| fault.message.clone()).unwrap_or_default();
    // What names no field of the form is about the scopes: more than the person may do.
    let about_scopes = problem.filter(|problem| problem.fields.is_empty()).map(|problem| problem.detail.to_string());
    let page = Create {
        action: format!("{here}/new"),
        back_href: here,
        name: Field { value: filled.name.clone(), error: message("name") },
        scopes: scope_choices(identity, caller, &filled.scopes)?,
        scopes_error: about_scopes.unwrap_or_else(|| message("scopes")),
        expiries: lifetime_choices(identity, &chrome, &filled.expires),
        chrome,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(render_with(status, &page))
}

/// What the person holds: nobody can give more.
fn scope_choices(identity: &Identity, caller: &Caller, chosen: &[String]) -> Result<Vec<Choice>, Problem> {
    let held = &caller.principal()?.parts().permissions;
    let choice = |(word, hint): (&tenantry_core::permission::Permission, &str)| Choice {
        value: word.as_str().to_owned(),
        label: word.as_str().to_owned(),
        hint: hint.to_owned(),
        selected: chosen.iter().any(|chosen| chosen == word.as_str()),
    };
    let words = &identity.options.permissions;
    // The app's own words first: most keys are for the app.
    let own = words.iter().filter(|(word, _)| !words.of_the_app().any(|(app, _)| app == *word));
    Ok(words.of_the_app().chain(own).filter(|(word, _)| held.contains(word)).map(choice).collect())
}

fn lifetime_choices(identity: &Identity, chrome: &tenantry_platform::page::Chrome, chosen: &str) -> Vec<Choice> {
    let longest = identity.options.api_keys.max_lifetime;
    let fits = |days: &u32| longest.is_none_or(|longest| DAY * *days <= longest);
    let after = |days: u32| {
        let span = chrome.t_count("time.day", &usize::try_from(days).unwrap_or(usize::MAX));
        choice(days.to_string(), chrome.t_with("time.ahead", "span", span), chosen)
    };
    let never = longest.is_none().then(|| choice("never".to_owned(), chrome.t("keys.never").to_owned(), chosen));
    LIFETIMES_DAYS.into_iter().filter(fits).map(after).chain(never).collect()
}

fn choice(value: String, label: String, chosen: &str) -> Choice {
    Choice { selected: value == chosen, value, label, hint: String::new() }
}

fn show_once<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    key: Key,
    plaintext: &SecretString,
) -> Result<Response, Problem> {
    let api = identity.options.hosts.origin(&identity.options.hosts.api());
    let secret = plaintext.expose_secret().to_owned();
    Ok(render(&Created {
        chrome: console(&identity.visit(caller), caller, Created::TITLE, NAV),
        curl: format!("curl -H \"Authorization: Bearer {secret}\" {api}/-/api/v1/whoami"),
        name: key.name,
        key: secret,
        scopes: key.scopes,
        expires_at: key.expires_at,
        list_href: base::<M>(caller)?,
    }))
}

async fn draw_confirmation<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    key: Key,
    confirm: Field,
) -> Result<Response, Problem> {
    let here = base::<M>(caller)?;
    let names = maker_names(identity, caller).await?;
    let chrome = console(&identity.visit(caller), caller, Revoke::TITLE, NAV);
    let status = if confirm.error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let drawing = Drawing { names: &names, now: identity.ground.now(), here: &here, manages: true };
    let (action, row) = (format!("{here}/{}/revoke", key.id), drawing.row::<M>(&chrome, key));
    Ok(render_with(status, &Revoke { key: row, action, back_href: here, confirm, chrome }))
}

/// What every row of a page needs.
struct Drawing<'a> {
    names: &'a HashMap<PersonId, String>,
    now: Timestamp,
    here: &'a str,
    manages: bool,
}

impl Drawing<'_> {
    fn row<M: Mode>(&self, chrome: &tenantry_platform::page::Chrome, key: Key) -> KeyRow {
        let maker = match key.created_by {
            None => chrome.t("keys.by_key").to_owned(),
            Some(person) => self.names.get(&person).cloned().unwrap_or_else(|| chrome.t("keys.by_former").to_owned()),
        };
        let state = key.state(self.now);
        let ends = self.manages && key.revoked_at.is_none();
        KeyRow {
            revoke_href: if ends { format!("{}/{}/revoke", self.here, key.id) } else { String::new() },
            id: key.id.to_string(),
            name: key.name,
            shown: format!("sk_{}_…{}", M::MODE, key.start),
            scopes: key.scopes,
            state,
            created_at: key.created_at,
            created_by: maker,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
        }
    }
}

/// Names of the people who may have made keys, for whoever may see the members.
async fn maker_names(identity: &Identity, caller: &Caller) -> Result<HashMap<PersonId, String>, Problem> {
    let Ok(permit) = caller.principal()?.control_permit::<ReadMembers>(&caller.origin()) else {
        return Ok(HashMap::new());
    };
    let members = members::list(&permit, &identity.ground, None).await?;
    Ok(members.into_iter().map(|member| (member.id, member.name)).collect())
}

/// `/-/console/acme/live/keys`
fn base<M: Mode>(caller: &Caller) -> Result<String, Problem> {
    let tenant = caller.principal()?.parts().tenant.as_ref().ok_or_else(Problem::not_found)?;
    Ok(format!("/-/console/{}/{}/keys", tenant.slug, M::MODE))
}
