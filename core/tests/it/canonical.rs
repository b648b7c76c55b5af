//! Bytes that mean one thing (AUD-6).

use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_core::canonical::{self, Fields};
use tenantry_core::strict_json;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_json_is_json_and_stays_as_it_is(value in any_json()) {
        let text = canonical::json(&value);
        let read: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(canonical::json(&read), text);
    }

    #[test]
    fn fields_are_told_apart(one in prop::collection::vec("[ab]{0,3}", 0..4), other in prop::collection::vec("[ab]{0,3}", 0..4)) {
        let bytes = |parts: &[String]| parts.iter().fold(Fields::new("l"), |fields, part| fields.text(part)).into_bytes();
        prop_assert_eq!(bytes(&one) == bytes(&other), one == other);
    }
}

#[test]
fn numbers_survive_what_jsonb_does_to_them() {
    // Written by a program, and as PostgreSQL gives it back.
    for (written, stored) in [
        ("1.0", "1.0"),
        ("1e3", "1000"),
        ("-0.0", "0.0"),
        ("1e17", "100000000000000000"),
        ("1.50", "1.50"),
        ("1e-7", "0.0000001"),
        ("0.30000000000000004", "0.30000000000000004"),
    ] {
        let [written, stored] = [written, stored].map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        assert_eq!(canonical::json(&written), canonical::json(&stored));
    }
    assert_eq!(canonical::json(&json!({"b": [1, 2.5], "a": null})), r#"{"a":null,"b":[1,2.5e0]}"#);
}

#[test]
fn a_member_that_stands_twice_is_refused_at_any_depth() {
    for json in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#, r#"{"a":1,"\u0061":2}"#, r#"{"a":1} 2"#] {
        assert!(strict_json::from_slice::<Value>(json.as_bytes()).is_err(), "{json}");
    }
    assert!(strict_json::from_slice::<Value>(br#"{"a":{"a":[{"a":1.5},{"a":null}]}}"#).is_ok());
}
