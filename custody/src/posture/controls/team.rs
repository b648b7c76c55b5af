//! Who may do what in a workspace, in which mode, and what the log keeps of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tenantry_core::ids::{AuditId, uuid7};
use tenantry_core::mode::Mode;
use tenantry_platform::config::{ConfiguredRole, Permissions};
use tenantry_platform::db::{Context, Control};
use tenantry_platform::permit::{Actor, Attest, Origin, Permit};
use tenantry_platform::record::{self, Revealed};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::posture::browser::Browser;
use crate::posture::canary::{Canary, SERVED, SLUG, WHO, Which, begin};
use crate::posture::control::Verdict;
use crate::posture::person::{Person, Standing, Who};
use crate::posture::probe::{Inconclusive, Login, Probe};
use crate::posture::sites::Answer;

/// Pages of a workspace's console, each with the permission that it takes.
const PAGES: [(&str, &str); 5] = [
    ("settings", "tenant:manage"),
    ("roles/new", "roles:manage"),
    ("keys", "keys:read"),
    ("audit", "audit:read"),
    ("members", "members:read"),
];
/// A role that no configuration and no workspace has: it holds nothing.
const NO_ROLE: &str = "posture: no role";
/// When a membership is looked for after it was made, in milliseconds.
const TRIES_MS: [u64; 8] = [0, 50, 100, 200, 300, 500, 800, 1_200];

/// Looks at the roles that are served, and reaches with the smallest one for a page of a larger one.
pub(super) async fn role_permissions(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let key = probe.canaries.work(&probe, Which::Test).await?;
    let served = key.key().present("/-/api/v1/roles").await;
    key.end(&probe).await?;
    let (roles, words) = match written_out(&probe.config.permissions, &served?)? {
        Ok(counts) => counts,
        Err(what) => return Ok(Verdict::fail(what)),
    };
    let person = Person::plant(&probe, Who::SmallRole, Standing::Active).await?;
    let found = reach_beyond(&probe, &person).await;
    person.remove(&probe).await?;
    Ok(match found? {
        Ok(reached) => Verdict::pass(format!("{roles} roles hold {words} permissions, each declared; {reached}")),
        Err(what) => Verdict::fail(what),
    })
}

type Tried<T> = Result<Result<T, String>, Inconclusive>;

/// How many roles there are, and how many permissions they hold; or the first that is not written out.
fn written_out(known: &Permissions, answer: &Answer) -> Tried<(usize, usize)> {
    let document = answer.json();
    let roles = document["data"].as_array().filter(|roles| !roles.is_empty());
    let roles = roles.ok_or_else(|| Inconclusive(format!("the list of roles answers {}", answer.status.as_u16())))?;
    let mut words = 0;
    for role in roles {
        for word in role["permissions"].as_array().into_iter().flatten() {
            let word = word.as_str().unwrap_or_default();
            if !known.contains(word) {
                let name = role["name"].as_str().unwrap_or_default();
                return Ok(Err(format!("the role {name} holds {word:?}, which nobody declared")));
            }
            words += 1;
        }
    }
    Ok(Ok((roles.len(), words)))
}

async fn reach_beyond(probe: &Probe, person: &Person) -> Tried<String> {
    let (role, page, permission) = smallest(probe);
    // Signed in first: the workspace's log keeps the sign-ins of its members.
    let mut browser = Browser::of(probe, person).await?;
    person.join(probe, role).await?;
    let home = format!("/-/console/{SLUG}/{}", Mode::Test);
    if !is_let_in(&mut browser, &home).await? {
        return Err(Inconclusive(
            "the canary was not let into its own workspace, so a refusal shows nothing".to_owned(),
        ));
    }
    let answer = browser.get(&format!("{home}/{page}")).await?;
    Ok(match (answer.status, answer.text().contains(permission)) {
        (StatusCode::FORBIDDEN, true) => {
            Ok(format!("a member of the smallest one was let in, and refused a page that takes {permission}"))
        }
        (StatusCode::FORBIDDEN, false) => Err("the refusal does not name the permission that lacks".to_owned()),
        (status, _) => Err(format!("a page that takes {permission} answers {} to a role without it", status.as_u16())),
    })
}

/// The role that holds least, and a page that it does not open.
fn smallest(probe: &Probe) -> (&str, &'static str, &'static str) {
    let least = probe.config.roles.iter().min_by_key(|role| role.role.permissions.iter().count());
    let lacks = |role: &&ConfiguredRole, word: &str| !role.role.permissions.contains(word);
    let found = least.and_then(|role| {
        let (page, word) = PAGES.into_iter().find(|(_, word)| lacks(&role, word))?;
        Some((role.role.name.as_str(), page, word))
    });
    // Where the one role may do everything, one that nobody knows may do nothing.
    found.unwrap_or((NO_ROLE, PAGES[0].0, PAGES[0].1))
}

async fn is_let_in(browser: &mut Browser, home: &str) -> Result<bool, Inconclusive> {
    for wait_ms in TRIES_MS {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        if browser.get(home).await?.status == StatusCode::OK {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A key of each mode: what it is taken for, what it sees, and what its other spelling is worth.
pub(super) async fn key_modes(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let test = probe.canaries.work(&probe, Which::Test).await?;
    let live = match probe.canaries.work(&probe, Which::Live).await {
        Ok(live) => live,
        Err(why) => {
            test.end(&probe).await?;
            return Err(why);
        }
    };
    let found = both_modes(test.key(), live.key()).await;
    // Both, whatever becomes of the first.
    let (test, live) = (test.end(&probe).await, live.end(&probe).await);
    test.and(live)?;
    Ok(Verdict::unless(
        &found?,
        "2 keys acted in the mode of their prefix, saw no key of the other one, and were refused under its prefix",
    ))
}

async fn both_modes(test: &Canary, live: &Canary) -> Result<Vec<String>, Inconclusive> {
    let mut found = Vec::new();
    for (key, other, mode) in [(test, live, Mode::Test), (live, test, Mode::Live)] {
        let who = key.present(WHO).await?;
        if who.json()["mode"] != mode.as_str() {
            found.push(format!("a {mode} key acts in another mode"));
        }
        let (own, foreign) = (key.present(&path_of(key)).await?, key.present(&path_of(other)).await?);
        if own.status != StatusCode::OK || own.json()["mode"] != mode.as_str() {
            found.push(format!("a {mode} key sees itself as {}", own.status.as_u16()));
        }
        if foreign.status != StatusCode::NOT_FOUND {
            found.push(format!("a key of the other mode answers {} to a {mode} key", foreign.status.as_u16()));
        }
        let misspelled = key.ask_misspelled(WHO).await?;
        if misspelled.status != StatusCode::UNAUTHORIZED {
            found.push(format!("a {mode} key with the other prefix answers {}", misspelled.status.as_u16()));
        }
    }
    Ok(found)
}

fn path_of(key: &Canary) -> String {
    format!("/-/api/v1/keys/{}", key.key)
}

/// Two roles of the canary's workspace, which permit nothing.
const ROLES: [&str; 2] = ["posture-one", "posture-two"];
const INSERT_ROLE: &str = "
    insert into roles (tenant_id, id, name, description, permissions, created_at, updated_at)
    values ($1, $2, $3, '', '{}', $4, $4) on conflict (tenant_id, lower(name)) do nothing";
const ROWS: &str = "
    select request_id, id, actor_kind, action, entity_id, changes->'role', about_id, about
    from audit where tenant_id = $1 and request_id = any($2) and action like 'member.%'";

/// Invites somebody, who joins, gets another role, and is removed; then reads the log.
pub(super) async fn team_acts(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    probe.hourly("team-acts", change_a_team(&probe)).await
}

async fn change_a_team(probe: &Probe) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(probe, Who::Invited, Standing::Active).await?;
    let found = async {
        let key = probe.canaries.work(probe, Which::Live).await?;
        let acts = come_and_go(probe, key.key(), &person).await;
        key.end(probe).await?;
        judge_acts(probe, &person, &acts?).await
    };
    let found = found.await;
    person.remove(probe).await?;
    found
}

/// A change of a team: the request that made it, and what its row must say.
struct Change {
    request: String,
    action: &'static str,
    actor: &'static str,
    entity: String,
    role: Value,
}

async fn come_and_go(probe: &Probe, key: &Canary, person: &Person) -> Result<Vec<Change>, Inconclusive> {
    let [one, two] = ROLES;
    make_roles(probe).await?;
    let mut browser = Browser::of(probe, person).await?;
    let body = json!({ "email": person.email.as_str(), "role": one });
    let invited = changed(key.ask(Method::POST, "/-/api/v1/invitations", bytes(&body)).await?)?;
    let invitation = invited.json()["id"].as_str().unwrap_or_default().to_owned();
    let token = person.link(probe).await?.ok_or_else(|| Inconclusive("no invitation was mailed".to_owned()))?;
    let joined = changed(browser.post("/-/invitation", &[("token", &token)]).await?)?;
    let (member, whom) = (format!("/-/api/v1/members/{}", person.id), person.id.to_string());
    let promoted = changed(key.ask(Method::PATCH, &member, bytes(&json!({ "role": two }))).await?)?;
    let removed = changed(key.ask(Method::DELETE, &member, Bytes::new()).await?)?;
    let act = |answer: &Answer, action, actor, entity: &str, role| Change {
        request: answer.header("x-request-id").unwrap_or_default().to_owned(),
        action,
        actor,
        entity: entity.to_owned(),
        role,
    };
    Ok(vec![
        act(&invited, "member.invited", "api_key", &invitation, json!([null, one])),
        act(&joined, "member.joined", "session", &whom, json!([null, one])),
        act(&promoted, "member.role_changed", "api_key", &whom, json!([one, two])),
        act(&removed, "member.removed", "api_key", &whom, json!([two, null])),
    ])
}

async fn make_roles(probe: &Probe) -> Result<(), Inconclusive> {
    let (control, now) = (probe.connect(Login::Control).await?, probe.ground.now());
    begin(&control, SERVED).await?;
    for role in ROLES {
        let id = uuid7(&probe.ground.clock, &probe.ground.entropy);
        control.execute(INSERT_ROLE, &[&SERVED.uuid(), &id, &role, &now]).await?;
    }
    Ok(control.batch_execute("commit").await?)
}

fn bytes(body: &Value) -> Bytes {
    body.to_string().into()
}

/// The answer of a change that was made.
fn changed(answer: Answer) -> Result<Answer, Inconclusive> {
    let status = answer.status;
    let is_made = status.is_success() || status.is_redirection();
    if is_made {
        Ok(answer)
    } else {
        Err(Inconclusive(format!("a change of the canary's team answers {}", status.as_u16())))
    }
}

async fn judge_acts(probe: &Probe, person: &Person, acts: &[Change]) -> Result<Verdict, Inconclusive> {
    let requests: Vec<&str> = acts.iter().map(|act| act.request.as_str()).collect();
    let control = probe.connect(Login::Control).await?;
    begin(&control, SERVED).await?;
    let rows = control.query(ROWS, &[&SERVED.uuid(), &requests]).await?;
    control.batch_execute("commit").await?;
    let by_request: BTreeMap<String, &Row> = rows.iter().map(|row| (row.get(0), row)).collect();
    let mut found = Vec::new();
    for act in acts {
        match by_request.get(&act.request) {
            None => found.push(format!("{} left no row", act.action)),
            Some(row) if !act.is_told(row) => {
                found.push(format!("the row of {} does not say what changed", act.action))
            }
            Some(_) => {}
        }
    }
    if let Some(row) = by_request.get(&acts[0].request).filter(|_| found.is_empty())
        && whom(probe, row).await?.as_deref() != Some(person.email.as_str())
    {
        found.push("the row of an invitation does not say whom it was for".to_owned());
    }
    Ok(Verdict::unless(
        &found,
        format!(
            "{} changes of a team left {} rows with the role before and after; the invitation's names its address",
            acts.len(),
            rows.len()
        ),
    ))
}

impl Change {
    fn is_told(&self, row: &Row) -> bool {
        let role: Option<Value> = row.get(5);
        row.get::<_, &str>(2) == self.actor
            && row.get::<_, &str>(3) == self.action
            && row.get::<_, &str>(4) == self.entity
            && role.as_ref() == Some(&self.role)
    }
}

/// Whom the row of an invitation names, opened as a reader of the log opens it.
async fn whom(probe: &Probe, row: &Row) -> Result<Option<String>, Inconclusive> {
    let (id, about, sealed): (Uuid, Option<Uuid>, Option<Vec<u8>>) = (row.get(1), row.get(6), row.get(7));
    let Some((about, sealed)) = about.zip(sealed) else { return Ok(None) };
    let context = Context { tenant: Some(SERVED), person: None };
    let actor = Actor::system("posture", "team-acts");
    let mut tx = Permit::<Attest, Control>::system(context, actor, Origin::default()).begin(&probe.ground);
    let revealed = record::reveal(&mut tx, &probe.ground, about, AuditId::from_uuid(id), &sealed).await?;
    tx.commit().await?;
    Ok(match revealed {
        Revealed::Known(known) => known.fields.get("invited_email").map(|(address, _)| address.clone()),
        Revealed::Erased | Revealed::ErasedBefore => None,
    })
}
