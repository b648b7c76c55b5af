//! The configuration: each class of fault with its line and its fix, the manual against the types,
//! the demo's file, and that no input panics [EN-5, AC-15].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use tenantry_core::route::Method;
use tenantry_platform::config::{
    Config, Csp, Dev, Environment, Faults, Guard, RouteFound, Secrets, TierId, guard_table, settings,
};

const MANUAL: &str = include_str!("../../../tenantry.default.toml");
const DEMO: &str = include_str!("../../../tenantry/src/demo/tenantry.toml");

/// What a file for production has to say: five sections of two lines, then the case's own lines from 12 on.
const NEEDED: &str = r#"app = { name = "Acme" }
hosts = { base = "example.com" }
upstream = { url = "unix:/run/app.sock" }
mail = { from = "no-reply@example.com" }
security_txt = { contact = "mailto:security@example.com", expires = "2027-06-30T00:00:00Z" }
"#;
/// The line on which a case's own lines begin.
const FIRST: usize = 6;

fn parse(lines: &str) -> Result<Config, Faults> {
    Config::parse("tenantry.toml", &format!("{NEEDED}{lines}"))
}

fn faults(lines: &str) -> Vec<String> {
    let report = parse(lines).expect_err("the file has faults").to_string();
    report.lines().map(str::to_owned).collect()
}

/// The report's lines begin so; the line numbers are counted from the case's first line.
#[track_caller]
fn refused(lines: &str, expected: &[(usize, usize, &str)]) {
    let expected: Vec<String> = expected
        .iter()
        .map(|(line, column, text)| format!("tenantry.toml:{}:{column}: {text}", line + FIRST - 1))
        .collect();
    assert_eq!(faults(lines), expected, "{lines}");
}

#[test]
fn a_file_that_says_what_is_needed_has_no_fault() {
    let config = parse("").unwrap();
    assert_eq!(config.sessions.access.as_secs(), 900);
    assert_eq!(config.hosts.origin(&config.hosts.central()), "https://app.example.com");
    assert_eq!(config.roles.owner().role.name.as_str(), "OWNER");
    assert_eq!(config.roles.default_role().role.name.as_str(), "MEMBER");
}

#[test]
fn every_missing_setting_is_named_at_once() {
    let report = Config::parse("tenantry.toml", "").unwrap_err().to_string();
    let missing: Vec<&str> = report
        .lines()
        .filter_map(|line| line.split_once(": ")?.1.split_once(" is missing"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        missing,
        ["app.name", "upstream.url", "hosts.base", "mail.from", "security_txt.contact", "security_txt.expires"]
    );
    assert!(report.contains(r#"Add base = "example.com" under [hosts]."#), "{report}");
}

#[test]
fn a_missing_setting_points_at_its_section() {
    let report = Config::parse("t.toml", "[app]\n\n[hosts]\nport = 443\n").unwrap_err().to_string();
    assert!(report.contains(r#"t.toml:3:1: hosts.base is missing. Add base = "example.com"."#), "{report}");
}

#[test]
fn an_unknown_key_is_told_what_was_meant() {
    refused(
        "[listen]\nadress = \"127.0.0.1:80\"\n",
        &[(
            2,
            1,
            "unknown key \"adress\" in [listen]. Did you mean address? Known here: address, body_idle_timeout_ms, drain_s, head_timeout_ms, keep_alive_timeout_ms, max_body_bytes, max_connections, max_head_bytes, threads, trusted_proxies.",
        )],
    );
    assert!(
        faults("[session]\naccess_minutes = 5\n")[0]
            .starts_with("tenantry.toml:6:2: unknown key \"session\". Did you mean sessions? Known here: ")
    );
}

#[test]
fn wrong_types_and_values_say_what_to_write() {
    refused(
        "[sessions]\naccess_minutes = \"15\"\nrefresh_grace_s = 61\n[sign_up]\nopen = \"yes\"\n[identity]\nalgorithm = \"RS256\"\n",
        &[
            (2, 18, "this is a text. Write a whole number for access_minutes, 1 to 60."),
            (3, 19, "refresh_grace_s = 61 is out of range. Write a number from 0 to 60."),
            (5, 8, "this is a text. Write true or false for open."),
            (7, 13, "algorithm = \"RS256\" is not known. Did you mean ES256? Write \"EdDSA\" or \"ES256\"."),
        ],
    );
    refused(
        "brand = { accent = \"blue\" }\nlisten = { trusted_proxies = [\"10.0.0.1/8\"], address = 8080 }\nroutes = 3\n",
        &[
            (1, 20, "accent is malformed. This is not a colour; write it as #rrggbb, for example #2456d6."),
            (
                2,
                31,
                "trusted_proxies is malformed. The network's own address is 10.0.0.0/8; write that, or a longer prefix.",
            ),
            (2, 56, "this is a whole number. Write a text in quotes."),
            (3, 10, "this is a whole number. Write a list of tables, each under its own [[routes]]."),
        ],
    );
}

#[test]
fn a_route_without_a_guard_stops_the_start() {
    refused(
        "[[routes]]\npath = \"/api/x\"\n",
        &[(
            2,
            8,
            "route \"/api/x\" has no guard. Add guard = \"session\", \"key\", \"cron\", a list of them, or \"public\" with public_because.",
        )],
    );
    refused(
        "[[routes]]\npath = \"/api/x\"\nguard = []\n",
        &[(
            2,
            8,
            "route \"/api/x\" has no guard. Add guard = \"session\", \"key\", \"cron\", a list of them, or \"public\" with public_because.",
        )],
    );
    refused(
        "[[routes]]\npath = \"/x\"\nguard = \"sesion\"\n",
        &[(
            3,
            9,
            "guard = \"sesion\" is not known. Did you mean session? Write \"session\" or \"key\" or \"cron\" or \"public\".",
        )],
    );
}

#[test]
fn a_public_route_says_why_and_no_other_does() {
    refused(
        "[[routes]]\npath = \"/a\"\nguard = \"public\"\n\n[[routes]]\npath = \"/b\"\nguard = \"key\"\npublic_because = \"I forgot\"\n\n[[routes]]\npath = \"/c\"\nguard = [\"public\", \"key\"]\npublic_because = \"Both\"\n",
        &[
            (
                3,
                9,
                "route \"/a\" is public and does not say why. Add public_because = \"…\": whoever reviews the routes asks first for these.",
            ),
            (
                8,
                18,
                "route \"/b\" says why it is public and is not. Leave public_because out, or write guard = \"public\".",
            ),
            (12, 9, "route \"/c\" is public, so its other guards guard nothing. Leave \"public\" out, or the others."),
        ],
    );
}

#[test]
fn a_route_that_is_never_reached_names_the_one_that_hides_it() {
    refused(
        "[[routes]]\npath = \"/api/orders/{id}\"\nmethods = [\"GET\", \"POST\"]\nguard = \"key\"\n[[routes]]\npath = \"/api/orders/{order}\"\nmethods = [\"POST\"]\nguard = \"session\"\n",
        &[(
            6,
            8,
            "route \"/api/orders/{order}\" is never reached for POST: line 7 has the same path. Leave out the methods or one of the routes.",
        )],
    );
    refused(
        "[[routes]]\npath = \"/-/mine\"\nguard = \"session\"\n[[routes]]\npath = \"/security\"\nguard = \"session\"\n",
        &[
            (
                2,
                8,
                "route \"/-/mine\" is never reached: Tenantry answers there. /-/, /security and /.well-known/ are reserved; move the route.",
            ),
            (
                5,
                8,
                "route \"/security\" is never reached: Tenantry answers there. /-/, /security and /.well-known/ are reserved; move the route.",
            ),
        ],
    );
}

#[test]
fn two_paths_that_an_app_may_take_for_one_need_one_guard() {
    refused(
        "[[routes]]\npath = \"/admin\"\nguard = \"session\"\n[[routes]]\npath = \"/Admin/\"\nguard = \"key\"\n",
        &[(
            5,
            8,
            "route \"/Admin/\" differs from \"/admin\" on line 7 only in case or in a last slash, and has another guard. Many apps take both for one path: give both the same guard and permission.",
        )],
    );
}

#[test]
fn permissions_that_nobody_declared_or_holds_are_refused() {
    refused(
        "[permissions]\n\"orders:read\" = \"See orders\"\n[[routes]]\npath = \"/a\"\nguard = \"key\"\npermission = \"order:read\"\n[[routes]]\npath = \"/b\"\nguard = \"key\"\npermission = \"orders:read\"\n[[routes]]\npath = \"/c\"\nguard = \"cron\"\npermission = \"keys:read\"\n",
        &[
            (
                6,
                14,
                "permission \"order:read\" is not known. Did you mean orders:read? Or declare it under [permissions]: \"order:read\" = \"what it allows\".",
            ),
            (
                8,
                8,
                "nobody can pass route \"/b\": no role holds orders:read. Add \"orders:read\" to the permissions of a role.",
            ),
            (
                14,
                14,
                "route \"/c\" asks for a permission that nobody can show there. Permissions belong to sessions and keys: change the guard, or leave permission out.",
            ),
        ],
    );
    refused(
        "[permissions]\n\"keys:read\" = \"Mine\"\nOrders = \"See\"\n",
        &[
            (
                2,
                1,
                "permission \"keys:read\" is Tenantry's own. Leave it out: it needs no declaration. Or choose another word for the app's.",
            ),
            (
                3,
                1,
                "`Orders` is not a permission; write `resource:action` in lower case, without a wildcard, at most 64 characters. Write it as \"orders:write\".",
            ),
        ],
    );
}

#[test]
fn a_role_is_no_wildcard_and_has_one_owner_above_it() {
    refused(
        "[roles.BOSS]\nowner = true\npermissions = [\"*\"]\n",
        &[(3, 16, "\"*\" is a wildcard, and no role or route holds more than is written. Write each permission out.")],
    );
    refused(
        "[roles.A]\n[roles.B]\nowner = true\n[members]\ndefault_role = \"C\"\n",
        &[
            (1, 2, "B is the owner's role but not the first. Roles are ranked by their order: put it first."),
            (5, 16, "role \"C\" is not known. Did you mean A? Known: A, B."),
        ],
    );
    refused(
        "[roles.A]\nowner = true\n[roles.a]\nowner = true\npermissions = [\"keys:read\", \"keys:read\"]\n",
        &[
            (1, 2, "A and a are all the owner's role. Leave owner = true in one of them."),
            (3, 1, "roles A and a differ in case alone. Choose names that people can tell apart."),
            (5, 29, "\"keys:read\" is listed twice. Leave one of them out."),
        ],
    );
    refused(
        "[roles.A]\n",
        &[(1, 2, "no role is the owner's. Write owner = true in the highest role: whoever makes a workspace gets it.")],
    );
}

#[test]
fn a_limit_that_never_counts_is_refused() {
    refused(
        "[limits.tiers.mine]\nlimit = 5\n[limits.tiers.idle]\nlimit = 5\nwindow_s = 60\nper = \"ip\"\n[limits.tiers.api_key]\nper = \"ip\"\n[[routes]]\npath = \"/a\"\nguard = \"session\"\ntiers = [\"api_key\", \"mine\", \"api_ipp\"]\n",
        &[
            (
                1,
                15,
                "tier \"mine\" has no window_s. A tier says limit = 10, window_s = 60 and per = \"ip\", \"key\", \"user\" or \"tenant\".",
            ),
            (
                1,
                15,
                "tier \"mine\" has no per. A tier says limit = 10, window_s = 60 and per = \"ip\", \"key\", \"user\" or \"tenant\".",
            ),
            (
                3,
                15,
                "tier \"idle\" limits nothing: no route names it. Write tiers = [\"idle\"] in a route, or leave the tier out.",
            ),
            (8, 7, "api_key counts per key. Leave per out, or make a tier of another name."),
            (12, 29, "tier \"api_ipp\" is not known. Did you mean api_ip? Or declare [limits.tiers.api_ipp]."),
        ],
    );
    refused(
        "[[routes]]\npath = \"/a\"\nguard = \"session\"\ntiers = \"api_key\"\n",
        &[(
            4,
            9,
            "route \"/a\" has the limit \"api_key\" per key, and nobody comes with one. Add the guard \"key\", or choose a tier per ip.",
        )],
    );
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let advice = "Secrets never stand in this file: give them by the environment, as TENANTRY_… or TENANTRY_…_FILE.";
    refused(
        "[database]\nurl = \"postgresql://a:hunter2@db/x\"\n[cron]\nsecret = \"hunter2\"\n[brand]\nlogo = \"https://a:hunter2@cdn.example.com/x\"\n",
        &[
            (2, 1, &format!("unknown key \"url\" in [database]. {advice}")),
            (4, 1, &format!("unknown key \"secret\" in [cron]. {advice}")),
            (6, 8, &format!("this is a secret. {advice}")),
        ],
    );
}

#[test]
fn paths_origins_and_sources_that_open_more_than_they_say_are_refused() {
    refused(
        "[[routes]]\npath = \"/a/*/b\"\nguard = \"key\"\n[[routes]]\npath = \"/b\"\nguard = \"session\"\nmethods = [\"get\"]\ncors = [\"*\"]\ncsp_sources = { script-src = [\"'unsafe-inline'\"], default-src = [\"'self'\"] }\n",
        &[
            (2, 8, "path is malformed. * stands alone after the last slash, as in /assets/*."),
            (
                7,
                12,
                "methods = \"get\" is not known. Did you mean GET? Write \"GET\" or \"HEAD\" or \"POST\" or \"PUT\" or \"PATCH\" or \"DELETE\" or \"OPTIONS\".",
            ),
            (
                8,
                9,
                "cors is malformed. Write an origin as browsers send it: https://app.example.com, without a path; * would let every site in.",
            ),
            (
                9,
                31,
                "\"'unsafe-inline'\" is no source. Please write 'self', data:, blob:, or a host such as https://cdn.example.com; * and 'unsafe-…' undo the policy.",
            ),
            (
                9,
                51,
                "directive = \"default-src\" is not known. Write \"connect-src\" or \"font-src\" or \"form-action\" or \"frame-src\" or \"img-src\" or \"manifest-src\" or \"media-src\" or \"script-src\" or \"style-src\" or \"worker-src\".",
            ),
        ],
    );
}

#[test]
fn weak_hashes_and_ends_that_never_come_are_refused() {
    refused(
        "[passwords]\nmemory_kib = 8192\n[sessions]\nidle_minutes = 120\nabsolute_hours = 1\n",
        &[
            (
                2,
                14,
                "argon2id with 8192 KiB and 2 passes is weaker than OWASP's minimum. Write memory_kib and iterations of at least 47104 and 1, 19456 and 2, 12288 and 3, 9216 and 4, or 7168 and 5.",
            ),
            (4, 16, "idle_minutes is longer than absolute_hours and would never count. Make it shorter."),
        ],
    );
}

#[test]
fn cookies_never_cross_a_network_in_the_clear() {
    let report =
        Config::parse("t.toml", &NEEDED.replace("base = \"example.com\"", "base = \"example.com\", scheme = \"http\""))
            .unwrap_err();
    assert_eq!(
        report.to_string(),
        "t.toml:2:42: scheme = \"http\" with base = \"example.com\" would send session cookies in the clear. Write \"https\"; only localhost may do without."
    );
}

#[test]
fn broken_toml_and_faulty_settings_are_reported_together() {
    let lines =
        faults("[sessions]\naccess_minutes = 99\naccess_minutes = 5\nidle_minutes = \n[[routes]]\npath = \"/x\"\n");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].starts_with("tenantry.toml:7:18: access_minutes = 99 is out of range"), "{lines:#?}");
    assert!(lines[1].starts_with("tenantry.toml:8:1: duplicate key"), "{lines:#?}");
    assert!(lines[2].starts_with("tenantry.toml:9:"), "{lines:#?}");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let report = Config::load(&directory.path().join("tenantry.toml")).unwrap_err().to_string();
    assert!(report.contains("tenantry.toml: cannot be read: "), "{report}");
}

// What the demo's file means.

fn demo() -> Config {
    Config::for_dev("tenantry.toml", DEMO, &Dev { port: 8600, upstream: None })
        .unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn the_demo_is_what_a_newcomer_copies() {
    let config = demo();
    assert_eq!(config.hosts.origin(&config.hosts.central()), "http://app.localhost:8600");
    assert_eq!(config.listen.address.to_string(), "127.0.0.1:8600");
    let serving = format!("{}\n{DEMO}", NEEDED.replacen("app = { name = \"Acme\" }\n", "", 1));
    let served = Config::parse("tenantry.toml", &serving).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(guard_table(&served), guard_table(&config));
}

#[test]
fn the_guard_table_says_who_may_pass_where() {
    let expected = "\
METHODS   PATH                GUARD           PERMISSION                                                     KIND   CSP    LIMITS
GET,HEAD  /                   session         -                                                              page   nonce  600/60s per ip
GET,HEAD  /assets/*           public          (Style sheets and scripts hold nothing of a tenant)            asset  nonce  15000/60s per ip
GET,HEAD  /api/products       session or key  products:read                                                  api    nonce  60/60s per key, 120/60s per ip
GET,HEAD  /api/products/{id}  session or key  products:read                                                  api    nonce  60/60s per key, 120/60s per ip
POST      /api/products       session or key  products:write                                                 api    nonce  60/60s per key, 120/60s per ip
GET,HEAD  /api/orders         session or key  orders:read                                                    api    nonce  60/60s per key, 120/60s per ip
POST      /api/orders         key             orders:write                                                   api    nonce  60/60s per key, 120/60s per ip
GET,HEAD  /api/whoami         session or key  -                                                              api    nonce  60/60s per key, 120/60s per ip
GET,HEAD  /api/status         public          (Monitoring reads it, and it says only whether the app is up)  api    nonce  120/60s per ip
POST      /api/cron/nightly   cron            -                                                              api    nonce  30/60s per ip
";
    assert_eq!(guard_table(&demo()), expected);
}

#[test]
fn a_path_that_a_lax_app_reads_otherwise_never_reaches_a_wider_route() {
    let config = parse("[[routes]]\npath = \"/*\"\nmethods = \"any\"\nguard = \"public\"\npublic_because = \"Shop\"\n[[routes]]\npath = \"/admin\"\nguard = \"session\"\n[[routes]]\npath = \"/Sale\"\nguard = \"public\"\npublic_because = \"Shop\"\n").unwrap();
    let find = |path, method| match config.routes.find(path, method) {
        RouteFound::Route(at, _) => format!("{at}"),
        RouteFound::OtherMethods(methods) => methods.to_string(),
        RouteFound::Ambiguous => "ambiguous".to_owned(),
        RouteFound::Nothing => "nothing".to_owned(),
    };
    for (path, method, expected) in [
        ("/admin", Method::Get, "1"),
        ("/admin", Method::Post, "GET, HEAD"),
        ("/Admin", Method::Get, "ambiguous"),
        ("/admin/", Method::Post, "ambiguous"),
        ("/sale", Method::Get, "0"),
        ("/Sale", Method::Get, "2"),
        ("/Anything", Method::Delete, "0"),
        ("no-path", Method::Get, "nothing"),
    ] {
        assert_eq!(find(path, method), expected, "{path}");
    }
}

#[test]
fn two_hundred_people_behind_one_address_load_a_page_of_sixty_assets() {
    let limits = demo().limits;
    assert!(limits.tier(TierId::PAGE_IP).limit >= 200 && limits.tier(TierId::ASSET_IP).limit >= 200 * 60);
    let claimed = [
        (TierId::API_KEY, 60, 60),
        (TierId::API_IP, 120, 60),
        (TierId::SIGN_IN_IP, 10, 900),
        (TierId::SIGN_UP_IP, 5, 3600),
    ];
    for (id, limit, window_s) in claimed {
        assert_eq!((limits.tier(id).limit, limits.tier(id).window_s), (limit, window_s));
    }
}

// The environment.

const URLS: [&str; 6] = ["CONTROL", "LIVE", "TEST", "JOBS", "OPERATOR", "LISTEN"];

fn environment() -> BTreeMap<String, String> {
    let url = |plane: &str| {
        (format!("TENANTRY_{plane}_URL"), format!("postgresql://{}:hunter2@db/tenantry", plane.to_lowercase()))
    };
    let mut variables: BTreeMap<String, String> = URLS.into_iter().map(url).collect();
    variables.insert("TENANTRY_ROOT_KEY".to_owned(), "ab".repeat(32));
    variables.insert("TENANTRY_SMTP_URL".to_owned(), "smtps://a:hunter2@mail.example.com".to_owned());
    variables.insert("TENANTRY_CRON_SECRET".to_owned(), "0123456789012345678901".to_owned());
    variables
}

#[test]
fn every_missing_secret_is_named_at_once_and_stands_in_the_manual() {
    let faults = Secrets::load(&demo(), &Environment::default()).unwrap_err().to_string();
    let named: BTreeSet<&str> =
        faults.lines().filter_map(|line| line.split_once(": neither ")).map(|(name, _)| name).collect();
    assert_eq!(named.len(), 9, "{faults}");
    for name in named {
        assert!(MANUAL.contains(name), "{name} is not in the manual");
    }
    assert!(
        !parse("").is_err_and(|_| true)
            && Secrets::load(&parse("").unwrap(), &Environment::default()).unwrap_err().len() == 8,
        "no cron route, no cron secret"
    );
}

#[test]
fn a_complete_environment_serves_and_prints_no_secret() {
    let environment: Environment = environment().into_iter().collect();
    let secrets = Secrets::load(&demo(), &environment).unwrap_or_else(|faults| panic!("{faults}"));
    let printed = format!("{secrets:?}{environment:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("abab") && !printed.contains("0123456789"), "{printed}");
}

#[test]
fn malformed_secrets_are_named_without_their_values() {
    let mut variables = environment();
    let slip = variables.remove("TENANTRY_JOBS_URL").unwrap();
    variables.insert("TENANTRY_JOB_URL".to_owned(), slip);
    for (name, value) in [
        ("TENANTRY_LIVE_URL", "postgresql://control:hunter2@db/tenantry"),
        ("TENANTRY_TEST_URL", "postgresql://test:hunter2@db:port/tenantry"),
        ("TENANTRY_ROOT_KEY", "hunter2"),
        ("TENANTRY_ROOT_KEY_FILE", "/nowhere"),
        ("TENANTRY_SMTP_URL", "mail.example.com:hunter2"),
        ("TENANTRY_CRON_SECRET", "hunter2"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let report = Secrets::load(&demo(), &variables.into_iter().collect()).unwrap_err().to_string();
    for line in [
        "TENANTRY_CRON_SECRET: this secret is too short",
        "TENANTRY_JOBS_URL: neither TENANTRY_JOBS_URL nor TENANTRY_JOBS_URL_FILE is set. TENANTRY_JOB_URL is set: is it this one?",
        "TENANTRY_ROOT_KEY: TENANTRY_ROOT_KEY_FILE is set as well",
        "TENANTRY_SMTP_URL: this is no SMTP URL",
        "TENANTRY_TEST_URL: this is no connection URL with a user",
    ] {
        assert!(report.contains(line), "{line} is not in\n{report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn one_login_for_two_planes_is_one_wall_fewer() {
    let mut variables = environment();
    variables.insert("TENANTRY_TEST_URL".to_owned(), variables["TENANTRY_LIVE_URL"].clone());
    let report = Secrets::load(&demo(), &variables.into_iter().collect()).unwrap_err().to_string();
    assert!(report.starts_with("TENANTRY_TEST_URL: the same user as in TENANTRY_LIVE_URL."), "{report}");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    std::fs::write(&path, "smtps://mail.example.com\n").unwrap();
    let mut variables = environment();
    variables.remove("TENANTRY_SMTP_URL");
    variables.insert("TENANTRY_SMTP_URL_FILE".to_owned(), path.display().to_string());
    assert!(Secrets::load(&demo(), &variables.clone().into_iter().collect()).is_ok());
    std::fs::write(&path, "\n").unwrap();
    let report = Secrets::load(&demo(), &variables.into_iter().collect()).unwrap_err().to_string();
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.starts_with("TENANTRY_SMTP_URL_FILE: ") && report.contains("does not hold a secret"), "{report}");
}

#[test]
fn faults_of_the_file_and_of_the_environment_are_one_report() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tenantry.toml");
    std::fs::write(&path, format!("{NEEDED}[sessions]\naccess_minutes = 99\n")).unwrap();
    let report = Config::load_to_serve(&path, &Environment::default()).unwrap_err();
    let text = report.to_string();
    assert!(
        text.contains("access_minutes = 99 is out of range") && text.contains("TENANTRY_LIVE_URL: neither"),
        "{text}"
    );
}

// The manual.

/// A setting as the manual describes it.
#[derive(Debug)]
struct Described {
    path: String,
    value: String,
    comment: String,
}

/// The manual without its explanations: every setting uncommented.
fn uncommented() -> String {
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
            write!(comment, "{text} ").unwrap();
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
        Some((head @ ("roles" | "limits.tiers"), _)) => format!("{head}.NAME"),
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
        let is_example = ["roles.", "routes.", "limits.tiers."].iter().any(|group| setting.path.starts_with(group));
        match setting.default {
            Some(default) if !is_example => assert_eq!(toml(&text.value), toml(&default), "{}", setting.path),
            Some(_) | None => {}
        }
    }
}

fn toml(value: &str) -> toml::Value {
    let table: toml::Table = format!("value = {value}").parse().unwrap();
    table["value"].clone()
}

#[test]
fn the_manual_uncommented_means_the_defaults() {
    let manual = Config::parse("tenantry.default.toml", &uncommented()).unwrap_or_else(|faults| panic!("{faults}"));
    let default = parse("").unwrap();
    let settings = |config: &Config| {
        format!(
            "{:#?}",
            (
                &config.listen,
                &config.forward_auth,
                &config.upstream,
                &config.identity,
                &config.sessions,
                &config.passwords,
                &config.sign_up,
                &config.signing_keys
            )
        ) + &format!(
            "{:#?}",
            (
                &config.hosts,
                &config.cron,
                &config.database,
                &config.root_key,
                config.log,
                &config.headers,
                &config.brand.accent,
                config.mail.timeout
            )
        )
    };
    assert_eq!(settings(&manual), settings(&default));
    let built_in = default.limits.iter().len();
    assert!(manual.limits.iter().take(built_in).eq(default.limits.iter()), "the built-in tiers");
    let roles = |config: &Config| -> Vec<(String, String, bool)> {
        let words = |role: &tenantry_platform::config::ConfiguredRole| {
            role.role.permissions.to_string().replace("orders:read, ", "")
        };
        config
            .roles
            .iter()
            .map(|role| (format!("{} {}", role.role.name, role.description), words(role), role.is_owner))
            .collect()
    };
    assert_eq!(roles(&manual), roles(&default));
}

#[test]
fn a_route_of_the_manual_means_what_it_says() {
    let config = Config::parse("tenantry.default.toml", &uncommented()).unwrap();
    let route = config.routes.route(0);
    assert!(route.guards.contains(Guard::Session) && route.guards.contains(Guard::Key) && !route.guards.is_public());
    assert_eq!(
        (route.csp, route.response_timeout, route.max_body_bytes),
        (Csp::Nonce, config.upstream.response_timeout, config.listen.max_body_bytes)
    );
    assert_eq!(route.tiers.len(), 3);
}

// Any input at all.

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Config::parse("t.toml", &text);
    }

    /// A good file with a piece cut out and another put in: nearly right, as faults are.
    #[test]
    fn no_damaged_file_panics(from in 0_usize..8_000, length in 0_usize..60, piece in prop_oneof!["[\\[\\]{}=\",\n# a-z*/:0-9-]{0,12}", "\\PC{0,8}"]) {
        let text = uncommented();
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (boundary(from), boundary(from + length));
        let damaged = format!("{}{piece}{}", &text[..start], &text[end.max(start)..]);
        if let Err(faults) = Config::parse("t.toml", &damaged) {
            prop_assert!(!faults.is_empty());
        }
    }
}
