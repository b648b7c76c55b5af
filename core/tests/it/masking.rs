//! Nothing personal or secret is written down (OBS-3).

use proptest::prelude::*;
use serde_json::json;
use tenantry_core::ids::TenantId;
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mask::{is_sensitive_name, mask, mask_field, mask_json, mask_path_and_query};
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::secret::ExposeSecret;

#[test]
fn what_must_not_be_read_is_hidden() {
    let cases = [
        ("mail to Ada.Lovelace+x@mail.example.com.", "mail to [email]."),
        ("josé@exämple.com, <b@c.de>", "[email], <[email]>"),
        ("\\\u{e9}\u{e9}@b.de", "\\[email]"),
        ("/people/ada%40example.com/edit", "/people/[email]/edit"),
        (r#"{"m":"x\nada@example.com"}"#, r#"{"m":"x\n[email]"}"#),
        ("postgres://app:s3cret@db:5432/app", "postgres://[redacted]@db:5432/app"),
        ("call +49 (30) 901820-0 now", "call [phone] now"),
        ("tel:%2B14155552671", "tel:[phone]"),
        ("415-555-2671 or 1.415.555.2671", "[phone] or [phone]"),
        ("(11) 91234-5678", "[phone]"),
        ("card 4242 4242 4242 4242 12/30", "card [card 4242] 12/30"),
        ("pan=378282246310005;", "pan=[card 0005];"),
        ("5555-5555-5555-4444", "[card 4444]"),
        ("Authorization: Bearer abc.def\r\nAccept: */*", "Authorization: [redacted]\r\nAccept: */*"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=[redacted]"),
        ("sent bearer tok-123456 to", "sent bearer [redacted] to"),
        ("basic dXNlcjpwYXNz", "basic [redacted]"),
        ("Cookie: a=1; b=2\nX: y", "Cookie: [redacted]\nX: y"),
        ("set __Host-s=abcdef; Path=/", "set __Host-s=[redacted]; Path=/"),
        ("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln, done", "[token], done"),
        ("secret whsec_MfKQ9r8GKYqrTwjU", "secret [key]"),
        (
            "GET https://a.example/cb?code=4/0AX&state=x%20y#frag HTTP/1.1",
            "GET https://a.example/cb?code=*&state=* HTTP/1.1",
        ),
        ("/verify?0193f3a2b1", "/verify?*"),
        (r#"{"password":"hunter\"2","n":1}"#, r#"{"password":"[redacted]","n":1}"#),
        (
            r#"{"otp":123456,"tokens":["a]b",{"c":1}],"pin":null}"#,
            r#"{"otp":"[redacted]","tokens":"[redacted]","pin":null}"#,
        ),
        (r#"body "{\"secret\":\"a b\",\"n\":1}""#, r#"body "{\"secret\":\"[redacted]\",\"n\":1}""#),
        ("password=correct&user=ada", "password=[redacted]&user=ada"),
        ("api_key = 'abc def'", "api_key = '[redacted]'"),
        ("refreshToken: abc", "refreshToken: [redacted]"),
        ("X-Api-Key: Bearer abc next", "X-Api-Key: [redacted] next"),
        ("/reset/sk_live_abc?email=a", "/reset/[key]?email=*"),
    ];
    for (text, masked) in cases {
        assert_eq!(mask(text), masked);
        assert_eq!(mask(masked), masked, "masking again changes nothing");
    }
}

#[test]
fn what_is_innocent_stays_readable() {
    for text in [
        "2026-11-21T23:10:00.123456Z took 12.5 ms, 3 rows, status 200",
        "0193f3a2-1234-7123-8123-123456789012 at 1763766105000 and 1763766105000123",
        "10.0.0.1:8080 [2001:db8::1] v1.2.3-rc.4+build.5",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "really? yes; (see section 3) x = y ? a : b",
        "basic authentication is off, bearer tokens are on",
        "Error code: 404, exit_code=1 status_code=200 monkey_count=3 primary_key=7",
        "the passwords were wrong, the token expired, keyboard=us monkey=1",
        "https://example.com/orders/42 returned in 1000-2000 us",
        "@mention a@ @b user@1.2 naïve",
        "eyJ is how a token begins, sk_live_ how a key does",
        r#"{"token_type":"jwt","password_changed_at":"2026","has_secret":true,"error_code":"x"}"#,
    ] {
        assert_eq!(mask(text), text);
    }
}

#[test]
fn names_are_matched_by_words() {
    for name in [
        "password",
        "newPassword",
        "X-API-Key",
        "APIKey",
        "api_key",
        "access_token",
        "Set-Cookie",
        "code",
        "recovery_code",
        "client.secret",
        "STRIPE_SECRET_KEY",
        "card_number",
        "phone",
        "__Host-session",
    ] {
        assert!(is_sensitive_name(name), "{name}");
    }
    for name in [
        "compass",
        "tokenizer",
        "secretary",
        "status_code",
        "countryCode",
        "key",
        "sort_key",
        "keyboard",
        "token_count",
        "password_changed_at",
        "order_number",
        "pinned",
        "",
        "__",
        "é",
    ] {
        assert!(!is_sensitive_name(name), "{name}");
    }
    assert_eq!((mask_field("otp", "123"), mask_field("note", "a@b.de")), ("[redacted]".into(), "[email]".into()));
}

#[test]
fn structures_are_masked_by_name_and_by_content() {
    let mut value = json!({"secret": {"a": 1}, "list": ["a@b.de", 7], "token": null, "nested": {"pin": 12}});
    mask_json(&mut value);
    assert_eq!(
        value,
        json!({"secret": "[redacted]", "list": ["[email]", 7], "token": null, "nested": {"pin": "[redacted]"}})
    );
}

#[test]
fn a_target_keeps_the_names_of_its_parameters() {
    assert_eq!(mask_path_and_query("/a?page=2&q=ada@example.com&ada@b.de=1&x"), "/a?page=*&q=*&*&*");
    assert_eq!(mask_path_and_query("/reset/eyJh.eyJz.c2ln"), "/reset/[token]");
    assert_eq!(mask_path_and_query("/cb#access_token=abc"), "/cb?access_token=*");
}

/// Whatever stands around: words that start something, quotes, separators.
const SOUP: &str = r#"([a-z0-9 @.:=?&"'\\/+({\[\]}),;_\-\n%é]|password|token=|Bearer |eyJ|sk_live_|"code":|cookie: |4242 4242 |\?a=|%40|://){0,12}"#;

proptest! {
    #[test]
    fn no_neighbours_bring_a_secret_out(seed: u64, before in SOUP, after in SOUP) {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(5));
        let key = ApiKey::generate(Mode::Live, tenant, &Entropy::seeded(seed)).into_plaintext();
        let key = key.expose_secret();
        let secrets = [key, "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "ada.lovelace@mail.example", "Bearer c2VjcmV0LXRva2Vu"];
        for secret in secrets {
            let line = format!("{before} {secret} {after}");
            prop_assert!(!mask(&line).contains(&secret[8..]), "{}", line);
        }
    }

    #[test]
    fn a_value_under_a_telling_name_never_comes_out(before in r"[a-z0-9 @.:=?&+({\[\]}),;_%é\n-]{0,12}", value in "[a-zA-Z0-9]{6,20}", after in SOUP, shape in 0..4_usize) {
        let line = match shape {
            0 => format!("{before} password={value} {after}"),
            1 => format!("{before} \"clientSecret\":\"{value}\",{after}"),
            2 => format!("{before}\nX-Api-Key: {value}\n{after}"),
            _ => format!("{before} https://a.example/b?c={value} {after}"),
        };
        let hidden = format!("{}{}", mask(&before), mask(&after));
        prop_assume!(!hidden.contains(&value));
        prop_assert!(!mask(&line).contains(&value), "{}", line);
    }

    #[test]
    fn no_text_makes_the_mask_stumble(text in r#"([^a-z]|\\.|é|€|.@.|eyJ|J|k|\+1|\(11\)|"code":"|=|\?.=|%40|%2B1){0,30}"#) {
        mask(&text);
        mask_path_and_query(&text);
        is_sensitive_name(&text);
    }
}
