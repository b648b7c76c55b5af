//! Audit leaves and Merkle trees (AUD-1, AUD-6).

use proptest::prelude::*;
use serde_json::json;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{AuditId, TenantId};
use tenantry_core::leaf::{ActorKind, Leaf, Personal, Salt};
use tenantry_core::merkle::{self, Frontier, Hash};
use uuid::Uuid;

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The leaves of the reference vectors of Certificate Transparency (RFC 6962).
fn reference_leaves() -> Vec<Hash> {
    let data: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    data.map(merkle::leaf_hash).to_vec()
}

const REFERENCE_HEADS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn heads_are_those_of_certificate_transparency() {
    let leaves = reference_leaves();
    let mut frontier = Frontier::default();
    for (size, head) in REFERENCE_HEADS.into_iter().enumerate() {
        assert_eq!(hex(&merkle::tree_head(&leaves[..size])), head, "{size} leaves");
        assert_eq!(hex(&frontier.head()), head, "{size} leaves, grown");
        leaves.get(size).map(|leaf| frontier.append(*leaf));
    }
}

#[test]
fn paths_are_those_of_certificate_transparency() {
    let path = merkle::inclusion_proof(0, &reference_leaves()).expect("a path");
    let expected = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(path.iter().map(hex).collect::<Vec<_>>(), expected);
    let proof = merkle::consistency_proof(1, &reference_leaves()).expect("a proof");
    assert_eq!(proof.iter().map(hex).collect::<Vec<_>>(), expected);
}

fn leaves(size: usize) -> Vec<Hash> {
    (0..size).map(|at| merkle::leaf_hash(&at.to_be_bytes())).collect()
}

#[test]
fn every_leaf_of_every_tree_is_proved_and_no_other_place_is() {
    for size in 1..=33 {
        let leaves = leaves(size);
        let head = merkle::tree_head(&leaves);
        for at in 0..size {
            let path = merkle::inclusion_proof(at, &leaves).expect("a path");
            for place in 0..=size {
                let proved = merkle::verify_inclusion(&leaves[at], place as u64, size as u64, &path, &head);
                assert_eq!(proved, place == at, "leaf {at} of {size} at {place}");
            }
        }
    }
}

#[test]
fn every_tree_continues_its_own_past_and_no_other() {
    for size in 1..=33 {
        let leaves = leaves(size);
        let head = merkle::tree_head(&leaves);
        for old in 1..=size {
            let proof = merkle::consistency_proof(old, &leaves).expect("a proof");
            let old_head = merkle::tree_head(&leaves[..old]);
            let verify = |old: usize, old_head: &Hash, proof: &[Hash]| {
                merkle::verify_consistency(old as u64, old_head, size as u64, &head, proof)
            };
            assert!(verify(old, &old_head, &proof), "{old} of {size}");
            let rewritten = merkle::tree_head(&leaves[1..=old.min(size - 1)]);
            assert!(!verify(old, &rewritten, &proof), "{old} of {size}, rewritten");
            let longer = [proof.as_slice(), &[old_head]].concat();
            assert!(!verify(old, &old_head, &longer), "{old} of {size}, proof too long");
        }
    }
}

proptest! {
    #[test]
    fn a_tree_is_grown_as_it_is_built(size in 0..200_usize, stop in 0..200_usize) {
        let leaves = leaves(size);
        let mut frontier = Frontier::default();
        for (at, leaf) in leaves.iter().enumerate() {
            if at == stop {
                frontier = Frontier::resume(frontier.size(), frontier.peaks().to_vec()).expect("its own peaks");
            }
            prop_assert_eq!(frontier.append(*leaf), at as u64);
        }
        prop_assert_eq!(frontier.head(), merkle::tree_head(&leaves));
    }
}

#[test]
fn the_layout_of_a_leaf_never_changes() {
    let (metadata, changes) = (json!({"b": 1, "a": "é"}), json!(null));
    let digest = |field: &str, value: &str| Salt::from_bytes([7; 32]).digest(field, value);
    let personal = [
        Personal { field: "ip", digest: digest("ip", "192.0.2.1") },
        Personal { field: "actor_email", digest: digest("actor_email", "ada@example.com") },
    ];
    let leaf = Leaf {
        id: AuditId::from_uuid(Uuid::from_u128(1)),
        tenant: Some(TenantId::from_uuid(Uuid::from_u128(2))),
        plane: "live",
        at: Timestamp::from_microsecond(1_800_000_000_000_001).expect("a time"),
        actor_kind: ActorKind::User,
        actor_type: "person",
        actor_id: Some("3"),
        action: "api_key.created",
        entity_type: "api_key",
        entity_id: Some("4"),
        request_id: None,
        metadata: &metadata,
        changes: &changes,
        personal: &personal,
    };
    // Recorded once: an exported row of any age must hash to what was signed then.
    assert_eq!(hex(&leaf.hash()), "3ab3705258b5934f73c648fdfec9edeefc6286ed4172b3eef2d2f5173ca0c2c5");
    let reversed = [personal[1], personal[0]];
    assert_eq!(Leaf { personal: &reversed, ..leaf }.hash(), leaf.hash());
    assert_ne!(Leaf { entity_id: None, request_id: Some("4"), ..leaf }.hash(), leaf.hash());
    assert_ne!(Leaf { personal: &personal[..1], ..leaf }.hash(), leaf.hash());
}

#[test]
fn a_personal_digest_depends_on_salt_field_and_value() {
    let digest = |salt: u8, field: &str, value: &str| Salt::from_bytes([salt; 32]).digest(field, value);
    let one = digest(1, "ip", "192.0.2.1");
    assert!(
        one != digest(2, "ip", "192.0.2.1")
            && one != digest(1, "i", "p192.0.2.1")
            && one != digest(1, "ip", "192.0.2.2")
    );
}
