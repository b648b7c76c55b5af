//! A key that is revoked, over, too narrow or of a stopped tenant: tried with the keys of the canaries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use tenantry_core::ids;
use tenantry_core::route::Method as RouteMethod;
use tenantry_platform::config::{Guard, Route};
use tenantry_platform::db::{Context, Control};
use tenantry_platform::feed::copies::{self, Noticed};
use tenantry_platform::feed::{Change, ChangeKind};
use tenantry_platform::permit::{Actor, Attest, Origin, Permit};

use crate::posture::canary::{PATH, State, Which};
use crate::posture::control::Verdict;
use crate::posture::probe::{Inconclusive, Probe};
use crate::posture::sites::Answer;

/// The promise of KEY-3.
const PROMISED: Duration = Duration::from_secs(1);
/// Revocations of nothing, each time that it is measured.
const TRIES: usize = 3;
/// From so many on, one in a hundred says something.
const MANY: usize = 100;
/// A call of the API that the canary's one scope does not open, and the word that it lacks.
const TOO_FAR: (&str, &str) = ("/-/api/v1/keys", "keys:read");
/// Inputs that no schema allows.
const MALFORMED: [&str; 3] = ["/-/api/v1/audit?limit=many", "/-/api/v1/audit?limit=-1", "/-/api/v1/audit?nonsense=1"];

/// Routes with a schema asked a run.
const SCHEMAS_MOST: usize = 20;

/// Lets the key work, sees it work, revokes it, and measures until it is refused.
pub(super) async fn key_revocation(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let canary = probe.canaries.hold(&probe, Which::Served).await?;
    let test = canary.connect(&probe).await?;
    canary.turn(&probe, &test, State::Works).await?;
    let worked = canary.wait_for(works).await;
    // Revoked again whatever happened: the key is of no use between checks.
    let revoked_at = Instant::now();
    canary.turn(&probe, &test, State::Revoked).await?;
    let refused = canary.wait_for(is_refused).await;
    expect_worked(worked?)?;
    Ok(match refused? {
        Some(at) if at.duration_since(revoked_at) <= PROMISED => {
            Verdict::pass(format!("refused within {} ms of its revocation", at.duration_since(revoked_at).as_millis()))
        }
        at => {
            let accepted = at.map_or_else(|| revoked_at.elapsed(), |at| at.duration_since(revoked_at));
            Verdict::fail(format!("still accepted {} ms after it was revoked", accepted.as_millis()))
        }
    })
}

/// Takes a key away that nobody has, as every verb does, and measures until every node has heard of it. What this process
/// revoked before counts, too, once there is enough of it for a hundredth to say something.
pub(super) async fn latency(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let (mut tries, mut nodes) = (Vec::with_capacity(TRIES), 0);
    for _ in 0..TRIES {
        let begun = Instant::now();
        nodes = take_nothing_away(&probe).await?;
        tries.push(begun.elapsed());
    }
    tries.sort_unstable();
    // The longest is no measure: a node that ended a moment ago is waited for once.
    let now = tries[TRIES / 2];
    let Some(all) = probe.ground.feed.took() else { return Err(Inconclusive("nothing was measured".to_owned())) };
    let found = format!(
        "{nodes} nodes had heard of a revocation after {} ms; of {} of this process 99 in 100 took {} ms at most, the longest {} ms",
        now.as_millis(),
        all.count,
        all.p99.as_millis(),
        all.longest.as_millis()
    );
    let is_kept = now <= PROMISED && (all.count < MANY || all.p99 <= PROMISED);
    Ok(if is_kept { Verdict::pass(found) } else { Verdict::fail(found) })
}

/// Answers how many nodes have heard of it.
async fn take_nothing_away(probe: &Probe) -> Result<u32, Inconclusive> {
    let ground = &probe.ground;
    let actor = Actor::system("posture", "revocation-latency");
    let mut tx = Permit::<Attest, Control>::system(Context::default(), actor, Origin::default()).begin(ground);
    let subject = ids::uuid7(&ground.clock, &ground.entropy);
    tx.announce(ground, Change { kind: ChangeKind::Key, subject }).await?;
    Ok(tx.commit_and_fence(ground).await?.applied)
}

/// Asks whether a node has found the database to be an older copy: what was revoked after it was made may work again.
pub(super) async fn database_copy(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    Ok(match copies::noticed(&probe.ground).await? {
        None => Verdict::pass("no node has found the database to be an older copy of what it had seen"),
        Some(Noticed { nodes, since }) => Verdict::fail(format!(
            "{nodes} nodes found the database to be an older copy, first at {since}. Revoke again what was revoked since that copy was made, then `tenantry database acknowledge-copy`"
        )),
    })
}

/// Lets the key work, then lets its time be over.
pub(super) async fn key_expiry(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let canary = probe.canaries.hold(&probe, Which::Served).await?;
    let test = canary.connect(&probe).await?;
    canary.turn(&probe, &test, State::Works).await?;
    let worked = canary.wait_for(works).await;
    canary.turn(&probe, &test, State::Over).await?;
    let refused = canary.wait_for(is_refused).await;
    canary.turn(&probe, &test, State::Revoked).await?;
    expect_worked(worked?)?;
    Ok(match refused? {
        Some(_) => Verdict::pass("accepted an hour before its end, refused a second after it"),
        None => Verdict::fail("still accepted after its end"),
    })
}

/// Asks with a key for more than its scope.
pub(super) async fn key_scopes(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let answers = answers_to_key(&probe, &[PATH, TOO_FAR.0]).await?;
    let [within, beyond] = answers.as_slice() else { return Err(Inconclusive("an answer is missing".to_owned())) };
    let names_it = String::from_utf8_lossy(&beyond.body).contains(TOO_FAR.1);
    Ok(match (within.status, beyond.status, names_it) {
        (StatusCode::OK, StatusCode::FORBIDDEN, true) => {
            Verdict::pass("a key of one scope opened its call; another call was refused and named the scope that lacks")
        }
        (StatusCode::OK, StatusCode::FORBIDDEN, false) => {
            Verdict::fail("the refusal does not name the scope that lacks")
        }
        (_, beyond, _) => Verdict::fail(format!("a call beyond the key's one scope answers {}", beyond.as_u16())),
    })
}

/// Sends what no schema allows, with a key that would be let through: to the API, and to routes of the app that have one.
pub(super) async fn clear_refusals(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let answers = answers_to_key(&probe, &MALFORMED).await?;
    let wrong = MALFORMED.iter().zip(&answers).filter(|(_, answer)| !is_clear(answer));
    let mut found: Vec<String> =
        wrong.map(|(path, answer)| format!("{path} answers {} without a word", answer.status.as_u16())).collect();
    let (passed, tried) = malformed_bodies(&probe).await?;
    found.extend(passed);
    Ok(Verdict::unless(
        &found,
        format!(
            "{} malformed requests, and {tried} bodies to routes with a schema: each refused, with a sentence",
            MALFORMED.len()
        ),
    ))
}

/// Sends half an object to each route with a schema that takes keys. What it takes beside a key, the canary has not.
async fn malformed_bodies(probe: &Probe) -> Result<(Vec<String>, usize), Inconclusive> {
    let takes = |route: &&Route| {
        route.body_schema.is_some() && route.guards.contains(Guard::Key) && route.methods.contains(RouteMethod::Post)
    };
    let routes: Vec<&Route> = probe.config.routes.iter().filter(takes).take(SCHEMAS_MOST).collect();
    if routes.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let working = probe.canaries.work(probe, Which::Served).await?;
    let mut answers = Vec::with_capacity(routes.len());
    for route in &routes {
        let half = Bytes::from_static(b"{");
        answers.push(working.key().ask(Method::POST, &super::served::path(route), half).await);
    }
    working.end(probe).await?;
    let answers: Vec<Answer> = answers.into_iter().collect::<Result<_, _>>()?;
    let tried = routes.iter().zip(&answers).filter(|(_, answer)| answer.status != StatusCode::FORBIDDEN);
    let wrong = tried.clone().filter(|(_, answer)| !is_clear(answer));
    let wrong = wrong.map(|(route, answer)| {
        format!("POST {} answers {} to half an object", route.pattern.as_str(), answer.status.as_u16())
    });
    Ok((wrong.collect(), tried.count()))
}

/// 400 or 422, as a problem that says something (RFC 9457).
fn is_clear(answer: &Answer) -> bool {
    let is_refused = matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    is_refused && problem["detail"].as_str().is_some_and(|detail| detail.len() > 10)
}

/// A key of a tenant that is suspended, and works otherwise.
pub(super) async fn stopped_tenants(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let canary = probe.canaries.hold(&probe, Which::Stopped).await?;
    let test = canary.connect(&probe).await?;
    canary.turn(&probe, &test, State::Works).await?;
    let settled = canary.wait_for(|status| status != StatusCode::UNAUTHORIZED).await;
    let answer = canary.present(PATH).await;
    canary.turn(&probe, &test, State::Revoked).await?;
    let (settled, answer) = (settled?, answer?);
    let says_so = String::from_utf8_lossy(&answer.body).contains("tenant_suspended");
    Ok(match answer.status {
        StatusCode::FORBIDDEN if says_so => Verdict::pass("a working key of a suspended workspace was refused as such"),
        StatusCode::UNAUTHORIZED if settled.is_none() => {
            return Err(Inconclusive("the canary's key was never looked up".to_owned()));
        }
        status => Verdict::fail(format!("a key of a suspended workspace answers {}", status.as_u16())),
    })
}

/// What the served canary's key is answered on each path while it works.
pub(super) async fn answers_to_key(probe: &Probe, paths: &[&str]) -> Result<Vec<Answer>, Inconclusive> {
    let working = probe.canaries.work(probe, Which::Served).await?;
    let mut answers = Vec::with_capacity(paths.len());
    for path in paths {
        answers.push(working.key().present(path).await);
    }
    working.end(probe).await?;
    answers.into_iter().collect()
}

fn works(status: StatusCode) -> bool {
    status == StatusCode::OK
}

fn is_refused(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED
}

fn expect_worked(at: Option<Instant>) -> Result<(), Inconclusive> {
    let never = || Inconclusive("the canary's key was never accepted, so a refusal shows nothing".to_owned());
    at.map(drop).ok_or_else(never)
}
