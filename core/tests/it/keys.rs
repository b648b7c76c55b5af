//! API keys, permissions and the ceiling (KEY-1, KEY-2, AC-2).

use proptest::prelude::*;
use regex::Regex;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::{ApiKey, KeyFault, SCANNER_REGEX};
use tenantry_core::mode::Mode;
use tenantry_core::permission::{AboveCeiling, Permission, PermissionSet, Role, RoleName};
use tenantry_core::random::Entropy;
use tenantry_core::secret::ExposeSecret;
use uuid::Uuid;

fn plaintext(mode: Mode, tenant: TenantId, seed: u64) -> String {
    ApiKey::generate(mode, tenant, &Entropy::seeded(seed)).into_plaintext().expose_secret().to_owned()
}

proptest! {
    #[test]
    fn a_key_says_whose_it_is_and_scanners_find_it(tenant: u128, seed: u64, is_live: bool) {
        let mode = if is_live { Mode::Live } else { Mode::Test };
        let tenant = TenantId::from_uuid(Uuid::from_u128(tenant));
        let text = plaintext(mode, tenant, seed);
        let key = ApiKey::parse(&text).expect("a generated key");
        prop_assert_eq!((key.mode(), key.tenant()), (mode, tenant));
        prop_assert_eq!(key.start(), &text[30..38]);
        let leaked = format!("X-Api-Key: {text};");
        prop_assert!(Regex::new(SCANNER_REGEX).expect("a regex").is_match(&leaked));
    }

    #[test]
    fn one_wrong_character_anywhere_is_refused(seed: u64, at in 0..68_usize, other in "[0-9A-Za-z_]") {
        let text = plaintext(Mode::Live, TenantId::from_uuid(Uuid::from_u128(7)), seed);
        let mut changed = text.clone();
        changed.replace_range(at..=at, &other);
        prop_assume!(changed != text);
        prop_assert!(ApiKey::parse(&changed).is_err());
    }
}

#[test]
fn a_test_key_cannot_be_relabelled_live() {
    let text = plaintext(Mode::Test, TenantId::from_uuid(Uuid::from_u128(7)), 1);
    let relabelled = text.replace("sk_test_", "sk_live_");
    assert_eq!(ApiKey::parse(&relabelled).err(), Some(KeyFault::BadChecksum));
}

#[test]
fn a_tenant_beyond_128_bits_is_no_tenant() {
    let body = format!("sk_live_{}{}", "z".repeat(22), "0".repeat(32));
    assert_eq!(ApiKey::parse(&format!("{body}000000")).err(), Some(KeyFault::NotAKey));
}

#[test]
fn every_letter_of_the_random_part_is_equally_likely() {
    let tenant = TenantId::from_uuid(Uuid::from_u128(7));
    let entropy = Entropy::seeded(3);
    let mut counts = [0_u32; 128];
    for _ in 0..6_200 {
        let key = ApiKey::generate(Mode::Live, tenant, &entropy).into_plaintext();
        key.expose_secret()[30..62].bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    }
    // 198,400 letters, 3,200 of each expected; a bias of 256 mod 62 would give some 25 % more.
    let drawn: Vec<_> = counts.into_iter().filter(|count| *count > 0).collect();
    assert_eq!(drawn.len(), 62);
    assert!(drawn.iter().all(|count| (2_900..3_500).contains(count)), "{drawn:?}");
}

fn set(words: &[&str]) -> PermissionSet {
    words.iter().map(|word| Permission::parse(word).expect("a permission")).collect()
}

#[test]
fn a_permission_means_itself_alone() {
    for word in
        ["*", "orders:*", "orders", "Orders:read", "orders:read:all", ":read", "orders:", "9:read", "órders:read"]
    {
        assert!(Permission::parse(word).is_err(), "{word}");
    }
    assert!(Permission::parse(&format!("{}:b", "a".repeat(63))).is_err());
    let held = set(&["orders:write", "orders:read", "orders:read"]);
    assert_eq!(serde_json::to_string(&held).expect("JSON"), r#"["orders:read","orders:write"]"#);
    assert!(held.contains("orders:read") && !held.contains("orders"));
}

proptest! {
    #[test]
    fn what_a_key_may_do_is_in_both_sets(own in prop::collection::vec("[a-c]:[a-c]", 0..8), scopes in prop::collection::vec("[a-c]:[a-c]", 0..8)) {
        let own = set(&own.iter().map(String::as_str).collect::<Vec<_>>());
        let scopes = set(&scopes.iter().map(String::as_str).collect::<Vec<_>>());
        let both = own.intersect(&scopes);
        prop_assert!(both.is_subset(&own) && both.is_subset(&scopes));
        prop_assert!(own.iter().all(|one| both.contains(one) == scopes.contains(one)));
        prop_assert_eq!(own.check_ceiling(&scopes).is_ok(), scopes.is_subset(&own));
    }
}

#[test]
fn nobody_grants_above_their_own() {
    let role = |name: &str, words: &[&str], rank| Role {
        name: RoleName::parse(name).expect("a name"),
        permissions: set(words),
        rank,
    };
    let admin = role("ADMIN", &["keys:manage", "members:write"], Some(5));
    let owner = role("OWNER", &["keys:manage", "members:write"], Some(9));
    let billing = role("Billing", &["invoices:read", "keys:manage"], None);
    assert_eq!(admin.check_grant(&billing), Err(AboveCeiling::Permissions(set(&["invoices:read"]))));
    assert_eq!(admin.check_grant(&owner), Err(AboveCeiling::Rank(owner.name.clone())));
    assert_eq!(owner.check_grant(&admin), Ok(()));
}
