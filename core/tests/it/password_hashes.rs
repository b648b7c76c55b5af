//! Hashes that other products wrote (ID-2).

use proptest::prelude::*;
use tenantry_core::password_hash::{Argon2Variant, NotAHash, PasswordHash, Prf, Recipe};

/// As bcrypt, argon2-cffi, passlib 1.7, Django 5 and Werkzeug 3 wrote them, with what is stored of each.
const WRITTEN: &[(&str, &str)] = &[
    (
        "$2a$10$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm",
        "$2b$10$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm",
    ),
    (
        "bcrypt$$2b$08$iTtGpxmxBzbLiHj5udO5OebkZAKz2H4hO6tmDpTDDoRJLfhpfjP8.",
        "$2b$08$iTtGpxmxBzbLiHj5udO5OebkZAKz2H4hO6tmDpTDDoRJLfhpfjP8.",
    ),
    (
        "$argon2i$v=19$m=1024,t=1,p=1$1Kcoc8Ncdj+ando3EiFM/Q$Z4qInWN4IHZkqMrR+f/O8hS8BA6lmsYq6xSZc/bpqJA",
        "$argon2i$v=19$m=1024,t=1,p=1$1Kcoc8Ncdj+ando3EiFM/Q$Z4qInWN4IHZkqMrR+f/O8hS8BA6lmsYq6xSZc/bpqJA",
    ),
    (
        "argon2$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHRzYWx0$QI186esDPVRcJJEPovJuv1tuLXr5uQ3S+cEGb6ZBG34",
        "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHRzYWx0$QI186esDPVRcJJEPovJuv1tuLXr5uQ3S+cEGb6ZBG34",
    ),
    (
        "$pbkdf2-sha256$29000$kNL6X4vRWksJ4fzf.z/H.A$p6V24I/fqHJ8AHb2MWlUYX09HPGjPchbC3wZ21rJhFA",
        "$pbkdf2-sha256$i=29000,l=32$kNL6X4vRWksJ4fzf+z/H+A$p6V24I/fqHJ8AHb2MWlUYX09HPGjPchbC3wZ21rJhFA",
    ),
    (
        "$pbkdf2$131000$LcWYM4bwHuMcg5Dy/t.bkw$9aLo8gUxjyb0rJmLfcdjYHeezTQ",
        "$pbkdf2-sha1$i=131000,l=20$LcWYM4bwHuMcg5Dy/t+bkw$9aLo8gUxjyb0rJmLfcdjYHeezTQ",
    ),
    (
        "pbkdf2_sha256$870000$saltsaltsalt$vJV2ESZqBQr6xHc0Ey1T3KJQf1l17jjqo++AgRVfDTU=",
        "$pbkdf2-sha256$i=870000,l=32$c2FsdHNhbHRzYWx0$vJV2ESZqBQr6xHc0Ey1T3KJQf1l17jjqo++AgRVfDTU",
    ),
    (
        "pbkdf2:sha256:600000$gUBd1mcgKz2O7azg$6344a7aef54a7b5c7dd62ae9da2d298c0edd78c681dc00f7a4f72a279ba7be88",
        "$pbkdf2-sha256$i=600000,l=32$Z1VCZDFtY2dLejJPN2F6Zw$Y0SnrvVKe1x91irp2i0pjA7deMaB3AD3pPcqJ5unvog",
    ),
    (
        "scrypt$16384$saltsaltsalt$8$5$jHZAEIj1BCMXtS5cEFoZdG/+EsHt9bfJ9KUaOuXXi9yw57QseSCjX7aU7G0y+QKsny9YIqtDF9CpM+qDLpvC8A==",
        "$scrypt$ln=14,r=8,p=5$c2FsdHNhbHRzYWx0$jHZAEIj1BCMXtS5cEFoZdG/+EsHt9bfJ9KUaOuXXi9yw57QseSCjX7aU7G0y+QKsny9YIqtDF9CpM+qDLpvC8A",
    ),
];

#[test]
fn each_spelling_is_stored_in_one() {
    for (written, stored) in WRITTEN {
        let hash = PasswordHash::import(written).unwrap_or_else(|why| panic!("{written}: {why}"));
        assert_eq!(hash.as_str(), *stored);
        let again = PasswordHash::stored(hash.as_str()).expect("the one spelling is read");
        assert_eq!((again.recipe(), again.salt(), again.tag()), (hash.recipe(), hash.salt(), hash.tag()));
        assert_eq!(again.as_str(), hash.as_str());
    }
}

#[test]
fn a_recipe_is_what_the_text_says() {
    let recipe = |text| PasswordHash::import(text).expect("a hash").recipe();
    assert_eq!(recipe(WRITTEN[0].0), Recipe::Bcrypt { cost: 10 });
    let argon2i = Recipe::Argon2 { variant: Argon2Variant::I, memory_kib: 1_024, passes: 1, lanes: 1 };
    assert_eq!(recipe(WRITTEN[2].0), argon2i);
    assert_eq!(recipe(WRITTEN[5].0), Recipe::Pbkdf2 { prf: Prf::Sha1, iterations: 131_000 });
    assert_eq!(recipe(WRITTEN[8].0), Recipe::Scrypt { log_n: 14, r: 8, p: 5 });
}

#[test]
fn what_a_sign_in_cannot_bear_is_refused() {
    let costly = |text: &str| matches!(PasswordHash::import(text), Err(NotAHash::TooCostly { .. }));
    assert!(costly("$2b$31$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm"));
    assert!(costly("$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$QI186esDPVRcJJEPovJuv1tuLXr5uQ3S+cEGb6ZBG34"));
    assert!(costly(
        "$argon2id$v=19$m=1024,t=4294967295,p=1$c2FsdHNhbHRzYWx0$QI186esDPVRcJJEPovJuv1tuLXr5uQ3S+cEGb6ZBG34"
    ));
    assert!(costly("scrypt:1048576:8:1$c2FsdHNhbHRzYWx0$6344a7aef54a7b5c7dd62ae9da2d298c"));
    assert!(costly("scrypt:16384:4294967295:4294967295$c2FsdHNhbHRzYWx0$6344a7aef54a7b5c7dd62ae9da2d298c"));
    assert!(costly("pbkdf2_sha256$4294967295$salt$vJV2ESZqBQr6xHc0Ey1T3KJQf1l17jjqo++AgRVfDTU="));
}

#[test]
fn what_protects_nobody_is_refused() {
    let refusal = |text| PasswordHash::import(text).expect_err("no hash to import");
    assert_eq!(refusal("5f4dcc3b5aa765d61d8327deb882cf99"), NotAHash::Digest);
    assert_eq!(refusal("sha1$salt$2fb5e13419fc89246865e7a324f476ec624e8740"), NotAHash::Digest);
    assert!(matches!(
        refusal("pbkdf2_sha256$1$salt$vJV2ESZqBQr6xHc0Ey1T3KJQf1l17jjqo++AgRVfDTU="),
        NotAHash::TooCheap { .. }
    ));
    assert!(matches!(
        refusal("$2b$04$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm"),
        NotAHash::TooCheap { .. }
    ));
    assert_eq!(
        refusal("bcrypt_sha256$$2b$08$iTtGpxmxBzbLiHj5udO5OebkZAKz2H4hO6tmDpTDDoRJLfhpfjP8."),
        NotAHash::Prehashed("bcrypt_sha256")
    );
    assert!(matches!(refusal("$2x$10$L9OdCeLrl9h.jmIORslx9ulOo4MC53v6AE1rcZ73wBWJJA80tHfjm"), NotAHash::Damaged(_)));
    assert_eq!(refusal("plum orbit kettle seven"), NotAHash::Unknown);
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader_and_what_passes_reads_again(text in "\\PC{0,80}|[$a-z0-9=,.+/]{0,120}") {
        if let Ok(hash) = PasswordHash::import(&text) {
            let again = PasswordHash::import(hash.as_str()).expect("one spelling");
            prop_assert_eq!(again.as_str(), hash.as_str());
        }
    }

    #[test]
    fn a_damaged_hash_is_refused_or_is_another(at in 0_usize..60, byte in 0_u8..128) {
        for (written, _) in WRITTEN {
            let mut text = written.as_bytes().to_vec();
            text[at] = byte;
            let Ok(text) = String::from_utf8(text) else { continue };
            if let Ok(hash) = PasswordHash::import(&text) {
                prop_assert!(PasswordHash::stored(hash.as_str()).is_ok());
            }
        }
    }
}
