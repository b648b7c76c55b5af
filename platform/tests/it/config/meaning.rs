//! What a file means: the demo's routes, the limits, and the strictest reading of a path.

use tenantry_core::route::Method;
use tenantry_platform::config::{Config, RouteFound, TierId, guard_table};

use super::{DEMO, NEEDED, demo, parse};

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
fn events_are_kept_for_three_months_and_for_ever_where_somebody_says_so() {
    for (written, kept) in
        [("", Some(3)), ("[events]\nretention_months = 1\n", Some(1)), ("[events]\nretention_months = 0\n", None)]
    {
        assert_eq!(parse(written).unwrap().events.retention_months, kept, "{written}");
    }
}

/// RL-4, by name. Those of forms, uploads, models, PINs and webhooks are for routes of the app to name.
#[test]
fn the_twelve_tiers_are_there() {
    let limits = demo().limits;
    for name in [
        "sign_in_ip",
        "sign_up_ip",
        "reset_ip",
        "verification_ip",
        "public_form_ip",
        "webhook_ip",
        "api_key",
        "upload_tenant",
        "ai_tenant",
        "pin_user",
        "export_tenant",
        "invite_user",
    ] {
        assert!(limits.find(name).is_some(), "{name}");
    }
}

#[test]
fn the_guard_table_names_what_is_unusual_of_limits() {
    let lines = "[limits.tiers.new]\nlimit = 9\nwindow_s = 60\nper = \"route\"\nshadow = true\n[[routes]]\npath = \"/a\"\nguard = \"key\"\ntiers = [\"api_key\", \"new\"]\ncost = 5\n";
    let table = guard_table(&parse(lines).unwrap());
    assert!(table.contains("60/60s per key, 9/60s per route in shadow; costs 5"), "{table}");
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

#[test]
fn a_plan_that_the_file_does_not_have_gives_and_bounds_nothing() {
    let lines = "[plans.pro]\nseats = 50\nentitlements = \"exports\"\n[plans.pro.limits.api_key]\nlimit = 600\n";
    let config = parse(lines).unwrap();
    let pro = config.plans.find("pro").unwrap();
    let limit = (TierId::API_KEY, tenantry_core::window::Limit { max: 600, window_ms: 60_000 });
    assert_eq!((pro.seats, &*pro.entitlements, &*pro.limits), (Some(50), &["exports".to_owned()][..], &[limit][..]));
    assert!(config.plans.find("free").is_none() && parse("").unwrap().plans.find("pro").is_none());
}
