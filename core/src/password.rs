//! What a password must be (NIST SP 800-63B-4 section 3.1.1, OWASP ASVS 6.2).
//!
//! Long enough, not known, not guessable from the person: and nothing else. No rule asks for digits
//! or symbols, none for change by the calendar. Length counts code points, after NFKC, so that one
//! password typed on two keyboards is one password. Nothing is ever cut off.

use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

use crate::secret::{ExposeSecret, SecretString};

/// Least length with a second factor, and the least that can be configured.
pub const SECOND_FACTOR_MIN: usize = 8;
/// Greatest length; NIST asks for at least 64 to be accepted.
pub const PASSWORD_MAX: usize = 256;
/// Code points that are looked at for guessing: what is strong in them is strong, and the estimate
/// takes time that grows faster than the length.
const ESTIMATED_MAX: usize = 64;
/// The most that is shown for a password that would be refused.
const REFUSED_SCORE_MAX: u8 = 2;
/// Shortest word about the person that counts: shorter ones stand in any password.
const CONTEXT_WORD_MIN: usize = 3;

/// How long a password must be in one situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    min: usize,
}

/// A password in the form that is hashed and compared: NFKC, at most [`PASSWORD_MAX`] code points.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

/// What the person can do better: a sentence for the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Below the least length.
    #[error("Use at least {min} characters. A few unrelated words are easy to remember.")]
    TooShort {
        /// The least length, in code points.
        min: usize,
    },
    /// Above the greatest.
    #[error("Use at most 256 characters.")]
    TooLong,
    /// Tabs, line ends and the like, which a form may or may not send.
    #[error("Leave out tabs, line breaks and other characters that cannot be seen.")]
    Invisible,
    /// Known to everyone who tries passwords.
    #[error("This password is among the first that attackers try. Choose another.")]
    Common,
    /// Made of the person's own name, address or workspace.
    #[error("Leave out your name, your e-mail address and the name of your workspace.")]
    Personal,
    /// A pattern that is guessed quickly: rows of keys, repeats, dates, single words.
    #[error("This password follows a pattern that is quickly guessed. Use a few unrelated words.")]
    Guessable,
}

impl PasswordPolicy {
    /// A configured least length, kept within what the standard allows: 8 to 64.
    pub fn with_min(min: usize) -> Self {
        Self { min: min.clamp(SECOND_FACTOR_MIN, 64) }
    }

    /// The least length, in code points.
    pub const fn min(&self) -> usize {
        self.min
    }

    /// What can be said of a password while it is typed: the score of zxcvbn, 0 to 4, and what
    /// [`PasswordPolicy::accept`] would say. A refused one never looks strong.
    pub fn estimate(&self, password: &str, context: &[&str]) -> (u8, Result<(), PasswordFault>) {
        let start: String = password.nfkc().take(ESTIMATED_MAX).collect();
        let words = words_of(context);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let score = u8::from(zxcvbn(&start, &words).score());
        let verdict = self.accept(password, context).map(drop);
        (if verdict.is_err() { score.min(REFUSED_SCORE_MAX) } else { score }, verdict)
    }

    /// Takes a new password. `context` is what is known of the person: e-mail address, name, workspace.
    ///
    /// # Errors
    /// [`PasswordFault`], the first that applies.
    pub fn accept(&self, password: &str, context: &[&str]) -> Result<Password, PasswordFault> {
        let accepted = Password::present(password)?;
        let text = accepted.expose();
        if text.chars().count() < self.min {
            return Err(PasswordFault::TooShort { min: self.min });
        }
        check_guesses(text, &words_of(context))?;
        Ok(accepted)
    }
}

impl Password {
    /// A password as presented at sign-in: brought into form, not judged.
    ///
    /// # Errors
    /// [`PasswordFault::TooLong`] or [`PasswordFault::Invisible`]: no such password was ever accepted.
    pub fn present(password: &str) -> Result<Self, PasswordFault> {
        if password.chars().take(PASSWORD_MAX + 1).count() > PASSWORD_MAX {
            return Err(PasswordFault::TooLong);
        }
        if password.chars().any(char::is_control) {
            return Err(PasswordFault::Invisible);
        }
        let text: SecretString = password.nfkc().collect::<String>().into();
        let fits = text.expose_secret().chars().count() <= PASSWORD_MAX;
        fits.then_some(Self(text)).ok_or(PasswordFault::TooLong)
    }

    /// The text, for the hash and nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn check_guesses(text: &str, context: &[String]) -> Result<(), PasswordFault> {
    let lower = text.to_lowercase();
    let bare: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    if LONG_AND_COMMON.contains(&bare.as_str()) {
        return Err(PasswordFault::Common);
    }
    let start: String = text.chars().take(ESTIMATED_MAX).collect();
    if zxcvbn(&start, &[]).score() < Score::Three {
        return Err(if is_common(&start) { PasswordFault::Common } else { PasswordFault::Guessable });
    }
    let context: Vec<&str> = context.iter().map(String::as_str).collect();
    if zxcvbn(&start, &context).score() < Score::Three || is_mostly(&bare, &context) {
        return Err(PasswordFault::Personal);
    }
    Ok(())
}

/// Fewer guesses than there are entries in a list of common passwords.
fn is_common(text: &str) -> bool {
    zxcvbn(text, &[]).score() <= Score::One
}

/// Without the person's own words too little is left.
fn is_mostly(bare: &str, context: &[&str]) -> bool {
    let rest = context.iter().fold(bare.to_owned(), |rest, word| rest.replace(word, ""));
    rest.len() < bare.len() && rest.chars().count() < SECOND_FACTOR_MIN
}

/// Words of the context, whole and in parts: `ada@acme.example` gives itself, `ada`, `acme`, `example`.
fn words_of(context: &[&str]) -> Vec<String> {
    let wholes = context.iter().map(|text| text.to_lowercase());
    let parts = wholes.clone().flat_map(|text| {
        let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
        words
    });
    let mut words: Vec<_> = wholes.chain(parts).filter(|word| word.chars().count() >= CONTEXT_WORD_MIN).collect();
    words.push("tenantry".to_owned());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// Long passwords that an estimate takes for strong and that everyone has heard of, bare of all but
/// letters and digits.
const LONG_AND_COMMON: &[&str] = &[
    "allyourbasearebelongtous",
    "changemechangeme",
    "changethispassword",
    "correcthorsebattery",
    "correcthorsebatterystaple",
    "donttellanyone",
    "foreverandalways",
    "givemeabreak123",
    "helloworldhelloworld",
    "ihatepasswords",
    "iloveyouforever",
    "iloveyousomuch",
    "iloveyouverymuch",
    "jesuslovesyou",
    "keepcalmandcarryon",
    "letmeinletmein",
    "letmeinplease",
    "maytheforcebewithyou",
    "mypasswordispassword",
    "mysecretpassword",
    "nevergonnagiveyouup",
    "ohmygodohmygod",
    "onceuponatime",
    "onetwothreefourfive",
    "openthedoorplease",
    "passwordpassword",
    "passwordpassword1",
    "pleaseletmein",
    "pleaseletmeinnow",
    "qwertyuiopasdfghjklzxcvbnm",
    "supercalifragilisticexpialidocious",
    "sunshineandrainbows",
    "thequickbrownfox",
    "thequickbrownfoxjumpsoverthelazydog",
    "thisismypassword",
    "thisismypassword1",
    "thisisnotapassword",
    "tobeornottobe",
    "tobeornottobethatisthequestion",
    "tomorrowisanotherday",
    "twinkletwinklelittlestar",
    "welcometothejungle",
    "whatismypassword",
    "youshallnotpass",
];
