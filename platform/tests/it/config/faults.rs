//! Each class of fault, as it is printed; and that no input panics.

use proptest::prelude::*;
use tenantry_platform::config::Config;

use super::manual::uncommented;
use super::{NEEDED, faults, parse, refused};

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
            "unknown key \"adress\" in [listen]. Did you mean address? Known here: address, body_idle_timeout_ms, certificate, drain_s, head_timeout_ms, keep_alive_timeout_ms, key, max_body_bytes, max_connections, max_head_bytes, proxy_protocol, threads, tls, trusted_proxies.",
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
fn a_collector_is_an_address_and_holds_no_secret() {
    let at = |url: &str| parse(&format!("[telemetry]\notlp = \"{url}\"\n"));
    for wrong in ["collector:4318", "ftp://collector", "grpc://collector:4317", "http://collector/?key=1"] {
        let said = at(wrong).unwrap_err().to_string();
        assert!(said.contains("otlp is malformed") && said.contains("http://host:4318"), "{wrong}: {said}");
    }
    assert!(at("https://user:hunter2@collector").is_err(), "a password is a secret");
    assert!(at("http://127.0.0.1:4318").is_ok() && at("https://collector.example.com/otlp").is_ok());
}

#[test]
fn a_listener_of_operations_is_not_for_strangers() {
    let at = |address: &str, more: &str| parse(&format!("[operations]\nlisten = \"{address}\"\n{more}"));
    for open in ["0.0.0.0:9464", "[::]:9464", "192.0.2.7:9464", "[2001:db8::1]:9464"] {
        let said = at(open, "").unwrap_err().to_string();
        assert!(said.contains("may be reached by strangers") && said.contains("allow_public"), "{open}: {said}");
        assert!(at(open, "allow_public = true").is_ok(), "{open}");
    }
    for own in ["127.0.0.1:9464", "[::1]:9464", "10.1.2.3:9464", "172.16.0.1:9464", "100.64.0.1:9464", "[fd00::1]:9464"]
    {
        assert!(at(own, "").is_ok(), "{own}");
    }
}

#[test]
fn tls_is_where_somebody_ends_it_or_nothing_starts() {
    let about_files = "tls = \"files\" takes certificate and key, as many of one as of the other, in the same order; nothing else takes any.";
    refused(
        "[listen]\ntls = \"files\"\ncertificate = [\"/a.pem\", \"/b.pem\"]\nkey = \"/a.key\"\n",
        &[(2, 7, &format!("tls = \"files\" with 2 certificates and 1 keys. {about_files}"))],
    );
    refused(
        "[listen]\ntls = \"files\"\n",
        &[(2, 7, &format!("tls = \"files\" with 0 certificates and 0 keys. {about_files}"))],
    );
    refused(
        "[listen]\ncertificate = \"/a.pem\"\nkey = \"/a.key\"\n",
        &[(1, 1, &format!("tls = \"front\" with 1 certificates and 1 keys. {about_files}"))],
    );
    refused(
        "[listen]\ntls = \"off\"\n",
        &[(
            1,
            1,
            "tls = \"off\" with address = 0.0.0.0:8080 would show every session to the network. Write \"files\" with a certificate, \"front\" where a proxy ends TLS, or listen on 127.0.0.1.",
        )],
    );
    refused(
        "[listen]\ntls = \"off\"\naddress = \"127.0.0.1:8080\"\n",
        &[(
            1,
            1,
            "tls = \"off\" with [hosts] scheme = \"https\": nobody ends TLS. Write \"front\" where a proxy ends it, or \"files\" with a certificate.",
        )],
    );
    refused(
        "[listen]\nproxy_protocol = \"v2\"\n",
        &[(
            2,
            18,
            "nobody may send a PROXY header. Write the networks of those proxies into trusted_proxies: only they are let in.",
        )],
    );
    refused(
        "[listen]\ncertificate = \"a.pem\"\n",
        &[(2, 15, "certificate is malformed. Write the file's whole path: /etc/tenantry/tls.pem.")],
    );
}

#[test]
fn a_route_without_a_guard_stops_the_start() {
    refused(
        "[[routes]]\npath = \"/api/x\"\n",
        &[(
            2,
            8,
            "route \"/api/x\" has no guard. Add guard = \"session\", \"key\", \"jwt\", \"cron\", a list of them, or \"public\" with public_because.",
        )],
    );
    refused(
        "[[routes]]\npath = \"/api/x\"\nguard = []\n",
        &[(
            2,
            8,
            "route \"/api/x\" has no guard. Add guard = \"session\", \"key\", \"jwt\", \"cron\", a list of them, or \"public\" with public_because.",
        )],
    );
    refused(
        "[[routes]]\npath = \"/x\"\nguard = \"sesion\"\n",
        &[(
            3,
            9,
            "guard = \"sesion\" is not known. Did you mean session? Write \"session\" or \"key\" or \"jwt\" or \"cron\" or \"public\".",
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
fn one_slip_is_one_fault() {
    refused(
        "[[routes]]\npath = \"/x\"\nguard = 5\nmethods = true\n",
        &[
            (3, 9, "this is a whole number. Write a list of texts, such as [\"a\", \"b\"]."),
            (4, 11, "this is true or false. Write a list of texts, such as [\"a\", \"b\"]."),
        ],
    );
}

#[test]
fn a_cron_route_is_for_the_scheduler_alone() {
    refused(
        "[[routes]]\npath = \"/jobs\"\nguard = [\"cron\", \"session\"]\n",
        &[(
            3,
            9,
            "route \"/jobs\" has the guard \"cron\" beside others. Write a route of its own for people and keys: a scheduler has no permissions and no tenant.",
        )],
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
                "route \"/c\" asks for a permission that nobody can show there. Permissions belong to sessions, tokens and keys: change the guard, or leave permission out.",
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
fn a_request_that_costs_more_than_its_limit_is_refused() {
    refused(
        "[[routes]]\npath = \"/a\"\nguard = \"key\"\ncost = 61\n",
        &[(
            4,
            8,
            "route \"/a\" costs 61 and its limit \"api_key\" is 60. Nobody would ever pass: lower the cost, or raise the limit.",
        )],
    );
}

#[test]
fn a_plan_with_a_limit_of_no_tier_is_refused() {
    refused(
        "[plans.pro.limits.api_kee]\nlimit = 5\n[plans.Big]\nentitlements = [\"SSO\"]\n",
        &[
            (1, 19, "tier \"api_kee\" is not known. Did you mean api_key? Or declare [limits.tiers.api_kee]."),
            (3, 8, "\"Big\" cannot name a plan. Use 1 to 40 lower-case letters, digits, -, _ and :."),
            (4, 17, "\"SSO\" is no entitlement. Write 1 to 40 lower-case letters, digits, -, _ and :."),
        ],
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
                "tier \"mine\" has no window_s. A tier says limit = 10, window_s = 60 and per = \"ip\", \"key\", \"user\", \"tenant\" or \"route\".",
            ),
            (
                1,
                15,
                "tier \"mine\" has no per. A tier says limit = 10, window_s = 60 and per = \"ip\", \"key\", \"user\", \"tenant\" or \"route\".",
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
fn what_strangers_are_told_is_one_line_each_and_within_its_range() {
    for (from, to, fault) in [
        (
            "expires",
            "policy = \"https://example.com/a\\nContact: b\", expires",
            "policy is malformed. Write an https://",
        ),
        ("mailto:security@example.com", "mailto:a@example.com\\nPolicy: b", "contact is malformed. Write mailto:"),
        ("expires", "answer_days = 0, expires", "answer_days = 0 is out of range. Write a number from 1 to 30."),
    ] {
        let report = Config::parse("tenantry.toml", &NEEDED.replace(from, to)).unwrap_err().to_string();
        assert!(report.contains(fault) && report.lines().count() == 1, "{report}");
    }
}

/// A page that anybody may have written reads nothing on the word of a cookie [WEB-5, KEY-6].
#[test]
fn every_site_reads_only_where_no_guard_takes_a_cookie() {
    let route = |guard: &str, cors: &str| format!("[[routes]]\npath = \"/a\"\nguard = {guard}\ncors = {cors}\n");
    let cookie = "route \"/a\" takes a session, which is a cookie, and cors = \"*\" lets every site read. List the origins, or use the guards \"key\", \"jwt\", \"cron\" or \"public\" alone: they take no cookie.";
    for guard in ["\"session\"", "[\"session\", \"key\"]"] {
        refused(&route(guard, "\"*\""), &[(4, 8, cookie)]);
    }
    let others = "route \"/a\" lets pages of every origin read, so the others in cors say nothing. Leave the others out, or \"*\".";
    refused(&route("\"key\"", "[\"*\", \"https://x.test\"]"), &[(4, 8, others)]);
}

#[test]
fn paths_origins_and_sources_that_open_more_than_they_say_are_refused() {
    refused(
        "[[routes]]\npath = \"/a/*/b\"\nguard = \"key\"\n[[routes]]\npath = \"/b\"\nguard = \"session\"\nmethods = [\"get\"]\ncors = [\"https://x.test/\"]\ncsp_sources = { script-src = [\"'unsafe-inline'\"], default-src = [\"'self'\"] }\n",
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
                "cors is malformed. Write an origin as browsers send it: https://app.example.com, without a path, or * alone for every site.",
            ),
            (
                9,
                31,
                "\"'unsafe-inline'\" is no source. Please write 'self', data:, blob:, a host such as https://cdn.example.com, or the 'sha256-…' of a script; * and 'unsafe-…' undo the policy.",
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
