//! Controls that try the process itself: another program in its place, another way of logging, another scheme.

use std::cell::RefCell;
use std::fmt::Debug;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tenantry_core::clock::Clock;
use tenantry_custody::posture::{Outcome, Probe, Sites};
use tenantry_platform::kit::TestDb;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::site::{Lie, serve};
use super::{config, expect, probe};

/// What a program says that names every fault of the file, by line.
const ALL: &str = "for line in 2 4 5 7 9 10 12; do echo \"/dev/stdin:$line:1: wrong\" >&2; done; exit 2";

#[tokio::test]
async fn a_start_that_takes_a_faulty_file_or_names_less_is_seen() {
    let (db, dir) = (TestDb::new().await, tempfile::tempdir().unwrap());
    let with = |name: &str, text: &str| started_with(&db, program(dir.path(), name, text));
    expect(&with("names-all", ALL), "faulty-settings", Outcome::Pass).await;
    let content = ALL.replace("exit 2", "exit 0");
    let first_alone = ALL.replace(" 4 5 7 9 10 12", "");
    for (name, text) in [("content", &content), ("names-one", &first_alone)] {
        expect(&with(name, text), "faulty-settings", Outcome::Fail).await;
    }
    expect(&started_with(&db, dir.path().join("nowhere")), "faulty-settings", Outcome::Unknown).await;
    expect(&probe(&db, None), "faulty-settings", Outcome::Unknown).await;
}

fn program(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\ncat >/dev/null\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn started_with(db: &TestDb, program: PathBuf) -> Arc<Probe> {
    Arc::new(Probe::new(db.ground.clone(), config(), db.urls(), None).of_program(Some(program)))
}

#[tokio::test]
async fn a_log_that_shows_what_it_is_given_is_seen() {
    let db = TestDb::new().await;
    expect(&probe(&db, None), "masked-logs", Outcome::Pass).await;
    let with = |rehearse| Arc::new(Probe::new(db.ground.clone(), config(), db.urls(), None).logging_with(rehearse));
    let evidence = expect(&with(unmasked), "masked-logs", Outcome::Fail).await;
    assert!(evidence.contains("and 5 more") && !evidence.contains('@'), "{evidence}");
    expect(&with(|_, _| String::new()), "masked-logs", Outcome::Unknown).await;
}

#[tokio::test]
async fn an_error_that_is_told_with_what_was_in_it_is_seen() {
    let db = TestDb::new().await;
    expect(&probe(&db, None), "scrubbed-errors", Outcome::Pass).await;
    let with = |tell| Arc::new(Probe::new(db.ground.clone(), config(), db.urls(), None).telling_with(tell));
    let evidence = expect(&with(unmasked), "scrubbed-errors", Outcome::Fail).await;
    assert!(evidence.contains("and 5 more") && !evidence.contains('@'), "{evidence}");
    expect(&with(|_, _| String::new()), "scrubbed-errors", Outcome::Unknown).await;
}

/// A log that writes what it is given.
fn unmasked(_: &Clock, act: &dyn Fn()) -> String {
    TOLD.with_borrow_mut(String::clear);
    tracing::subscriber::with_default(Unmasked, act);
    TOLD.with_borrow(Clone::clone)
}

thread_local! {
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Unmasked;

impl Subscriber for Unmasked {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Told);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Told;

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        TOLD.with_borrow_mut(|told| told.push_str(&format!("{}={value:?}\n", field.name())));
    }
}

#[tokio::test]
async fn a_site_that_lets_browsers_come_by_http_again_is_seen() {
    let db = TestDb::new().await;
    let (site, at) = serve(&db).await;
    let mut sites = Sites::of(&config());
    sites.connect = at;
    expect(&probe(&db, Some(sites.clone())), "https-only", Outcome::Unknown).await;
    sites.scheme = "https".to_owned();
    let over_https = probe(&db, Some(sites));
    for lie in [Lie::NoHsts, Lie::ShortHsts, Lie::NarrowHsts] {
        expect(&over_https, "https-only", Outcome::Pass).await;
        *site.lie.lock() = lie;
        expect(&over_https, "https-only", Outcome::Fail).await;
        *site.lie.lock() = Lie::None;
    }
    expect(&over_https, "https-only", Outcome::Pass).await;
}
