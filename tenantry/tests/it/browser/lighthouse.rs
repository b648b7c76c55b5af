//! Lighthouse's view of every page: minutes, so apart from the other tests (`make lighthouse`).

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::chromium::beside_what_is_built;
use super::pages::{Example, HAND_OFF, pages};
use super::stage::{Stage, Visitor};
use crate::dev::process::{Dev, FIRST_START, data_dir};

/// Of 100, in the category of accessibility.
const LEAST: &str = "95";

#[tokio::test]
#[ignore = "minutes, and another package of the registry: make lighthouse"]
async fn every_page_scores_95() {
    let dir = data_dir();
    let stage = Stage::set(Dev::start(dir.path(), FIRST_START).await).await;
    let (address, cookie) = stage.hand_off().await;
    // First, because its code lives for seconds.
    let first = told(&HAND_OFF, &address, &cookie);
    let others = pages().map(|page| told(&page, &stage.address(page.address), stage.cookies_of(page.by)));
    let pages: Vec<Value> = std::iter::once(first).chain(others).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("scripts/lighthouse.mjs");
    let mut judge = Command::new("node")
        .arg(script)
        .args([beside_what_is_built("lighthouse").into_os_string(), LEAST.into()])
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let list = serde_json::to_vec(&pages).unwrap();
    judge.stdin.take().unwrap().write_all(&list).await.unwrap();
    assert!(judge.wait().await.unwrap().success(), "a page is under {LEAST}, or could not be judged");
}

fn told(page: &Example, address: &str, cookie: &str) -> Value {
    let name = match page.by {
        Visitor::Nobody => page.address.to_owned(),
        by => format!("{} by {by:?}", page.address),
    };
    json!({ "name": name, "address": address, "cookie": cookie })
}
