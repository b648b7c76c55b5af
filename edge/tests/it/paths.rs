//! The guard that judged a path against the path that the app finally reads [AC-1 AC-15].
//!
//! An app may be laxer than Tenantry: it decodes twice, takes `\` for `/`, cuts off what follows `;`, `?` or `#`, joins
//! `//`, resolves dots, and cares neither for case nor for a last slash, in its paths or in its patterns too. Whatever is
//! forwarded must, read in any of these ways, be nothing that another guard stands before.

use std::collections::BTreeSet;

use http::Method as HttpMethod;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use tenantry_core::path::CleanPath;
use tenantry_core::route::Method;
use tenantry_edge::gateway::{Found, RouteTable};
use tenantry_platform::config::{Config, Dev, Route};
use tenantry_platform::metrics::Metrics;

use crate::kit::{App, Front, config, status};

/// What a path is made of: names in every spelling, and whatever moves a reader elsewhere.
const PIECES: [&str; 44] = [
    "/",
    "/",
    "/",
    "/",
    "/",
    "/",
    "admin",
    "Admin",
    "ADMIN",
    "%61dmin",
    "%41dmin",
    "%2561dmin",
    "a",
    "A",
    "b",
    "B",
    "ask",
    "a%C5%BFk",
    "as%E2%84%AA",
    "orders",
    "Orders",
    "..",
    ".",
    "%2e%2e",
    "%2E",
    "%252e",
    "%2f",
    "%2F",
    "%252f",
    "%5c",
    "\\",
    ";x",
    ";",
    "%3b",
    "%3Bx=1",
    "%253b",
    "%3f",
    "%23",
    "%253f",
    "%25",
    "%c3%a9",
    "%ff",
    "%00",
    "+~",
];
const PATTERNS: [&str; 16] = [
    "/*",
    "/",
    "/admin",
    "/admin/",
    "/admin/*",
    "/Admin",
    "/Admin/*",
    "/a/{x}",
    "/A/*",
    "/A/b",
    "/{x}/b",
    "/{x}",
    "/ask",
    "/a/",
    "/orders/{id}",
    "/Orders/*",
];
const GUARDS: [&str; 4] = [
    "guard = \"public\"\npublic_because = \"a test\"",
    "guard = \"session\"",
    "guard = \"key\"",
    "guard = [\"session\", \"key\"]\npermission = \"orders:read\"",
];
const METHODS: [&str; 2] = ["\"any\"", "\"POST\""];
const PERMISSIONS: &str =
    "[permissions]\n\"orders:read\" = \"See\"\n[roles.OWNER]\nowner = true\npermissions = [\"orders:read\"]\n";

fn paths() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..9).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// Some routes, or none where their faults would have stopped the start.
fn routes() -> impl Strategy<Value = Option<Config>> {
    let route = (0..GUARDS.len(), prop::bool::weighted(0.2));
    prop::sample::subsequence(&PATTERNS[..], 1..9).prop_flat_map(move |patterns| {
        prop::collection::vec(route.clone(), patterns.len()).prop_map(move |asked| {
            let lines = patterns.iter().zip(&asked).map(|(path, (guard, is_post))| {
                let (guard, methods) = (GUARDS[*guard], METHODS[usize::from(*is_post)]);
                format!("[[routes]]\npath = \"{path}\"\nmethods = {methods}\n{guard}\n")
            });
            let file = format!("{PERMISSIONS}{}", lines.collect::<String>());
            Config::for_dev("test.toml", &file, &Dev { port: 0, upstream: None }).ok()
        })
    })
}

/// One laxness of a reader.
type Laxness = fn(&str) -> String;

const LAXNESSES: [Laxness; 9] = [
    |path| percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned(),
    |path| path.replace('\\', "/"),
    |path| path.split(['?', '#']).next().unwrap().to_owned(),
    |path| path.split('/').map(|part| part.split(';').next().unwrap()).collect::<Vec<_>>().join("/"),
    |path| {
        path.split('/').filter(|part| !part.is_empty()).fold(String::new(), |all, part| all + "/" + part) + end(path)
    },
    resolved,
    |path| path.to_lowercase(),
    |path| path.to_uppercase().to_lowercase(),
    |path| path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path).to_owned(),
];
/// After the first decoding, each of the others or not, and then the second decoding and each of them again or not.
const DECODING: Laxness = LAXNESSES[0];

fn end(path: &str) -> &'static str {
    if path.ends_with('/') { "/" } else { "" }
}

/// RFC 3986, section 5.2.4.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Every reading of a path that is decoded once or twice.
fn readings(path: &str) -> BTreeSet<String> {
    let once = all_of(BTreeSet::from([DECODING(path)]));
    let twice = once.iter().map(|path| DECODING(path)).collect();
    all_of(twice).into_iter().chain(once).filter(|path| path.starts_with('/')).collect()
}

/// With each of the other laxnesses, alone and after the others.
fn all_of(paths: BTreeSet<String>) -> BTreeSet<String> {
    LAXNESSES[1..].iter().fold(paths, |paths, lax| {
        let more: Vec<String> = paths.iter().map(|path| lax(path)).collect();
        paths.into_iter().chain(more).collect()
    })
}

/// Routes of the most specific pattern that matches a reading, by an app that may read its patterns laxly too.
fn landing<'r>(routes: &[&'r Route], reading: &str, read: impl Fn(&str) -> String) -> Vec<&'r Route> {
    let rank = |route: &Route| -> Option<Vec<u8>> {
        let pattern = read(route.pattern.as_str());
        let (mut parts, mut rank) = (reading.split('/').skip(1), Vec::new());
        for segment in pattern.split('/').skip(1) {
            match (segment, parts.next()) {
                ("*", Some(_)) => return Some([rank, vec![2]].concat()),
                (segment, Some(part)) if segment == part => rank.push(0),
                (segment, Some(part)) if segment.starts_with('{') && !part.is_empty() => rank.push(1),
                _ => return None,
            }
        }
        parts.next().is_none().then_some(rank)
    };
    let best = routes.iter().filter_map(|route| rank(route)).min();
    routes.iter().filter(|route| best.is_some() && rank(route) == best).copied().collect()
}

/// What an app serves for a path that `found` let pass, and should not have.
fn stolen<'r>(routes: &[&'r Route], found: &Route, path: &str) -> Option<(String, &'r Route)> {
    // Nobody folds or trims patterns and not the path.
    let (folded, trimmed) = (|text: &str| text.to_lowercase(), LAXNESSES[8]);
    for reading in readings(path) {
        let (is_folded, is_trimmed) = (folded(&reading) == reading, trimmed(&reading) == reading);
        for (folds, trims) in [(false, false), (is_folded, false), (false, is_trimmed), (is_folded, is_trimmed)] {
            let read = |pattern: &str| {
                let pattern = if folds { folded(pattern) } else { pattern.to_owned() };
                if trims { trimmed(&pattern) } else { pattern }
            };
            let there = landing(routes, &reading, read);
            let is_open = there.iter().any(|route| route.methods.contains(Method::Get) && lets_pass(route, found));
            // A wider pattern is what the found one was written as an exception to.
            let other = there.into_iter().find(|route| !is_open && !route.pattern.covers_laxly(&found.pattern));
            if let Some(other) = other {
                return Some((reading, other));
            }
        }
    }
    None
}

fn lets_pass(route: &Route, found: &Route) -> bool {
    let takes = found.guards.iter().all(|guard| route.guards.contains(guard));
    route.guards.is_public() || (takes && (route.permission.is_none() || route.permission == found.permission))
}

proptest! {
    #![proptest_config(Runs::with_cases(1_500))]

    #[test]
    fn no_reading_of_a_path_that_passed_is_anothers_route(config in routes(), path in paths()) {
        let Some(config) = config else { return Ok(()) };
        let Ok(clean) = CleanPath::parse(&path) else { return Ok(()) };
        let table = RouteTable::new(&config, &Metrics::default()).unwrap();
        let Found::Route(found) = table.find(&HttpMethod::GET, &clean) else { return Ok(()) };
        let routes: Vec<&Route> = config.routes.iter().collect();
        if let Some((reading, other)) = stolen(&routes, &found.route, clean.raw()) {
            let (mine, theirs) = (found.route.pattern.as_str(), other.pattern.as_str());
            prop_assert!(false, "{path} passed {mine} and is read as {reading}, which is {theirs}");
        }
    }
}

/// Everything is public but what is not: whatever the app hears may be asked for by anybody, however it reads it.
const SERVED: &str = r#"
[[routes]]
path = "/*"
guard = "public"
public_because = "a test"
[[routes]]
path = "/admin"
guard = "session"
[[routes]]
path = "/admin/*"
guard = "session"
[[routes]]
path = "/a/{x}"
guard = "key"
[[routes]]
path = "/A/b"
guard = "public"
public_because = "a test"
[[routes]]
path = "/Orders/*"
guard = "session"
"#;

#[test]
fn no_reading_of_what_the_app_hears_is_anothers_route() {
    let app = App::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let front = Front::with(&app, "", SERVED);
    let config = config(SERVED);
    let (table, routes) =
        (RouteTable::new(&config, &Metrics::default()).unwrap(), config.routes.iter().collect::<Vec<_>>());
    let mut runner = TestRunner::new(Runs::with_cases(250));
    let run = runner.run(&paths(), |path| {
        let answer = front.tell(format!("GET {path} HTTP/1.1\r\nhost: acme.localhost\r\nconnection: close\r\n\r\n"));
        if status(&answer) != 200 {
            prop_assert!(app.heard_nothing(), "{path} was refused with {} and heard", status(&answer));
            return Ok(());
        }
        let heard = app.next();
        let heard = heard.split(' ').nth(1).unwrap();
        prop_assert_eq!(heard, &path, "the app reads what was judged");
        let clean = CleanPath::parse(&path).unwrap();
        let Found::Route(found) = table.find(&HttpMethod::GET, &clean) else { panic!("{path} passed without a route") };
        let stolen = stolen(&routes, &found.route, heard).map(|(reading, other)| (reading, other.pattern.to_string()));
        prop_assert_eq!(stolen, None, "{}", path);
        Ok(())
    });
    run.unwrap();
    for path in ["/", "/b", "/%61sk"] {
        let answer = front.tell(format!("GET {path} HTTP/1.1\r\nhost: acme.localhost\r\nconnection: close\r\n\r\n"));
        assert_eq!(status(&answer), 200, "not everything is refused: {path}");
    }
}
