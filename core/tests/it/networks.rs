//! Allow-lists, held to the arithmetic of addresses (KEY-1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use tenantry_core::allow_list::{AllowList, NetworkFault};

fn list(lines: &[&str]) -> AllowList {
    AllowList::parse(lines).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn fault(line: &str) -> NetworkFault {
    AllowList::parse(&[line]).expect_err("refused").remove(0).1
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn an_address_is_compared_in_one_form() {
    let office = list(&["203.0.113.0/24", "2001:db8::/32"]);
    for inside in ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8:1::1"] {
        assert!(office.admits(ip(inside)), "{inside}");
    }
    for outside in ["203.0.114.9", "::ffff:203.0.114.9", "::203.0.113.9", "2001:db9::1", "::1"] {
        assert!(!office.admits(ip(outside)), "{outside}");
    }
}

#[test]
fn lists_are_written_in_one_form() {
    let written = ["::ffff:10.0.0.0/104", " 192.0.2.7 ", "10.0.0.0/8", "2001:DB8::/32", "2001:db8::1"];
    assert_eq!(list(&written).lines(), ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "2001:db8::1/128"]);
    assert_eq!(list(&[]), AllowList::Anywhere);
}

#[test]
fn what_is_wrong_is_refused_with_the_fix() {
    let said = fault("203.0.113.7/24").to_string();
    assert!(said.contains("203.0.113.0/24") && said.contains("203.0.113.7 for"), "{said}");
    assert!(matches!(fault("2001:db8::1/32"), NetworkFault::HostBits { .. }));
    for everywhere in ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "1.2.3.4/0", "0.0.0.0", "::"] {
        assert_eq!(fault(everywhere), NetworkFault::Everywhere, "{everywhere}");
    }
    let long = "1".repeat(10_000);
    for odd in ["", "example.com", "10.0.0.0/33", "10.0.0/8", "010.0.0.1", "fe80::1%eth0", "10.0.0.1-9", "*", &long] {
        assert_eq!(fault(odd), NetworkFault::NotANetwork, "{odd}");
    }
}

#[test]
fn a_stored_line_that_cannot_be_read_closes_the_list() {
    assert_eq!(AllowList::from_stored(&["damaged"]), AllowList::Only(Vec::new()));
    assert!(!AllowList::from_stored(&["damaged"]).admits(ip("203.0.113.9")));
}

#[test]
fn a_narrower_list_is_told_from_a_wider_one() {
    let (wide, narrow) = (list(&["10.0.0.0/8", "192.0.2.0/24"]), list(&["10.1.0.0/16"]));
    assert!(narrow.is_within(&wide) && !wide.is_within(&narrow));
    assert!(wide.is_within(&AllowList::Anywhere) && !AllowList::Anywhere.is_within(&wide));
    assert!(!list(&["2001:db8::/32"]).is_within(&wide));
}

proptest! {
    /// By shifting, which knows nothing of networks.
    #[test]
    fn a_network_holds_just_the_addresses_that_share_its_prefix(base: u32, bits in 1_u8..=32, other: u32, near: bool, flip in 0_u8..32) {
        let (mask, v4) = (u32::MAX << (32 - bits), |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits)));
        prop_assume!(base & mask != 0 || bits < 32);
        let asked = if near { base ^ (1 << flip) } else { other };
        let networks = AllowList::parse(&[format!("{}/{bits}", v4(base & mask))]).expect("a network");
        prop_assert_eq!(networks.admits(v4(asked)), asked & mask == base & mask);
        let mapped = IpAddr::V6(Ipv4Addr::from_bits(asked).to_ipv6_mapped());
        prop_assert_eq!(networks.admits(mapped), networks.admits(v4(asked)));
    }

    #[test]
    fn what_was_written_is_read_again_the_same(base: u128, bits in 1_u8..=128) {
        let network = format!("{}/{bits}", Ipv6Addr::from_bits(base & (u128::MAX << (128 - bits))));
        if let Ok(parsed) = AllowList::parse(&[network]) {
            prop_assert_eq!(AllowList::from_stored(&parsed.lines()), parsed);
        }
    }

    #[test]
    fn no_text_makes_it_panic_or_open(lines in proptest::collection::vec(".{0,80}", 1..4)) {
        if let Ok(AllowList::Anywhere) = AllowList::parse(&lines) {
            prop_assert!(false, "{lines:?} opened the list");
        }
    }
}
