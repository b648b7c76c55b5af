//! Hosts, addresses, paths and redirects (AC-10, AC-11).

use std::net::IpAddr;

use proptest::prelude::*;
use tenantry_core::address::{TrustedProxies, subject};
use tenantry_core::host::{Host, HostName, HostNames};
use tenantry_core::mode::Mode;
use tenantry_core::path::{CleanPath, PathFault};
use tenantry_core::redirect::ReturnTo;
use tenantry_core::slug::{Slug, SlugFault, skeleton};

fn client(peer: &str, forwarded_for: &[&str]) -> String {
    let trusted =
        TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")]);
    let peer: IpAddr = peer.parse().expect("an address");
    trusted.client_ip(peer, forwarded_for.iter().map(|value| value.as_bytes())).to_string()
}

#[test]
fn only_what_trusted_proxies_wrote_is_believed() {
    assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "a stranger's header");
    assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1", "forged on the left");
    assert_eq!(client("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.2"]), "198.51.100.1", "several headers");
    assert_eq!(client("::ffff:10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
    assert_eq!(client("fd00::1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "all trusted: the outermost");
}

#[test]
fn an_entry_that_cannot_be_read_ends_the_walk() {
    for hop in ["unknown", "", "1.2.3", "198.51.100.1 x", "_hidden", "0.0.0.0", "fe80::1%eth0", "\u{e9}"] {
        assert_eq!(client("10.0.0.1", &[&format!("1.1.1.1, {hop}, 10.0.0.7")]), "10.0.0.7", "{hop}");
    }
    let many = vec!["10.0.0.2"; 5_000].join(",");
    assert_eq!(client("10.0.0.1", &[&format!("198.51.100.1,{many}")]), "10.0.0.2");
}

#[test]
fn a_limit_counts_v4_by_address_and_v6_by_network() {
    let subject = |ip: &str| subject(ip.parse().expect("an address")).to_string();
    assert_eq!(subject("::ffff:192.0.2.7"), "192.0.2.7/32");
    assert_eq!(subject("2001:db8:1:2:3:4:5:6"), subject("2001:db8:1:2::"));
    assert_ne!(subject("2001:db8:1:2::"), subject("2001:db8:1:3::"));
}

#[test]
fn a_host_has_one_spelling() {
    let name = |text: &str| Host::parse(text.as_bytes()).map(|host| (host.name.into_owned(), host.port));
    assert_eq!(name("ACME.Example.com.:8443"), Ok(("acme.example.com".into(), Some(8_443))));
    assert_eq!(name("[2001:DB8:0::1]:80"), Ok(("[2001:db8::1]".into(), Some(80))));
    let long = format!("{}.com", "a".repeat(64));
    for text in [
        "",
        ".",
        "a..b",
        "a.com..",
        "-a.com",
        "a-.com",
        "a_b.com",
        "a.com:",
        "a.com:+80",
        "a.com:65536",
        "a.com:80:80",
        "user@a.com",
        "a.com/",
        "a.com, b.com",
        "bücher.example",
        "a.com\u{0}",
        "a b",
        "[::1",
        "::1",
        "[1.2.3.4]",
        "a%2ecom",
        "a.com ",
        &long,
    ] {
        assert!(name(text).is_err(), "{text}");
    }
}

#[test]
fn every_host_of_the_house_is_known_by_its_label() {
    let names = HostNames::new("example.com", "app", "api").expect("names");
    assert_eq!(names.resolve("app.example.com"), HostName::Central);
    assert_eq!(names.resolve("api.example.com"), HostName::Api);
    for mode in [Mode::Live, Mode::Test] {
        assert_eq!(names.resolve(&names.tenant("acme", mode)), HostName::Tenant { slug: "acme", mode });
    }
    for other in [
        "example.com",
        "a.b.example.com",
        "acme--live.example.com",
        "xn--acm-epa.example.com",
        "ac.example.com",
        "acmeexample.com",
        "acme--test--test.example.com",
        "app--test.example.org",
    ] {
        assert_eq!(names.resolve(other), HostName::Other(other));
    }
    assert!(
        HostNames::new("Example.com", "app", "api").is_err() && HostNames::new("example.com", "app", "app").is_err()
    );
}

#[test]
fn reserved_words_are_refused_and_yesterdays_tenants_stay() {
    for word in ["admin", "app", "api", "www", "mail", "security", "tenantry", "localhost", "autodiscover", "wpad"] {
        assert_eq!(Slug::parse(word), Err(SlugFault::Reserved), "{word}");
        assert!(Slug::from_stored(word).is_ok(), "{word}");
    }
    for (text, fault) in [
        ("ab", SlugFault::Length),
        ("Acme", SlugFault::Character),
        ("a--b", SlugFault::Dash),
        ("-acme", SlugFault::Dash),
        ("acme-", SlugFault::Dash),
        ("xn--a", SlugFault::Dash),
    ] {
        assert_eq!(Slug::parse(text), Err(fault), "{text}");
    }
}

/// [AC-11]
#[test]
fn what_looks_like_a_reserved_word_is_reserved() {
    for word in ["1ogin", "log1n", "l0gin", "adrnin", "a-d-m-i-n", "vvvvvv", "5upport", "bi11ing", "w-w-w", "rnail"] {
        assert_eq!(Slug::parse(word), Err(SlugFault::Reserved), "{word}");
    }
    for word in ["acme", "globex", "corner", "modern-burn", "seven-kettles", "x86"] {
        assert!(Slug::parse(word).is_ok(), "{word}");
    }
}

proptest! {
    /// However its letters are imitated, once or many times, a label keeps its skeleton. [AC-11]
    #[test]
    fn an_imitation_has_the_skeleton_of_its_model(model in "[a-z0-9-]{1,40}", choices in prop::collection::vec(0_usize..3, 40)) {
        let imitation: String = model.chars().zip(&choices).map(|(letter, at)| imitated(letter, *at)).collect();
        prop_assert_eq!(skeleton(&imitation), skeleton(&model), "{}", imitation);
        prop_assert_eq!(skeleton(&skeleton(&model)), skeleton(&model));
    }

    #[test]
    fn labels_that_differ_in_more_than_looks_have_other_skeletons(left in "[abcdefghjkpqtuxy]{3,20}", right in "[abcdefghjkpqtuxy]{3,20}") {
        prop_assert_eq!(skeleton(&left) == skeleton(&right), left == right);
    }
}

fn imitated(letter: char, at: usize) -> &'static str {
    let looks: &[&'static str] = match letter {
        '0' | 'o' => &["0", "o", "-o"],
        '1' | 'i' | 'l' => &["1", "i", "l"],
        '2' | 'z' => &["2", "z", "z-"],
        '5' | 's' => &["5", "s", "-5-"],
        'm' => &["m", "rn", "r-n"],
        'w' => &["w", "vv", "v-v"],
        '-' => &["", "-", "--"],
        other => return PLAIN[PLAIN.iter().position(|plain| plain.starts_with(other)).unwrap_or_default()],
    };
    looks[at]
}

const PLAIN: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "j", "k", "n", "p", "q", "r", "t", "u", "v", "x", "y", "3", "4", "6", "7",
    "8", "9", "o",
];

#[test]
fn a_path_that_could_be_read_in_two_ways_is_refused() {
    let cases = [
        ("orders", PathFault::Relative),
        ("/a//b", PathFault::Empty),
        ("/a/../b", PathFault::Dots),
        ("/a/%2e%2E/b", PathFault::Dots),
        ("/.%2e", PathFault::Dots),
        ("/a/.", PathFault::Dots),
        ("/a%2fb", PathFault::Slash),
        ("/a%5Cb", PathFault::Slash),
        ("/a\\b", PathFault::Slash),
        ("/a;v=1/b", PathFault::Parameter),
        ("/a%3bv=1/b", PathFault::Parameter),
        ("/a/..%3B/b", PathFault::Parameter),
        ("/a/..%3f/b", PathFault::Dots),
        ("/a/.%23", PathFault::Dots),
        ("/a%00", PathFault::Character),
        ("/a\u{7f}", PathFault::Character),
        ("/a b", PathFault::Character),
        ("/é", PathFault::Character),
        ("/a%", PathFault::Encoding),
        ("/a%4", PathFault::Encoding),
        ("/a%zz", PathFault::Encoding),
        ("/a%252f", PathFault::Encoding),
        ("/a%c0%af", PathFault::Encoding),
        ("/a%ff", PathFault::Encoding),
    ];
    for (path, fault) in cases {
        assert_eq!(CleanPath::parse(path), Err(fault), "{path}");
    }
    assert_eq!(CleanPath::parse(&format!("/{}", "a".repeat(4_096))), Err(PathFault::TooLong));
    assert_eq!(
        CleanPath::parse("/%61dmin/caf%c3%a9/100%25/").map(|path| path.decoded().to_owned()),
        Ok("/admin/café/100%/".into())
    );
}

proptest! {
    #[test]
    fn a_clean_path_decodes_once_and_for_all(path in "/([a-z./;%\\\\2fe5c]|%2[0-9a-f]|%[4-6][0-9a-f]){0,12}") {
        if let Ok(clean) = CleanPath::parse(&path) {
            let decoded = clean.decoded();
            let twice = percent_encoding::percent_decode_str(decoded).decode_utf8().expect("UTF-8");
            prop_assert_eq!(twice.as_ref(), decoded, "a second decoding changes nothing");
            prop_assert!(!decoded.contains(['\\', ';', '\0']));
            prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
        }
    }

    #[test]
    fn a_return_address_never_leaves_the_host(text in "(/|\\\\|//|http:|javascript:|[a-z@.?#%:]|%09|%2f|\t|\n){1,8}") {
        if let Ok(target) = ReturnTo::parse(&text) {
            let base = url::Url::parse("https://acme.example.com/here").expect("a URL");
            let there = base.join(target.as_str()).expect("a relative URL");
            prop_assert_eq!(there.origin(), base.origin());
        }
    }
}

#[test]
fn people_return_to_pages_and_to_nowhere_else() {
    for target in ["/", "/orders?page=2&q=a%20b#last", "/a/b/?next=https://x.example/"] {
        assert_eq!(ReturnTo::parse(target).map(|to| to.to_string()), Ok(target.to_owned()));
    }
    for target in [
        "",
        "orders",
        "https://acme.example.com/",
        "//x",
        "/\\x",
        "/%5cx",
        "/a?b\r\nSet-Cookie: c",
        "/a?b%0d%0a",
        "/a#%",
        "/a?\\",
        "\t/a",
        "/a//b",
        "javascript:alert(1)",
    ] {
        assert!(ReturnTo::parse(target).is_err(), "{target}");
    }
    assert!(ReturnTo::parse(&format!("/?{}", "a".repeat(2_047))).is_err());
}
