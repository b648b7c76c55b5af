//! Sealing under the root key (EN-1, EN-2).

use tenantry_core::random::Entropy;
use tenantry_core::seal::{self, DataKey, MacKey, NotARootKey, OVERHEAD_BYTES, Place, RootKey, SealFault, Sealer};
use tenantry_core::secret::ExposeSecret;

const PLACE: Place<'_> = Place { label: "field", scope: "acme", table: "webhooks", column: "secret", row: b"row-1" };

fn root(seed: u64) -> RootKey {
    RootKey::generate(&Entropy::seeded(seed))
}

fn seal(sealer: &Sealer) -> Vec<u8> {
    sealer.seal(&PLACE, b"whsec", &Entropy::seeded(9))
}

#[test]
fn a_sealed_value_opens_in_its_place_and_nowhere_else() {
    let sealer = Sealer::new(&root(1));
    let sealed = seal(&sealer);
    assert_eq!(sealer.open(&PLACE, &sealed).expect("open").as_slice(), b"whsec");
    let elsewhere = [
        Place { label: "signing-key", ..PLACE },
        Place { scope: "globex", ..PLACE },
        Place { table: "webhook", ..PLACE },
        Place { column: "old_secret", ..PLACE },
        Place { row: b"row-2", ..PLACE },
        Place { table: "webhookss", column: "ecret", ..PLACE },
    ];
    for place in elsewhere {
        assert_eq!(sealer.open(&place, &sealed).err(), Some(SealFault::Refused), "{place:?}");
    }
}

#[test]
fn every_bit_of_a_sealed_value_counts() {
    let sealer = Sealer::new(&root(1));
    let sealed = seal(&sealer);
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(sealer.open(&PLACE, &changed).is_err(), "bit {bit}");
    }
    for len in 0..sealed.len() {
        assert!(sealer.open(&PLACE, &sealed[..len]).is_err(), "{len} bytes");
    }
    assert_eq!(sealed.len(), 5 + OVERHEAD_BYTES);
}

#[test]
fn two_root_keys_open_and_the_current_one_seals() {
    let (old, new) = (root(1), root(2));
    let before = seal(&Sealer::new(&old));
    let sealer = Sealer::new(&new).with_previous(&old);
    let rewrapped = sealer.rewrap(&PLACE, &before, &Entropy::seeded(8)).expect("open").expect("was stale");
    assert_eq!(seal::version_of(&rewrapped), Ok(sealer.version()));
    assert_eq!(sealer.rewrap(&PLACE, &rewrapped, &Entropy::seeded(8)), Ok(None));
    let alone = Sealer::new(&new);
    assert_eq!(alone.open(&PLACE, &rewrapped).expect("open").as_slice(), b"whsec");
    assert_eq!(alone.open(&PLACE, &before).err(), Some(SealFault::UnknownKey(Sealer::new(&old).version())));
}

#[test]
fn a_wrong_root_key_is_told_by_the_canary() {
    let canary = Sealer::new(&root(1)).canary(&Entropy::seeded(5));
    assert_eq!(Sealer::new(&root(1)).check_canary(&canary), Ok(()));
    let fault = Sealer::new(&root(2)).check_canary(&canary).expect_err("another key");
    assert!(fault.to_string().starts_with("this root key does not open this database; "), "{fault}");
    assert_eq!((fault.sealed_by, fault.given), (Sealer::new(&root(1)).version(), Sealer::new(&root(2)).version()));
}

#[test]
fn a_root_key_travels_as_text_and_placeholders_are_refused() {
    let text = root(1).to_text();
    let again = RootKey::parse(&format!(" {}\n", text.expose_secret())).expect("its own text");
    assert_eq!(Sealer::new(&again).version(), Sealer::new(&root(1)).version());
    assert_eq!(RootKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").err(), Some(NotARootKey::Placeholder));
    assert_eq!(RootKey::parse("c2hvcnQ=").err(), Some(NotARootKey::Form));
}

#[test]
fn derived_keys_differ_by_label_and_by_where_parts_end() {
    let sealer = Sealer::new(&root(1));
    let key = |label: &str, parts: &[&[u8]]| *sealer.derive(label, parts).expose_bytes();
    assert_ne!(key("session", &[b"ab", b"c"]), key("session", &[b"a", b"bc"]));
    assert_ne!(key("session", &[]), key("sessions", &[]));
    let mac = sealer.derive("session", &[b"acme"]);
    let tag = mac.sign(&[b"id", b"7"]);
    assert!(
        mac.verify(&[b"id", b"7"], &tag)
            && !mac.verify(&[b"id7", b""], &tag)
            && !mac.verify(&[b"id", b"7"], &tag[..16])
    );
    let after = Sealer::new(&root(2)).with_previous(&root(1));
    assert!(after.derive_previous("session", &[b"acme"]).is_some_and(|old| old.verify(&[b"id", b"7"], &tag)));
}

#[test]
fn a_person_is_erased_with_their_key() {
    let person = DataKey::generate(&Entropy::seeded(4));
    let sealed = person.seal(&PLACE, b"ada@example.com", &Entropy::seeded(9));
    let again = DataKey::from_bytes(&seal::Zeroizing::new(*person.expose_bytes()));
    assert_eq!(again.open(&PLACE, &sealed).expect("open").as_slice(), b"ada@example.com");
    let other = DataKey::generate(&Entropy::seeded(5));
    assert!(matches!(other.open(&PLACE, &sealed), Err(SealFault::UnknownKey(_))));
}

#[test]
fn nothing_secret_is_printed() {
    let mac = MacKey::from_bytes(seal::Zeroizing::new([7; 32]));
    assert_eq!(format!("{mac:?} {:?} {:?}", root(1), Sealer::new(&root(1))), "MacKey(…) RootKey(…) Sealer(…)");
}
