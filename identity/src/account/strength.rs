//! An estimate of a password while somebody types it (ID-2). Comfort alone: the form decides.
//!
//! The password is in the body, never in an address; it is not logged, not stored and not hashed. The answer is
//! for whoever typed it, and no cache keeps it.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use tenantry_core::password::PASSWORD_MAX;
use tenantry_core::secret::{ExposeSecret as _, SecretString};
use tenantry_platform::http::{Form, Json};
use tenantry_platform::page::words::Words;
use tenantry_platform::problem::{Kind, Problem};

use crate::Identity;

/// Words about the person that are looked at: address, name, workspace, and one to spare.
const ABOUT_MOST: usize = 4;
/// Longest of them: an address.
const ABOUT_CHARS_MOST: usize = 254;

/// What the meter shows.
#[derive(Debug, Serialize)]
pub struct Strength {
    /// zxcvbn's, 0 to 4.
    score: u8,
    /// Whether the form would take it.
    accepted: bool,
    /// For people.
    sentence: String,
}

/// `POST /-/password-strength`, a form: `password`, and `about` as often as there is something to say.
pub async fn strength(
    State(identity): State<Arc<Identity>>,
    Form(sent): Form<Vec<(String, SecretString)>>,
) -> Result<Json<Strength>, Problem> {
    let valued = |name: &'static str| sent.iter().filter(move |(key, _)| key == name).map(|(_, value)| value);
    let password = valued("password").next().ok_or_else(malformed)?.expose_secret();
    let about: Vec<String> = valued("about")
        .take(ABOUT_MOST)
        .map(|word| word.expose_secret().chars().take(ABOUT_CHARS_MOST).collect())
        .collect();
    let about: Vec<&str> = about.iter().map(String::as_str).collect();
    // The estimate costs more than it is worth beyond what a password may be.
    let text: String = password.chars().take(PASSWORD_MAX + 1).collect();
    let (score, verdict) = identity.options.password_policy().estimate(&text, &about);
    let sentence = verdict.as_ref().map_or_else(ToString::to_string, |()| praise(score).to_owned());
    Ok(Json(Strength { score, accepted: verdict.is_ok(), sentence }))
}

fn praise(score: u8) -> &'static str {
    Words::english().say(if score >= 4 { "strength.strong" } else { "strength.good" })
}

fn malformed() -> Problem {
    Problem::new(Kind::Malformed, "Send the password as the form field `password`.")
}
