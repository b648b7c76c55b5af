//! New accounts and forgotten passwords: tried with people who exist for one check alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use sha2::{Digest as _, Sha256};
use tenantry_core::clock::Timestamp;
use tenantry_core::email::EmailAddress;
use tenantry_core::secret::ExposeSecret as _;
use tenantry_platform::record::hex;
use uuid::Uuid;

use crate::posture::browser::Browser;
use crate::posture::control::Verdict;
use crate::posture::person::{Person, Standing, Who, address, later, link_to, password};
use crate::posture::probe::{Inconclusive, Login, Probe};
use crate::posture::sites::Answer;

/// Pairs of sign-ins, each with a wrong password, that are timed: known and unknown address by turns.
const PAIRS: usize = 3;
/// Times that such a difference is measured before it is believed: a busy machine makes one by chance.
const MEASURED: usize = 2;
/// The quickest of some answers takes the same time but for noise: so many times as long is another amount of work.
const TIMES_MOST: u32 = 3;
/// A difference that is smaller tells nobody anything over a network.
const DIFFERENCE_LEAST: Duration = Duration::from_millis(5);

const PEEK: &str = "select person_id, data from doors.peek_link($1, $2, $3)";
const WHO_HAS: &str = "select person_id from doors.person_by_email($1)";

/// Signs up, tries to sign in, and opens another account by its link.
pub(super) async fn new_accounts(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    probe.hourly("new-accounts", new_account(&probe)).await
}

async fn new_account(probe: &Probe) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(probe, Who::NewAccount, Standing::Pending).await?;
    let found = async {
        if let Err(what) = open_by_link(probe, &person).await? {
            return Ok(Verdict::fail(what));
        }
        Ok(match sign_up(probe).await? {
            Ok(signed_up) => Verdict::pass(format!(
                "an account that proved no address was refused, let in by its mailed link, which worked once and ends; {signed_up}"
            )),
            Err(what) => Verdict::fail(what),
        })
    };
    let found = found.await;
    person.remove(probe).await?;
    found
}

type Tried<T> = Result<Result<T, String>, Inconclusive>;

/// An account that was brought in with an unproven address.
async fn open_by_link(probe: &Probe, person: &Person) -> Tried<()> {
    let mut browser = Browser::new(probe)?;
    if browser.sign_in(person, &person.password).await? {
        return Ok(Err("an account whose address nobody proved signs in".to_owned()));
    }
    let token = ask_reset(probe, &mut browser, person).await?;
    let wanted = password(&probe.ground.entropy);
    if let Err(what) = use_once(&mut browser, &token, wanted.expose_secret()).await? {
        return Ok(Err(what));
    }
    if !browser.sign_in(person, &wanted).await? {
        return Err(Inconclusive(
            "an account that used its link cannot sign in, so a refusal shows nothing".to_owned(),
        ));
    }
    Ok(Ok(()))
}

/// Signing up leaves nobody who could sign in, and a link that ends.
async fn sign_up(probe: &Probe) -> Tried<&'static str> {
    let (entropy, mut browser) = (&probe.ground.entropy, Browser::new(probe)?);
    let (email, secret, slug) = (address(entropy)?, password(entropy), hex(&entropy.bytes::<8>()));
    let slug = format!("canary-{slug}");
    let form = [
        ("name", "Posture canary"),
        ("email", email.as_str()),
        ("password", secret.expose_secret()),
        ("workspace", "Posture canary"),
        ("slug", slug.as_str()),
    ];
    let answer = browser.post("/-/sign-up", &form).await?;
    if !probe.config.sign_up.is_open {
        let is_closed = answer.status == StatusCode::FORBIDDEN;
        return Ok(if is_closed {
            Ok("signing up is closed, and refused")
        } else {
            Err("a closed sign-up answers".to_owned())
        });
    }
    let Some(token) = link_to(probe, &email).await? else {
        return Err(Inconclusive("signing up mailed no link to the canary".to_owned()));
    };
    if browser.sign_in_as(email.as_str(), &secret).await?.status.is_redirection() {
        return Ok(Err("whoever signed up signs in before the link was opened".to_owned()));
    }
    let control = probe.connect(Login::Control).await?;
    if !control.query(WHO_HAS, &[&email.lookup()]).await?.is_empty() {
        return Ok(Err("whoever signed up is a person before the link was opened".to_owned()));
    }
    let end = later(probe.ground.now(), probe.config.sign_up.link_lifetime);
    Ok(ends(probe, "verify", &token, end).await?.map(|()| "whoever signed up was nobody, and their link ends"))
}

/// Asks for another password and reads the letter.
async fn ask_reset(probe: &Probe, browser: &mut Browser, person: &Person) -> Result<String, Inconclusive> {
    browser.post("/-/forgot-password", &[("email", person.email.as_str())]).await?;
    let token = person.link(probe).await?;
    token.ok_or_else(|| Inconclusive("a forgotten password mailed no link to the canary".to_owned()))
}

/// Sets a password by a link, twice.
async fn use_once(browser: &mut Browser, token: &str, wanted: &str) -> Tried<()> {
    let form = [("token", token), ("password", wanted)];
    let first = browser.post("/-/reset-password", &form).await?;
    if first.status != StatusCode::OK {
        return Err(Inconclusive(format!(
            "a mailed link answers {}, so nothing can be tried by it",
            first.status.as_u16()
        )));
    }
    let again = browser.post("/-/reset-password", &form).await?;
    Ok(if is_gone(&again) { Ok(()) } else { Err(format!("a used link answers {}", again.status.as_u16())) })
}

fn is_gone(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// Whether a link is there now under the digest of its token alone, and not after its end.
async fn ends(probe: &Probe, kind: &str, token: &str, end: Timestamp) -> Tried<()> {
    Ok(match (peek(probe, kind, token, probe.ground.now()).await?, peek(probe, kind, token, end).await?) {
        (None, _) => Err("the database does not know a mailed link by the digest of its token".to_owned()),
        (Some(_), Some(_)) => Err("a mailed link does not end".to_owned()),
        (Some((_, data)), None) if holds(&data, token) => Err("a stored link holds its token".to_owned()),
        (Some(_), None) => Ok(()),
    })
}

/// Whom a link is for, and what waits behind it, as it is stored.
async fn peek(probe: &Probe, kind: &str, token: &str, at: Timestamp) -> Result<Option<(Uuid, Vec<u8>)>, Inconclusive> {
    let digest: [u8; 32] = Sha256::digest(token).into();
    let control = probe.connect(Login::Control).await?;
    let row = control.query_opt(PEEK, &[&digest.as_slice(), &kind, &at]).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

fn holds(data: &[u8], token: &str) -> bool {
    data.windows(token.len()).any(|window| window == token.as_bytes())
}

/// Asks with an address that has an account and with one that has none, and follows the link of the first.
pub(super) async fn same_answers(probe: Arc<Probe>) -> Result<Verdict, Inconclusive> {
    let person = Person::plant(&probe, Who::Known, Standing::Active).await?;
    let found = compare_both(&probe, &person).await;
    person.remove(&probe).await?;
    Ok(match found? {
        Ok(evidence) => Verdict::pass(evidence),
        Err(what) => Verdict::fail(what),
    })
}

async fn compare_both(probe: &Probe, person: &Person) -> Tried<String> {
    let (unknown, mut browser) = (address(&probe.ground.entropy)?, Browser::new(probe)?);
    let forgot = |email: &EmailAddress| [("email".to_owned(), email.as_str().to_owned())];
    let (known, nobody) = (forgot(&person.email), forgot(&unknown));
    let asked = [
        browser.post("/-/forgot-password", &[(&known[0].0, &known[0].1)]).await?,
        browser.post("/-/forgot-password", &[(&nobody[0].0, &nobody[0].1)]).await?,
    ];
    if !is_alike(&asked[0], &person.email, &asked[1], &unknown) {
        return Ok(Err("a forgotten password is answered otherwise where nobody has the address".to_owned()));
    }
    let Some(token) = person.link(probe).await? else {
        return Err(Inconclusive("a forgotten password mailed no link to the canary".to_owned()));
    };
    if link_to(probe, &unknown).await?.is_some() {
        return Ok(Err("a link was mailed to an address that has no account".to_owned()));
    }
    if let Err(what) = judge_link(probe, &mut browser, person, &token).await? {
        return Ok(Err(what));
    }
    Ok(sign_in_alike(probe, &person.email, &unknown).await?.map(|(known, unknown)| {
        format!(
            "2 forms and {} sign-ins were answered alike for a known and an unknown address, in {known} and {unknown} ms; the link is stored as a digest, worked once, and ends",
            2 * PAIRS
        )
    }))
}

/// The link is a digest where it lies, is no token itself, and works once.
async fn judge_link(probe: &Probe, browser: &mut Browser, person: &Person, token: &str) -> Tried<()> {
    let end = later(probe.ground.now(), probe.config.accounts.reset_link);
    if let Err(what) = ends(probe, "reset", token, end).await? {
        return Ok(Err(what));
    }
    if peek(probe, "reset", token, probe.ground.now()).await?.is_none_or(|(whom, _)| whom != person.id) {
        return Ok(Err("a mailed link is somebody else's".to_owned()));
    }
    let digest: [u8; 32] = Sha256::digest(token).into();
    for stored in [hex(&digest), URL_SAFE_NO_PAD.encode(digest)] {
        if !is_gone(&browser.get(&format!("/-/reset-password?token={stored}")).await?) {
            return Ok(Err("what the database has of a link opens it".to_owned()));
        }
    }
    use_once(browser, token, password(&probe.ground.entropy).expose_secret()).await
}

/// Wrong passwords for both addresses: the same answer, and the quickest of each takes the same time. In milliseconds.
async fn sign_in_alike(probe: &Probe, known: &EmailAddress, unknown: &EmailAddress) -> Tried<(u128, u128)> {
    let mut quickest = (Duration::ZERO, Duration::ZERO);
    for _ in 0..MEASURED {
        let mut browser = Browser::new(probe)?;
        quickest = (Duration::MAX, Duration::MAX);
        for _ in 0..PAIRS {
            let (one, took) = refused(probe, &mut browser, known).await?;
            let (other, took_other) = refused(probe, &mut browser, unknown).await?;
            if !is_alike(&one, known, &other, unknown) {
                return Ok(Err("a wrong password is answered otherwise where nobody has the address".to_owned()));
            }
            quickest = (quickest.0.min(took), quickest.1.min(took_other));
        }
        if is_same_work(quickest.0, quickest.1) {
            return Ok(Ok((quickest.0.as_millis(), quickest.1.as_millis())));
        }
    }
    let (known, unknown) = (quickest.0.as_millis(), quickest.1.as_millis());
    Ok(Err(format!("a wrong password takes {known} ms for a known address and {unknown} ms for an unknown one")))
}

async fn refused(
    probe: &Probe,
    browser: &mut Browser,
    email: &EmailAddress,
) -> Result<(Answer, Duration), Inconclusive> {
    let wrong = password(&probe.ground.entropy);
    let begun = Instant::now();
    let answer = browser.sign_in_as(email.as_str(), &wrong).await?;
    Ok((answer, begun.elapsed()))
}

fn is_same_work(one: Duration, other: Duration) -> bool {
    one.abs_diff(other) < DIFFERENCE_LEAST || one.max(other) <= one.min(other) * TIMES_MOST
}

/// The same but for the address, and for what is another one in every answer.
fn is_alike(one: &Answer, of: &EmailAddress, other: &Answer, of_other: &EmailAddress) -> bool {
    let names = |answer: &Answer| answer.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
    one.status == other.status && names(one) == names(other) && plain(one, of) == plain(other, of_other)
}

fn plain(answer: &Answer, email: &EmailAddress) -> String {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next());
    let own = [Some(email.as_str()), nonce, answer.header("x-request-id")];
    own.into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .fold(answer.text().into_owned(), |text, own| text.replace(own, ""))
}
