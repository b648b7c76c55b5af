//! Passwords and addresses of people (ID-1).

use tenantry_core::email::EmailAddress;
use tenantry_core::password::{Password, PasswordFault, PasswordPolicy};

fn judge(min: usize, password: &str) -> Result<(), PasswordFault> {
    PasswordPolicy::with_min(min)
        .accept(password, &["ada.lovelace@acme.example", "Ada Lovelace", "Acme Corp"])
        .map(drop)
}

#[test]
fn length_counts_characters_and_nothing_is_demanded_of_them() {
    assert_eq!(judge(15, "vexing otter kiln"), Ok(()));
    assert_eq!(judge(15, "vexing otter"), Err(PasswordFault::TooShort { min: 15 }));
    assert_eq!(judge(3, "xq7?vk"), Err(PasswordFault::TooShort { min: 8 }), "no setting goes below 8");
    assert_eq!(judge(8, "纸鸢飞过旧城墙去远方"), Ok(()));
    let long: String = ('a'..='z').chain('A'..='Z').cycle().take(256).collect();
    assert_eq!(judge(15, &format!("vexing otter kiln {}", &long[..200])), Ok(()));
    assert_eq!(judge(15, &format!("{long}!")), Err(PasswordFault::TooLong));
}

#[test]
fn what_everybody_tries_is_refused_at_any_length() {
    for password in [
        "password",
        "PassWord1",
        "123456789012345",
        "passwordpassword",
        "aaaaaaaaaaaaaaaaaaaa",
        "qwertyuiopasdfgh",
        "Correct Horse Battery Staple",
        "p@ssw0rdp@ssw0rd",
    ] {
        assert!(judge(8, password).is_err(), "{password}");
    }
}

#[test]
fn the_persons_own_words_do_not_count() {
    for password in ["ada.lovelace@acme.example", "AdaLovelace1815", "acmecorpacmecorp", "lovelaceacme123"] {
        assert!(judge(8, password).is_err(), "{password}");
    }
    assert_eq!(judge(8, "Ada keeps seven green umbrellas"), Ok(()), "a long password may contain a name");
}

#[test]
fn two_keyboards_give_one_password() {
    let present = |text: &str| Password::present(text).map(|password| password.expose().to_owned());
    assert_eq!(present("cafe\u{301} ﬁn"), present("café fin"));
    assert_eq!(present("a\tb"), Err(PasswordFault::Invisible));
    assert_eq!(present(&"ﷺ".repeat(100)), Err(PasswordFault::TooLong), "what expands beyond the limit");
    assert_eq!(format!("{:?}", Password::present("hunter2")), "Ok(Password(SecretBox<str>([REDACTED])))");
}

#[test]
fn an_address_is_found_in_any_case_and_sends_as_written() {
    let address = EmailAddress::parse(" Ada.L+x@Bücher.Example ").expect("an address");
    assert_eq!(
        (address.as_str(), address.lookup()),
        ("Ada.L+x@xn--bcher-kva.example", "ada.l+x@xn--bcher-kva.example")
    );
    assert_eq!(format!("{address:?}"), "EmailAddress(…)");
    assert!(EmailAddress::parse("dev@localhost").is_ok());
}

#[test]
fn no_address_adds_a_header_or_a_recipient() {
    let long = format!("{}@example.com", "a".repeat(65));
    for text in [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com,b@example.com",
        "\"a b\"@example.com",
        "a@b@example.com",
        "<a@example.com>",
        "a@example.com\u{0}",
        "@example.com",
        "a@",
        "a@example",
        "a@127.0.0.1",
        "a@[127.0.0.1]",
        "a..b@example.com",
        ".a@example.com",
        "a@-example.com",
        "a@exam_ple.com",
        "a@example.com.",
        "a b@example.com",
        "é@example.com",
        "",
        &long,
    ] {
        assert!(EmailAddress::parse(text).is_err(), "{text}");
    }
}
