//! Sessions: how long a token lives, what becomes of a stolen one, and what ends all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tenantry_core::ids::uuid7;
use tenantry_core::mode::Mode;
use tenantry_platform::config::{Guard, Route};

use crate::posture::browser::{ACCESS, Browser, REFRESH};
use crate::posture::canary::{SLUG, Which};
use crate::posture::control::Verdict;
use crate::posture::person::{Person, Standing, Who, password};
use crate::posture::probe::{Inconclusive, Probe};
use tenantry_core::secret::ExposeSecret as _;

/// The promise of ID-8.
const ACCESS_MOST_S: u64 = 15 * 60;
/// The promise of KEY-6.
const TOKEN_MOST_S: u64 = 5 * 60;
/// The promise of ID-11.
const PROMISED: Duration = Duration::from_secs(2);
/// When a session is looked at after it should have ended, in milliseconds.
const TRIES_MS: [u64; 10] = [0, 20, 50, 100, 200, 300, 500, 800, 1_200, 2_000];
/// A page of whoever is signed in.
const OWN_PAGE: &str = "/-/account";

const INSERT_CHILD: &str = "
    insert into sessions (person_id, id, root_id, parent_id, realm, host, tenant_id, mode, rotated_at, auth_time, amr,
                          created_at, last_seen_at, expires_at)
    select person_id, $2, root_id, id, realm, 'https://elsewhere.invalid', $3, 'test', rotated_at, auth_time, amr,
           created_at, last_seen_at, expires_at
    from sessions where person_id = $1 and id = root_id and ended_at is null";
const TREE: &str = "select count(*), count(*) filter (where ended_at is null) from sessions where person_id = $1";

/// What an access token is good for, and what becomes of it.
pub(super) async fn access_tokens(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(&probe, Who::Renewing, Standing::Active).await?;
    let found = renew(&probe, &person).await;
    person.remove(&probe).await?;
    found
}

async fn renew(probe: &Probe, person: &Person) -> Result<Verdict, Inconclusive> {
    let browser = Browser::of(probe, person).await?;
    let (access, refresh) = both(&browser)?;
    let Some((claims, lives_s)) = read(&access) else {
        return Ok(Verdict::fail("an access token does not say when it ends"));
    };
    if lives_s > ACCESS_MOST_S {
        return Ok(Verdict::fail(format!("an access token lives {lives_s} s")));
    }
    if browser.with_only(ACCESS, &prolonged(&access, &claims)).is_signed_in().await? {
        return Ok(Verdict::fail("an access token whose end was written anew is believed"));
    }
    let mut renewed = browser.with_only(REFRESH, &refresh);
    if !renewed.is_signed_in().await? {
        return Ok(Verdict::fail("a refresh token renews nothing"));
    }
    let (access_after, refresh_after) = both(&renewed)?;
    Ok(if access_after == access || refresh_after == refresh {
        Verdict::fail("a renewed session has the tokens that it had")
    } else {
        Verdict::pass(format!(
            "an access token of {lives_s} s; it and its refresh token were followed by others; one whose end was written anew was refused"
        ))
    })
}

fn both(browser: &Browser) -> Result<(String, String), Inconclusive> {
    let cookie = |name: &str| browser.cookie(name).map(str::to_owned);
    cookie(ACCESS).zip(cookie(REFRESH)).ok_or_else(|| Inconclusive("a session has no two cookies".to_owned()))
}

/// The claims of a JWT, and for how long it is good.
fn read(token: &str) -> Option<(Value, u64)> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    let lives_s = claims["exp"].as_u64()?.checked_sub(claims["iat"].as_u64()?)?;
    Some((claims, lives_s))
}

/// The same token with a later end, as somebody would write it who has no key.
fn prolonged(token: &str, claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["exp"] = json!(claims["exp"].as_u64().unwrap_or_default() + 3_600);
    let body = URL_SAFE_NO_PAD.encode(claims.to_string());
    let mut parts: Vec<&str> = token.split('.').collect();
    if let Some(part) = parts.get_mut(1) {
        *part = &body;
    }
    parts.join(".")
}

/// What a first-party token is good for, and what becomes of it.
pub(super) async fn first_party_tokens(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(&probe, Who::Exchanging, Standing::Active).await?;
    let found = exchange(&probe, &person).await;
    person.remove(&probe).await?;
    found
}

async fn exchange(probe: &Probe, person: &Person) -> Result<Verdict, Inconclusive> {
    let path = guarded_path(probe)
        .ok_or_else(|| Inconclusive("the app has no route with a guard to show a token to".to_owned()))?;
    // Whoever holds a key of the canary's workspace finds it there.
    drop(probe.canaries.hold(probe, Which::Served).await?);
    let mut browser = Browser::of(probe, person).await?;
    let (access, _) = both(&browser)?;
    person.join(probe, smallest_role(probe)).await?;
    let token = exchanged(&mut browser).await?;
    let Some((claims, lives_s)) = read(&token) else { return Ok(Verdict::fail("a token does not say when it ends")) };
    let shown = async |token: &str| is_believed(&browser, &path, token).await;
    let mut found = Vec::new();
    if lives_s > TOKEN_MOST_S {
        found.push(format!("a token lives {lives_s} s"));
    }
    if !shown(&token).await? {
        return Err(Inconclusive("the canary's token was not believed, so a refusal shows nothing".to_owned()));
    }
    if shown(&prolonged(&token, &claims)).await? {
        found.push("a token whose end was written anew is believed".to_owned());
    }
    if shown(&access).await? {
        found.push("the cookie of a session is believed as a token".to_owned());
    }
    let begun = Instant::now();
    person.deactivate(probe).await?;
    let ended = ended_at(&browser, &path, &token).await?.map(|at| at.duration_since(begun));
    if ended.is_none_or(|took| took > PROMISED) {
        found.push(format!("still believed {} ms after its session was ended", begun.elapsed().as_millis()));
    }
    let took = ended.unwrap_or_default().as_millis();
    Ok(Verdict::unless(
        &found,
        format!(
            "a token of {lives_s} s; another kind and another end were refused, and itself {took} ms after its session ended"
        ),
    ))
}

/// The token of the canary's workspace, as soon as the membership is known.
async fn exchanged(browser: &mut Browser) -> Result<String, Inconclusive> {
    let path = format!("/-/console/{SLUG}/{}/token", Mode::Test);
    let mut status = StatusCode::OK;
    for wait_ms in TRIES_MS {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let answer = browser.post(&path, &[]).await?;
        if let Some(token) = answer.json()["access_token"].as_str() {
            return Ok(token.to_owned());
        }
        status = answer.status;
    }
    Err(Inconclusive(format!("the canary's session was not exchanged: {}", status.as_u16())))
}

/// A route that tells a token that is believed from one that is refused, whether it takes tokens or not.
fn guarded_path(probe: &Probe) -> Option<String> {
    let is_guarded = |route: &&Route| {
        let takes = [Guard::Session, Guard::Key, Guard::Jwt].iter().any(|guard| route.guards.contains(*guard));
        takes && super::served::method(route) == Some(Method::GET)
    };
    let guarded: Vec<&Route> = probe.config.routes.iter().filter(is_guarded).collect();
    let best = guarded.iter().find(|route| route.guards.contains(Guard::Jwt)).or(guarded.first())?;
    Some(super::served::path(best))
}

fn smallest_role(probe: &Probe) -> &str {
    let least = probe.config.roles.iter().min_by_key(|role| role.role.permissions.iter().count());
    least.map_or("", |role| role.role.name.as_str())
}

/// What was refused says so; whatever else is answered, the token itself was believed.
async fn is_believed(browser: &Browser, path: &str, token: &str) -> Result<bool, Inconclusive> {
    let answer = browser.show(path, token).await?;
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Err(Inconclusive("the check itself met a limit".to_owned())),
        StatusCode::UNAUTHORIZED => Ok(answer.json()["code"] != "token_refused"),
        _ => Ok(true),
    }
}

async fn ended_at(browser: &Browser, path: &str, token: &str) -> Result<Option<Instant>, Inconclusive> {
    let begun = Instant::now();
    for after_ms in TRIES_MS {
        tokio::time::sleep_until((begun + Duration::from_millis(after_ms)).into()).await;
        if !is_believed(browser, path, token).await? {
            return Ok(Some(Instant::now()));
        }
    }
    Ok(None)
}

/// A thief presents a refresh token that its owner has used since.
pub(super) async fn token_reuse(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(&probe, Who::Robbed, Standing::Active).await?;
    let found = reuse(&probe, &person).await;
    person.remove(&probe).await?;
    found
}

async fn reuse(probe: &Probe, person: &Person) -> Result<Verdict, Inconclusive> {
    let owner = Browser::of(probe, person).await?;
    let (_, stolen) = both(&owner)?;
    person.begin().await?;
    let child = uuid7(&probe.ground.clock, &probe.ground.entropy);
    let tenant = crate::posture::canary::SERVED.uuid();
    let born = person.control().execute(INSERT_CHILD, &[&person.id, &child, &tenant]).await?;
    person.control().batch_execute("commit").await?;
    // Twice: the predecessor of the newest token may be somebody's other tab.
    let mut owner = owner.with_only(REFRESH, &stolen);
    for _ in 0..2 {
        if !owner.is_signed_in().await? {
            return Err(Inconclusive("a refresh token renewed nothing, so its reuse shows nothing".to_owned()));
        }
        let (_, refresh) = both(&owner)?;
        owner = owner.with_only(REFRESH, &refresh);
    }
    let (_, newest) = (owner.is_signed_in().await?, both(&owner)?);
    let thief = owner.with_only(REFRESH, &stolen).is_signed_in().await?;
    let by_access = owner.with_only(ACCESS, &newest.0).is_signed_in().await?;
    let by_refresh = owner.with_only(REFRESH, &newest.1).is_signed_in().await?;
    let (all, living) = tree(person).await?;
    Ok(if thief {
        Verdict::fail("a refresh token that was used before opens the session")
    } else if by_access || by_refresh || living > 0 {
        Verdict::fail(format!("a refresh token was used twice, and {living} of {all} sessions of its tree live on"))
    } else if born == 0 {
        Verdict::fail("a session is not its own root: its tree cannot be ended")
    } else {
        Verdict::pass(format!(
            "a refresh token that was used before was refused, and ended {all} of {all} sessions of its tree"
        ))
    })
}

async fn tree(person: &Person) -> Result<(i64, i64), Inconclusive> {
    person.begin().await?;
    let row = person.control().query_one(TREE, &[&person.id]).await?;
    person.control().batch_execute("commit").await?;
    Ok((row.get(0), row.get(1)))
}

/// Changes the password in one of two browsers.
pub(super) async fn password_change(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(&probe, Who::Changing, Standing::Active).await?;
    let found = change(&probe, &person).await;
    person.remove(&probe).await?;
    found
}

async fn change(probe: &Probe, person: &Person) -> Result<Verdict, Inconclusive> {
    let (mut here, mut there) = (Browser::of(probe, person).await?, Browser::of(probe, person).await?);
    let wanted = password(&probe.ground.entropy);
    let form = [("current", person.password.expose_secret()), ("password", wanted.expose_secret())];
    let answer = here.post("/-/account/password", &form).await?;
    if !answer.status.is_redirection() {
        return Err(Inconclusive(format!("the canary's password was not changed: {}", answer.status.as_u16())));
    }
    let changed_at = Instant::now();
    let mut found = Vec::new();
    if there.is_signed_in().await? {
        found.push("another session lives on after the password was changed".to_owned());
    }
    let took = changed_at.elapsed();
    if !here.is_signed_in().await? {
        found.push("the session that changed the password ended".to_owned());
    }
    if Browser::new(probe)?.sign_in(person, &person.password).await? {
        found.push("the password of before the change still signs in".to_owned());
    }
    if !Browser::new(probe)?.sign_in(person, &wanted).await? {
        found.push("the new password does not sign in".to_owned());
    }
    Ok(Verdict::unless(
        &found,
        format!(
            "of 2 sessions the other one was refused {} ms after the change; the old password signs in no more",
            took.as_millis()
        ),
    ))
}

/// Deactivates somebody who is signed in, and measures until they are refused.
pub(super) async fn deactivation(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(&probe, Who::Leaving, Standing::Active).await?;
    let found = deactivate(&probe, &person).await;
    person.remove(&probe).await?;
    found
}

async fn deactivate(probe: &Probe, person: &Person) -> Result<Verdict, Inconclusive> {
    let mut browser = Browser::of(probe, person).await?;
    let begun = Instant::now();
    person.deactivate(probe).await?;
    let refused = refused_at(&mut browser).await?;
    let again = Browser::new(probe)?.sign_in(person, &person.password).await?;
    Ok(match refused.map(|at| at.duration_since(begun)) {
        _ if again => Verdict::fail("whoever was deactivated signs in again"),
        Some(took) if took <= PROMISED => {
            Verdict::pass(format!("signed out {} ms after the deactivation, and not let in again", took.as_millis()))
        }
        _ => Verdict::fail(format!("still signed in {} ms after the deactivation", begun.elapsed().as_millis())),
    })
}

async fn refused_at(browser: &mut Browser) -> Result<Option<Instant>, Inconclusive> {
    let begun = Instant::now();
    for after_ms in TRIES_MS {
        tokio::time::sleep_until((begun + Duration::from_millis(after_ms)).into()).await;
        if !super::served::is_refusal(&browser.get(OWN_PAGE).await?) {
            continue;
        }
        return Ok(Some(Instant::now()));
    }
    Ok(None)
}
