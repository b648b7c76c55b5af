//! `tenantry.default.toml` is the manual: it says of each setting what the types say.

use std::collections::BTreeSet;

use tenantry_platform::config::{Config, ConfiguredRole, Csp, Guard, Upstream, settings};

use super::{MANUAL, parse};

/// As the tests of this crate see it: files that it names begin there.
const MANUAL_FILE: &str = "../tenantry.default.toml";

/// A setting as the manual describes it.
#[derive(Debug)]
struct Described {
    path: String,
    value: String,
    comment: String,
}

/// The manual without its explanations: every setting uncommented.
pub(super) fn uncommented() -> String {
    let setting = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| !rest.is_empty() && !rest.starts_with(' '))
            .map(|rest| rest.to_owned() + "\n")
    };
    MANUAL.lines().filter_map(setting).collect()
}

fn described() -> Vec<Described> {
    let (mut section, mut comment, mut all) = (String::new(), String::new(), Vec::new());
    for line in MANUAL.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment.extend([text, " "]);
        } else if let Some(header) = line.strip_prefix("#[") {
            section = shape(header.trim_matches(['[', ']']));
            comment.clear();
        } else if let Some((key, value)) = line.strip_prefix('#').and_then(|line| line.split_once(" = ")) {
            all.push(Described {
                path: format!("{section}.{key}"),
                value: value.to_owned(),
                comment: std::mem::take(&mut comment),
            });
        } else {
            comment.clear();
        }
    }
    all
}

/// `roles.OWNER` and `limits.tiers.api_key` as the types know them.
fn shape(header: &str) -> String {
    match header.rsplit_once('.') {
        Some((head @ ("roles" | "plans" | "limits.tiers"), _)) => format!("{head}.NAME"),
        Some((head, _)) if head.starts_with("plans.") => "plans.NAME.limits.NAME".to_owned(),
        _ => header.to_owned(),
    }
}

#[test]
fn the_manual_describes_every_setting_and_no_other() {
    let known: BTreeSet<String> = settings().into_iter().map(|setting| setting.path).collect();
    let described: BTreeSet<String> =
        described().into_iter().map(|setting| setting.path).filter(|path| !path.starts_with("permissions.")).collect();
    assert_eq!(
        known.difference(&described).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "settings without a description"
    );
    assert_eq!(
        described.difference(&known).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "descriptions without a setting"
    );
}

#[test]
fn the_manual_gives_each_default_range_and_requirement() {
    let described = described();
    for setting in settings() {
        let text = described.iter().find(|text| text.path == setting.path).unwrap_or_else(|| panic!("{setting:?}"));
        assert!(!text.comment.is_empty(), "{} is not explained", setting.path);
        assert!(text.comment.contains(&setting.range), "{} accepts {}, says the type", setting.path, setting.range);
        assert_eq!(text.comment.contains("Required. "), setting.is_required, "{}", setting.path);
        let is_example = ["roles.", "routes.", "limits.tiers.", "plans.", "attested."]
            .iter()
            .any(|group| setting.path.starts_with(group));
        match setting.default {
            Some(default) if !is_example => assert_eq!(toml(&text.value), toml(&default), "{}", setting.path),
            Some(_) | None => {}
        }
    }
}

fn toml(value: &str) -> toml::Value {
    let table: toml::Table = format!("value = {value}").parse().expect("the manual and the types write TOML");
    table["value"].clone()
}

#[test]
fn the_manual_uncommented_means_the_defaults() {
    let manual = Config::parse(MANUAL_FILE, &uncommented()).unwrap_or_else(|faults| panic!("{faults}"));
    let default = parse("").unwrap();
    let built_in = default.limits.iter().len();
    assert!(manual.limits.iter().take(built_in).eq(default.limits.iter()), "the built-in tiers");
    assert_eq!(roles(&manual), roles(&default));
    assert_eq!(defaults(manual), defaults(default));
}

/// Everything that has a default. A new field of [`Config`] has to be named here.
fn defaults(config: Config) -> String {
    #[rustfmt::skip]
    let Config {
        // What is required or an example differs from file to file.
        file: _, app: _, permissions: _, roles: _, routes: _, limits: _, plans: _, security_txt: _, attested: _,
        brand, hosts, listen, forward_auth, mut upstream, identity, sessions, passwords,
        sign_up, invitations, accounts, api_keys, signing_keys, cron, mail, database, root_key, audit, events,
        operations: _, telemetry, log, headers, offenders, alerts,
    } = config;
    upstream.address = Upstream::Unix("/".into());
    let people = format!("{identity:#?}{sessions:#?}{passwords:#?}{sign_up:#?}{invitations:#?}{accounts:#?}");
    let people = format!("{people}{api_keys:#?}{signing_keys:#?}");
    let traffic = format!("{hosts:#?}{listen:#?}{forward_auth:#?}{upstream:#?}{cron:#?}{headers:#?}");
    let traffic = format!("{traffic}{offenders:#?}{alerts:#?}");
    let service =
        format!("{:#?}{:#?}{database:#?}{root_key:#?}{audit:#?}{events:#?}{log:#?}", brand.accent, mail.timeout);
    let service = format!("{service}{}", telemetry.trace_percent);
    people + &traffic + &service
}

/// Names, what they hold beside the example's word, and whether they are the owner's.
fn roles(config: &Config) -> Vec<(String, String, bool)> {
    let role = |role: &ConfiguredRole| {
        let words = role.role.permissions.to_string().replace("orders:read, ", "");
        (format!("{} {}", role.role.name, role.description), words, role.is_owner)
    };
    config.roles.iter().map(role).collect()
}

#[test]
fn a_route_of_the_manual_means_what_it_says() {
    let config = Config::parse(MANUAL_FILE, &uncommented()).unwrap();
    let route = config.routes.route(0);
    assert!(route.guards.contains(Guard::Session) && route.guards.contains(Guard::Key) && !route.guards.is_public());
    assert_eq!(
        (route.csp, route.response_timeout, route.max_body_bytes),
        (Csp::Nonce, config.upstream.response_timeout, config.listen.max_body_bytes)
    );
    assert_eq!(route.tiers.len(), 3);
}
