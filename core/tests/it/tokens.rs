//! Signed tokens, against the vectors of the RFCs and against forgery (ID-5, ID-8).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tenantry_core::token::{Algorithm, Expect, SigningKey, TokenFault, Verifier, VerifyingKey};

const NOW_S: u64 = 1_800_000_000;
const EXPECT: Expect<'_> =
    Expect { typ: "staff+jwt", iss: "https://app.example.com", aud: "console", now_s: NOW_S, leeway_s: 5 };

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: u64,
    sub: String,
}

fn claims() -> Claims {
    let [iss, aud, sub] = ["https://app.example.com", "console", "ada"].map(str::to_owned);
    Claims { iss, aud, exp: NOW_S + 900, sub }
}

fn key(algorithm: Algorithm) -> (SigningKey, Verifier) {
    let key = SigningKey::generate(algorithm, "k1");
    let verifier = Verifier::new([key.verifying_key()]);
    (key, verifier)
}

fn verify(verifier: &Verifier, token: &str) -> Result<Claims, TokenFault> {
    verifier.verify(token, &EXPECT)
}

#[test]
fn both_algorithms_sign_store_publish_and_verify() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let (made, _) = key(algorithm);
        let stored = SigningKey::from_pkcs8(algorithm, "k1", &made.pkcs8()).expect("its own bytes");
        let published = serde_json::to_string(&made.jwk()).expect("JSON");
        let verifier = Verifier::new([VerifyingKey::from_jwk(&published).expect("our own JWK")]);
        let token = stored.sign("staff+jwt", &claims()).expect("a token");
        assert_eq!(verify(&verifier, &token), Ok(claims()), "{published}");
    }
}

#[test]
fn the_vectors_of_the_rfcs_verify() {
    // RFC 8037 appendix A.4.
    let ed25519 = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let key = VerifyingKey::from_jwk(ed25519).expect("a key");
    assert_eq!(key.verify_signature(token).as_deref(), Ok(b"Example of Ed25519 signing".as_slice()));
    // RFC 7515 appendix A.3.
    let p256 = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(VerifyingKey::from_jwk(p256).expect("a key").verify_signature(token).is_ok());
}

/// A token whose header and claims are written by hand and signed rightly.
fn forge(key: &SigningKey, header: &str, claims: &str) -> String {
    let der = key.pkcs8();
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = jsonwebtoken::crypto::sign(
        signed.as_bytes(),
        &jsonwebtoken::EncodingKey::from_ed_der(&der),
        jsonwebtoken::Algorithm::EdDSA,
    );
    format!("{signed}.{}", signature.expect("a signature"))
}

#[test]
fn a_right_signature_does_not_make_a_wrong_token_right() {
    let (key, verifier) = key(Algorithm::EdDsa);
    let good = r#"{"alg":"EdDSA","kid":"k1","typ":"staff+jwt"}"#;
    let body = |claims: serde_json::Value| claims.to_string();
    let full = json!({"iss": "https://app.example.com", "aud": ["a", "console"], "exp": NOW_S + 1, "sub": "ada"});
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = full.clone();
        claims[name] = value;
        claims.to_string()
    };
    let mut endless = full.clone();
    endless.as_object_mut().expect("an object").remove("exp");
    let cases = [
        (r#"{"alg":"none","kid":"k1","typ":"staff+jwt"}"#, body(full.clone()), TokenFault::Algorithm),
        (r#"{"alg":"ES256","kid":"k1","typ":"staff+jwt"}"#, body(full.clone()), TokenFault::Algorithm),
        (r#"{"alg":"EdDSA","kid":"k2","typ":"staff+jwt"}"#, body(full.clone()), TokenFault::UnknownKey),
        (r#"{"alg":"EdDSA","typ":"staff+jwt"}"#, body(full.clone()), TokenFault::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"k1","typ":"customer+jwt"}"#, body(full.clone()), TokenFault::Type),
        (r#"{"alg":"EdDSA","kid":"k1"}"#, body(full.clone()), TokenFault::Type),
        (r#"{"alg":"EdDSA","kid":"k1","typ":"staff+jwt","crit":["exp"]}"#, body(full.clone()), TokenFault::Header),
        (r#"{"alg":"EdDSA","kid":"k1","typ":"staff+jwt","b64":false}"#, body(full.clone()), TokenFault::Header),
        (r#"{"alg":"EdDSA","kid":"k2","kid":"k1","typ":"staff+jwt"}"#, body(full.clone()), TokenFault::Malformed),
        (
            good,
            r#"{"exp":1,"exp":1900000000,"iss":"https://app.example.com","aud":"console","sub":"a"}"#.into(),
            TokenFault::Claims,
        ),
        (good, body(endless), TokenFault::Claims),
        (good, with("exp", json!(NOW_S - 5)), TokenFault::Expired),
        (good, with("nbf", json!(NOW_S + 6)), TokenFault::NotYet),
        (good, with("iat", json!(NOW_S + 60)), TokenFault::NotYet),
        (good, with("iss", json!("https://app.example.com/")), TokenFault::Issuer),
        (good, with("aud", json!(["a"])), TokenFault::Audience),
        (good, with("pad", json!("x".repeat(8_192))), TokenFault::TooLong),
    ];
    for (header, claims, fault) in cases {
        let token = forge(&key, header, &claims);
        let verdict: Result<serde_json::Value, _> = verifier.verify(&token, &EXPECT);
        assert_eq!(verdict.err(), Some(fault), "{header} {claims:.80}");
    }
    let verdict: Result<serde_json::Value, _> = verifier.verify(&forge(&key, good, &body(full.clone())), &EXPECT);
    assert_eq!(verdict, Ok(full));
}

#[test]
fn a_token_has_one_spelling() {
    let (key, verifier) = key(Algorithm::EdDsa);
    let token = key.sign("staff+jwt", &claims()).expect("a token");
    for other in [
        format!("{token}="),
        format!("{token}."),
        format!(" {token}"),
        format!("{token}\n"),
        token.replacen('.', "..", 1),
    ] {
        assert_eq!(verify(&verifier, &other), Err(TokenFault::Malformed), "{other}");
    }
    // 64 bytes leave four bits of the last character unused; the decoder insists that they are zero.
    let (rest, last) = token.split_at(token.len() - 1);
    let stray = match last {
        "A" => 'B',
        "Q" => 'R',
        "g" => 'h',
        _ => 'x',
    };
    assert_eq!(verify(&verifier, &format!("{rest}{stray}")), Err(TokenFault::Malformed));
}

#[test]
fn a_public_key_must_say_that_it_verifies() {
    let (key, _) = key(Algorithm::Es256);
    let jwk = serde_json::to_value(key.jwk()).expect("JSON");
    let with = |name: &str, value: serde_json::Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        VerifyingKey::from_jwk(&jwk.to_string()).is_ok()
    };
    assert!(with("key_ops", json!(["verify"])) && with("x5t", json!("ignored")));
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("key_ops", json!(["encrypt"])),
        ("crv", json!("P-384")),
        ("x", json!("AA")),
        ("kty", json!("oct")),
    ] {
        assert!(!with(name, value), "{name}");
    }
}
