//! A new key: its form, and the page that shows it once.

use std::sync::Arc;

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use tenantry_core::clock::Timestamp;
use tenantry_platform::db::{Database, HasStore, Mode};
use tenantry_platform::http::{Caller, Form};
use tenantry_platform::page::{Choice, Chrome, Field, render_with};
use tenantry_platform::permit::{ManageKeys, Permit};
use tenantry_platform::problem::{Kind, Problem};

use super::super::page::Create;
use super::super::{Ceiling, Draft, NewKey, create as make};
use super::{DAY, base, choice, count, frame, lines, networks_field, show_once};
use crate::Identity;

/// Lifetimes that the form offers beside the usual one. Programs may name any time.
const LIFETIMES_DAYS: [u64; 4] = [7, 30, 90, 365];
const NEVER: &str = "never";

/// What the form of a new key posts.
#[derive(Debug, Default)]
struct Filled {
    name: String,
    scopes: Vec<String>,
    expires: String,
    networks: String,
}

/// `GET …/keys/new`
pub async fn form<M: Mode>(
    _permit: Permit<ManageKeys, M>,
    caller: Caller,
    State(identity): State<Arc<Identity>>,
) -> Result<Response, Problem> {
    let expires = usual_days(&identity).map_or_else(|| NEVER.to_owned(), |days| days.to_string());
    draw::<M>(&identity, &caller, &Filled { expires, ..Filled::default() }, None)
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
    let checked = filled.draft(&identity, now).and_then(|draft| {
        let ceiling = Ceiling::of(caller.principal()?);
        NewKey::check(&draft, ceiling, &identity.options, now)
    });
    let new = match checked {
        Ok(new) => new,
        Err(problem) => return draw::<M>(&identity, &caller, &filled, Some(&problem)),
    };
    let mut tx = permit.begin(&identity.ground);
    let made = make(&mut tx, &identity.ground, &new).await?;
    tx.commit().await?;
    show_once::<M>(&identity, &caller, made.key, &made.plaintext, None)
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
                "networks" => filled.networks = value,
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

    fn draft(&self, identity: &Identity, now: Timestamp) -> Result<Draft, Problem> {
        let expires_at = match self.expires.as_str() {
            "" | NEVER => None,
            days => Some(
                end_of(identity, days, now)
                    .ok_or_else(|| Problem::invalid("expires_at", "Choose one of the times."))?,
            ),
        };
        Ok(Draft {
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            expires_at,
            is_end_usual: false,
            allowed_networks: lines(&self.networks),
        })
    }
}

fn end_of(identity: &Identity, days: &str, now: Timestamp) -> Option<Timestamp> {
    let days = days.parse().ok().filter(|days| lifetimes(identity).contains(days))?;
    now.checked_add(DAY.checked_mul(u32::try_from(days).ok()?)?).ok()
}

/// What the form begins with: a key that is forgotten ends all the same.
fn usual_days(identity: &Identity) -> Option<u64> {
    identity.options.api_keys.default_lifetime.map(|span| span.as_secs() / DAY.as_secs())
}

/// Days that may be chosen, the usual ones among them.
fn lifetimes(identity: &Identity) -> Vec<u64> {
    let longest = identity.options.api_keys.max_lifetime.map(|span| span.as_secs() / DAY.as_secs());
    let offered = LIFETIMES_DAYS.into_iter().chain(usual_days(identity));
    let mut days: Vec<u64> = offered.filter(|days| longest.is_none_or(|longest| *days <= longest)).collect();
    days.sort_unstable();
    days.dedup();
    days
}

fn draw<M: Mode>(
    identity: &Identity,
    caller: &Caller,
    filled: &Filled,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let here = base::<M>(caller)?;
    let chrome = frame(identity, caller, Create::TITLE);
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
        networks: networks_field(&filled.networks, problem),
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

fn lifetime_choices(identity: &Identity, chrome: &Chrome, chosen: &str) -> Vec<Choice> {
    let policy = &identity.options.api_keys;
    let after = |days: u64| {
        let span = chrome.t_count("time.day", &count(days));
        choice(days.to_string(), chrome.t_with("time.ahead", "span", span), chosen)
    };
    let may_never = policy.max_lifetime.is_none() && !policy.require_expiry;
    let never = may_never.then(|| choice(NEVER.to_owned(), chrome.t("keys.never").to_owned(), chosen));
    lifetimes(identity).into_iter().map(after).chain(never).collect()
}
