//! Judges one case: what psql shows, what each part finds, and what neither should have said.

use regex::RegexBuilder;
use tenantry_rls::finding::{Finding, Severity};

use super::case::Case;
use crate::place::Place;

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
    /// What is no hole of this case.
    pub(super) beside: Vec<String>,
    /// It could not run.
    pub(super) fault: Option<String>,
}

/// Makes the case, has it judged, and takes it away.
pub(super) async fn judge(case: &Case, attacked: bool) -> Verdict {
    let place = Place::new().await;
    let mut verdict = Verdict {
        class: case.class.clone(),
        title: case.title(),
        leaks: case.leaks,
        unproved: load(&place, case).await.err(),
        verify: Found::default(),
        attack: None,
    };
    if verdict.unproved.is_none() {
        let settings = case.settings(|text| place.named(text));
        verdict.verify = sort(&place, case, place.verify(&settings).await);
        if attacked {
            verdict.attack = Some(sort(&place, case, place.attack(&settings).await));
        }
        verdict.unproved = prove(&place, case).await.err();
    }
    place.remove().await;
    verdict
}

async fn load(place: &Place, case: &Case) -> Result<(), String> {
    let (prelude, ddl) = case.ddl();
    place.administrate(&prelude).await.map_err(|fault| format!("its prelude: {fault}"))?;
    place.load(ddl).await.map_err(|fault| format!("its tables: {fault}"))
}

async fn prove(place: &Place, case: &Case) -> Result<(), String> {
    let Some(expect) = &case.expect else { return Ok(()) };
    place.administrate(&case.seed).await.map_err(|fault| format!("its rows: {fault}"))?;
    let said = place.psql(case.actor(), &case.proof).await;
    let pattern = RegexBuilder::new(&place.named(expect)).dot_matches_new_line(true).build().unwrap();
    if pattern.is_match(&said) { Ok(()) } else { Err(format!("psql says, instead of {expect}:\n{said}")) }
}

/// Which findings are the hole, and which are beside it.
fn sort(place: &Place, case: &Case, findings: Result<Vec<Finding>, String>) -> Found {
    let mut found = Found::default();
    let findings = match findings {
        Ok(findings) => findings,
        Err(fault) => return Found { fault: Some(fault), ..found },
    };
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
        let object = place.unnamed(&finding.object);
        let class = finding.class.id();
        let is_here = case.objects.contains(&object);
        let known =
            |(of, on): &(String, Option<String>)| of == class && on.as_ref().map_or(is_here, |on| *on == object);
        let is_meant = case.leaks
            && is_here
            && (class == case.class || case.also.iter().any(|also| also.1.is_none() && known(also)));
        found.hit |= is_meant;
        if !is_meant && !case.also.iter().any(known) {
            found.beside.push(place.unnamed(&finding.id()));
        }
    }
    found
}
