//! What a plan says that it closes is closed when it ran, in every case of the corpus, and nothing else opens.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tenantry_rls::apply::apply;
use tenantry_rls::finding::{Finding, Severity};
use tenantry_rls::plan::Plan;

use super::case::{self, Case};
use super::judge::load;
use crate::place::{Place, verified};

const AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_plan_closes_is_closed_in_the_whole_corpus() {
    let cases = case::all().into_iter().filter(|case| case.leaks).map(Arc::new);
    let tried = stream::iter(cases).map(|case| async { tokio::spawn(try_out(case)).await.unwrap() });
    let tried: Vec<(usize, Vec<String>)> = tried.buffered(AT_ONCE).collect().await;
    let faults: Vec<&String> = tried.iter().flat_map(|(_, faults)| faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(tried.iter().map(|(closed, _)| closed).sum::<usize>() > 50, "plans close something: {tried:?}");
}

/// How many findings its plan closed, and what is wrong with it.
async fn try_out(case: Arc<Case>) -> (usize, Vec<String>) {
    let place = Place::new().await;
    let tried = match load(&place, &case).await {
        Ok(()) => closed(&place, &case).await,
        Err(_) => (0, Vec::new()), // the corpus' own test says so
    };
    place.remove().await;
    tried
}

async fn closed(place: &Place, case: &Case) -> (usize, Vec<String>) {
    let settings = case.settings(|text| place.named(text));
    let before = above_info(verified(&place.catalog().await.unwrap(), &settings).unwrap());
    let plan = Plan::of(&before);
    let mut client = tenantry_rls::connect::connect(&place.url()).await.unwrap();
    if let Err(fault) = apply(&mut client, &plan, &|_| ()).await {
        return (0, vec![format!("{}: {}", case.title(), place.unnamed(&fault.to_string()))]);
    }
    let after = above_info(verified(&place.catalog().await.unwrap(), &settings).unwrap());
    let known: HashSet<String> = before.iter().map(Finding::id).collect();
    let meant: HashSet<&String> = plan.batches.iter().flat_map(|batch| &batch.closes).collect();
    let wrong = after.iter().map(Finding::id).filter(|id| meant.contains(id) || !known.contains(id));
    let faults: Vec<String> =
        wrong.map(|id| format!("{}: still or newly open: {}", case.title(), place.unnamed(&id))).collect();
    (meant.len(), faults)
}

fn above_info(findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.severity > Severity::Info).collect()
}
