//! The corpus: schemas with one hole each, and their near twins without. psql says what is true; the parts are
//! measured against it, and docs/rls-corpus.md is the measurement.

mod case;
mod closed;
mod judge;
mod table;

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use crate::checked_in::expect_part;
use judge::{Verdict, judge};

/// How many cases are judged at once.
const AT_ONCE: usize = 6;

/// Set to a part of a name, only those cases are judged and what came of them is printed.
const ONLY: &str = "TENANTRY_RLS_CORPUS";

#[expect(clippy::print_stdout, reason = "for whoever asks with --nocapture")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_found_in_the_corpus_is_what_the_page_says() {
    let mut cases = case::all();
    let only = std::env::var(ONLY).ok();
    if let Some(only) = &only {
        cases.retain(|case| case.title().contains(only));
    }
    let judged = stream::iter(cases).map(|case| judge(Arc::new(case), true));
    let verdicts: Vec<Verdict> = judged.buffered(AT_ONCE).collect().await;
    let page = table::print(&verdicts);
    if only.is_some() {
        println!("{page}");
        return;
    }
    expect_part("docs/rls-corpus.md", &page);
}
