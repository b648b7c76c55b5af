//! Pages in general: words, colours, drawings, assets, the frame.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use http::{Request, StatusCode};
use tenantry_core::clock::Timestamp;
use tenantry_core::random::Entropy;
use tenantry_platform::page::chart::{self, Point};
use tenantry_platform::page::words::Words;
use tenantry_platform::page::{
    Accent, Brand, Nonce, ProblemPage, Visit, ago, assets, policy, render_posting_to, render_with,
};
use tower::ServiceExt;

/// WCAG 2.2, 1.4.3, for text of ordinary size.
const READABLE: f64 = 4.5;
/// What `Words` and `Chrome` are asked with, as it stands in templates and code.
const CALLS: [&str; 8] =
    [".t(\"", ".t_with(\"", ".t_all(\"", ".t_count(\"", ".say(\"", ".fill(\"", ".count(\"", ".page(\""];

fn visit() -> Visit {
    let now = Timestamp::from_second(1_700_000_000).expect("in range");
    let brand =
        Brand { name: "Acme <b>".to_owned(), logo: String::new(), accent: Some("#ff5a5f".parse().expect("a colour")) };
    Visit {
        nonce: Nonce::fresh(&Entropy::seeded(1)),
        request_id: "req-1".to_owned(),
        now,
        brand: Arc::new(brand),
        words: Words::english(),
    }
}

#[test]
fn every_word_that_a_page_asks_for_is_in_the_catalogue_and_none_is_left_over() {
    let texts = sources();
    let known: BTreeSet<&str> = Words::english().keys().collect();
    let asked: BTreeSet<&str> = texts.iter().flat_map(|text| asked_in(text)).collect();
    let missing: Vec<_> =
        asked.iter().filter(|key| !known.contains(*key) && !known.contains(format!("{key}.one").as_str())).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    let quoted = |key: &str| texts.iter().any(|text| text.contains(&format!("\"{key}\"")));
    let used =
        |key: &str| quoted(key) || [".one", ".other"].iter().any(|form| key.strip_suffix(form).is_some_and(quoted));
    let unused: Vec<_> = known.iter().filter(|key| !used(key)).collect();
    assert!(unused.is_empty(), "in the catalogue, and nobody asks: {unused:?}");
}

/// Keys that stand right after a call of the catalogue.
fn asked_in(text: &str) -> Vec<&str> {
    let after = |call: &'static str| text.split(call).skip(1).filter_map(|rest| rest.split('"').next());
    CALLS.into_iter().flat_map(after).filter(|key| key.contains('.') && !key.contains([' ', '@'])).collect()
}

/// All templates and code of the workspace that may show words.
fn sources() -> Vec<String> {
    files().iter().map(|path| read(path)).collect()
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    for area in ["platform", "identity", "edge", "custody", "tenantry"] {
        collect(&root.join(area).join("src"), &mut files);
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a text file")
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "html" || ending == "rs")
            && !path.ends_with("page/tests.rs")
        {
            into.push(path);
        }
    }
}

#[test]
fn any_accent_can_be_read_on_both_themes() {
    for text in ["#ffff00", "#000000", "#ffffff", "#2456d6", "#ff5a5f", "#7fffd4"] {
        let accent: Accent = text.parse().expect("a colour");
        assert!(contrast(&accent.on_light(), "#f4f5f7") >= READABLE, "{text} on light");
        assert!(contrast(&accent.on_light(), "#ffffff") >= READABLE, "white on {text}");
        assert!(contrast(&accent.on_dark(), "#202329") >= READABLE, "{text} on dark");
        assert!(contrast(&accent.on_dark(), "#10131a") >= READABLE, "near-black on {text}");
    }
    assert_eq!(
        "#2456d6".parse::<Accent>().expect("a colour").on_light(),
        "#2456d6",
        "a readable one is left as written"
    );
}

#[test]
fn what_could_end_a_style_sheet_is_not_a_colour() {
    for text in ["", "#12345", "2456d6", "#2456d6;}", "red", "#12345é", "#+12345"] {
        assert!(text.parse::<Accent>().is_err(), "{text}");
    }
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn a_time_is_told_in_the_largest_whole_unit() {
    let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).expect("in range");
    let told = [-3, -59, -60, -7_199, -86_400, -86_400 * 99, -86_400 * 100, -86_400 * 800, 90_000]
        .map(|s| ago(Words::english(), at(s), at(0)));
    let expected = [
        "just now",
        "59 seconds ago",
        "1 minute ago",
        "1 hour ago",
        "1 day ago",
        "99 days ago",
        "3 months ago",
        "2 years ago",
        "in 1 day",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_span_is_told_in_the_largest_unit_that_is_exact() {
    let told = [1, 24, 36, 48, 168].map(|hours| Words::english().hours(hours));
    assert_eq!(told, ["1 hour", "24 hours", "36 hours", "2 days", "7 days"]);
}

#[test]
fn a_label_cannot_leave_its_drawing() {
    let points = [Point { label: "</title><script>".to_owned(), value: 1 }];
    let svg = chart::bars(&points, "\" onload=\"x").render().expect("renders");
    assert!(!svg.contains("<script>") && !svg.contains("\" onload"), "{svg}");
}

#[test]
fn no_numbers_and_huge_numbers_are_drawn() {
    assert!(chart::bars(&[], "nothing yet").render().expect("renders").contains("nothing yet"));
    let points = [Point { label: "a".to_owned(), value: u64::MAX }, Point { label: "b".to_owned(), value: 0 }];
    assert!(chart::sparkline(&points, "two").render().expect("renders").contains("M0 0 L10 48"));
}

#[test]
fn a_page_is_escaped_not_stored_and_runs_only_its_own_scripts() {
    let visit = visit();
    let page = ProblemPage {
        chrome: visit.page("page.security"),
        status: 404,
        sentence: "<script>alert(1)</script>".to_owned(),
        help: String::new(),
        onward_href: "/\" onclick=\"x".to_owned(),
        onward_label: "On".to_owned(),
    };
    let html = page.render().expect("renders");
    assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("\" onclick"), "{html}");
    let of_nonce = html.matches(&format!("nonce=\"{}\"", visit.nonce)).count();
    assert_eq!(html.matches("<script").count() + html.matches("<style").count(), of_nonce);
    assert!(!html.contains(assets::ROOT), "a host of nobody serves no style sheet");
    assert!(policy(&visit.nonce, &[]).contains(&format!("script-src 'nonce-{}' 'strict-dynamic';", visit.nonce)));
    let answer = render_with(StatusCode::NOT_FOUND, &page);
    assert_eq!(
        (answer.status(), &answer.headers()["cache-control"]),
        (StatusCode::NOT_FOUND, &"no-store".parse().expect("a value"))
    );
}

#[test]
fn a_form_that_leaves_the_origin_says_so_in_its_policy() {
    let page = ProblemPage {
        chrome: visit().page("page.security"),
        status: 200,
        sentence: String::new(),
        help: String::new(),
        onward_href: String::new(),
        onward_label: String::new(),
    };
    let answer = render_posting_to(&page, &visit().nonce, &["https://acme.example.com"]);
    let policy = answer.headers()["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("form-action 'self' https://acme.example.com;"), "{policy}");
}

#[test]
fn no_template_has_anything_inline() {
    let inline = [" style=", " onclick=", " onsubmit=", " onload=", "javascript:", "<script>", "<style>"];
    // No style sheet reaches a mail: it brings its looks with it.
    let pages = files().into_iter().filter(|path| !path.ends_with("mail/letter.html"));
    for text in pages.map(|path| read(&path)).filter(|text| !text.contains("//!")) {
        assert_eq!(inline.iter().find(|what| text.contains(*what)), None, "{text}");
    }
}

#[tokio::test]
async fn an_asset_is_kept_for_ever_and_an_older_name_is_gone() {
    let ask = |path: String, tag: &'static str| {
        let request = Request::get(path).header("if-none-match", tag).body(Body::empty()).expect("a request");
        assets::router::<()>().oneshot(request)
    };
    let href = assets::href("tenantry.css").to_owned();
    let answer = ask(href.clone(), "").await.expect("infallible");
    assert!(answer.headers()["cache-control"].to_str().expect("text").contains("immutable"));
    let tag: &'static str = assets::find(&href).expect("served").etag.as_str();
    assert_eq!(ask(href, tag).await.expect("infallible").status(), StatusCode::NOT_MODIFIED);
    assert_eq!(
        ask("/-/assets/tenantry.0000000000.css".to_owned(), "").await.expect("infallible").status(),
        StatusCode::NOT_FOUND
    );
}
