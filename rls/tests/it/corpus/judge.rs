//! Judges one case: what psql shows, what each part finds, and what neither should have said.

use std::sync::Arc;
use std::time::Duration;

use regex::RegexBuilder;
use tenantry_rls::finding::{Finding, Severity};

use super::case::Case;
use crate::place::{Place, verified};

/// A case takes a second; one that takes this long hangs, and shall not hold the others.
const PATIENCE: Duration = Duration::from_secs(90);

/// What came of one case.
pub(super) struct Verdict {
    pub(super) class: String,
    pub(super) title: String,
    pub(super) leaks: bool,
    /// What is wrong with the case itself: it does not load, or psql says something else.
    pub(super) unproved: Option<String>,
    pub(super) verify: Found,
    /// None where it was not attacked.
    pub(super) attack: Option<Found>,
}

/// What a part found.
#[derive(Default)]
pub(super) struct Found {
    /// The hole of the case.
    pub(super) hit: bool,
    /// The hole, named otherwise than the case does.
    pub(super) otherwise: Vec<String>,
    /// What is no hole of this case.
    pub(super) beside: Vec<String>,
    /// It could not run.
    pub(super) fault: Option<String>,
}

impl Verdict {
    fn of(case: &Case, unproved: Option<String>) -> Self {
        let (class, title) = (case.class.clone(), case.title());
        Self { class, title, leaks: case.leaks, unproved, verify: Found::default(), attack: None }
    }
}

/// Has a case judged. A part that panics is a fault of its own, and the others go on.
pub(super) async fn judge(case: Arc<Case>, attacked: bool) -> Verdict {
    let judged = tokio::spawn({
        let case = Arc::clone(&case);
        async move { judge_here(&case, attacked).await }
    });
    let aborts = judged.abort_handle();
    match tokio::time::timeout(PATIENCE, judged).await {
        Ok(judged) => judged.unwrap_or_else(|panic| Verdict::of(&case, Some(panic.to_string()))),
        Err(late) => {
            aborts.abort();
            Verdict::of(&case, Some(late.to_string()))
        }
    }
}

/// Makes the case, has it judged, and takes it away.
async fn judge_here(case: &Case, attacked: bool) -> Verdict {
    let place = Place::new().await;
    let mut verdict = Verdict::of(case, load(&place, case).await.err());
    if verdict.unproved.is_none() {
        let catalog = place.catalog().await.unwrap();
        let settings = case.settings(|text| place.named(text)).completed(&catalog);
        verdict.verify = sort(&place, case, verified(&catalog, &settings));
        if attacked {
            verdict.attack = Some(sort(&place, case, place.attack(&catalog, &settings).await));
        }
        verdict.unproved = prove(&place, case).await.err();
    }
    place.remove().await;
    verdict
}

pub(super) async fn load(place: &Place, case: &Case) -> Result<(), String> {
    let (prelude, ddl) = case.ddl();
    place.administrate(&prelude).await.map_err(|fault| format!("its prelude: {fault}"))?;
    place.load(ddl).await.map_err(|fault| format!("its tables: {fault}"))
}

async fn prove(place: &Place, case: &Case) -> Result<(), String> {
    let Some(expect) = &case.expect else { return Ok(()) };
    place.administrate(&case.seed).await.map_err(|fault| format!("its rows: {fault}"))?;
    let said = place.psql(case.actor(), &case.proof).await;
    if !matches(&place.named(expect), &said) {
        return Err(format!("psql says, instead of {expect}:\n{said}"));
    }
    match case.never.iter().find(|never| matches(never, &said)) {
        Some(never) => Err(format!("psql says {never}:\n{said}")),
        None => Ok(()),
    }
}

fn matches(pattern: &str, said: &str) -> bool {
    RegexBuilder::new(pattern).dot_matches_new_line(true).build().unwrap().is_match(said)
}

/// Which findings are the hole, and which are beside it.
fn sort(place: &Place, case: &Case, findings: Result<Vec<Finding>, String>) -> Found {
    let mut found = Found::default();
    let findings = match findings {
        Ok(findings) => findings,
        Err(fault) => return Found { fault: Some(fault), ..found },
    };
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
        let (class, object) = (finding.class.id(), place.unnamed(&finding.object));
        match meaning(case, class, &object) {
            Meaning::Hole => found.hit = true,
            Meaning::HoleOtherwise => {
                found.hit = true;
                found.otherwise.push(place.unnamed(&finding.id()));
            }
            Meaning::TrueAsWell => {}
            Meaning::Untrue => found.beside.push(place.unnamed(&finding.id())),
        }
    }
    found
}

/// What one finding is to a case.
enum Meaning {
    Hole,
    /// The hole, under the name of another class of policies.
    HoleOtherwise,
    TrueAsWell,
    Untrue,
}

fn meaning(case: &Case, class: &str, object: &String) -> Meaning {
    let is_here = case.leaks && case.objects.contains(object);
    let is_said = |(of, on): &(String, Option<String>)| of == class && on.as_ref().is_some_and(|on| on == object);
    let is_alias = |(of, on): &(String, Option<String>)| of == class && on.is_none();
    if is_here && (class == case.class || case.also.iter().any(is_alias)) {
        return Meaning::Hole;
    }
    if case.also.iter().any(is_said) {
        return Meaning::TrueAsWell;
    }
    let are_policies = class.starts_with("policy-") && case.class.starts_with("policy-");
    if is_here && are_policies { Meaning::HoleOtherwise } else { Meaning::Untrue }
}
