//! Stories of new people (ID-3, ID-4).

use http::StatusCode;
use tenantry_core::email::EmailAddress;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::slug::skeleton;
use tenantry_identity::sessions::Known;
use tenantry_identity::tenants::Reason;
use tenantry_identity::users;
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Acting, Actor, Origin};
use tenantry_platform::problem::Problem;

use crate::house::{Answer, Browser, CENTRAL, House, PASSWORD, Sent, fields};

const OTHER_PASSWORD: &str = "seven kettles orbit a plum";

async fn sign_up(browser: &mut Browser<'_>, fields: &[(&str, String)]) -> Answer {
    browser.post(&format!("{CENTRAL}/-/sign-up"), fields).await
}

fn link_in(mail: &Sent) -> String {
    let start = mail.text.find(&format!("{CENTRAL}/-/verify?token=")).expect("a link");
    mail.text[start..].split_whitespace().next().expect("a link").to_owned()
}

fn token_in(link: &str) -> [(&'static str, String); 1] {
    [("token", link.split_once("token=").expect("a token").1.to_owned())]
}

async fn confirm(browser: &mut Browser<'_>, link: &str) -> Answer {
    browser.post(&format!("{CENTRAL}/-/verify"), &token_in(link)).await
}

async fn only_link(house: &House) -> String {
    let mails = house.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    link_in(&mails[0])
}

async fn count(house: &House, table: &str) -> i64 {
    let sql = format!("select count(*) from control.{table}");
    house.db.administrator().await.query_one(sql.as_str(), &[]).await.expect("a row").get(0)
}

#[tokio::test]
async fn whoever_signs_up_and_confirms_has_a_workspace_and_is_signed_in() {
    let house = House::new().await;
    let mut browser = house.browser();
    let answer = sign_up(&mut browser, &fields("acme")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("ada@acme.example") && !browser.is_signed_in(CENTRAL).await);
    let link = only_link(&house).await;
    let page = browser.get(&link).await;
    assert!(
        page.status == StatusCode::OK && !page.body.contains("type=\"password\""),
        "the same browser chooses no password again"
    );
    let confirmed = confirm(&mut browser, &link).await;
    assert_eq!(confirmed.location(), "/-/console/acme");
    assert!(browser.is_signed_in(CENTRAL).await);
    let actions = house.actions().await;
    for action in ["tenant.created", "member.joined", "person.verified", "session.created"] {
        assert_eq!(actions.get(action), Some(&1), "{actions:?}");
    }
    assert_eq!(house.browser().sign_in("ADA@acme.example", PASSWORD).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn looking_at_a_link_changes_nothing() {
    let house = House::new().await;
    let mut browser = house.browser();
    sign_up(&mut browser, &fields("acme")).await;
    let link = only_link(&house).await;
    for _ in 0..3 {
        assert_eq!(house.browser().get(&link).await.status, StatusCode::OK);
    }
    assert_eq!(count(&house, "persons").await, 0, "nobody is anybody before they confirm");
    assert_eq!(confirm(&mut browser, &link).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn a_stranger_writes_nothing_into_the_mail_that_goes_out_in_our_name() {
    let house = House::new().await;
    let mut form = fields("acme");
    form[0].1 = "Call evil.example".to_owned();
    form[3].1 = "a prize: https://evil.example".to_owned();
    assert_eq!(sign_up(&mut house.browser(), &form).await.status, StatusCode::OK);
    let mail = house.mails().await.remove(0);
    assert!(mail.text.contains("acme.") && ![mail.subject, mail.text].concat().contains("evil"));
}

#[tokio::test]
async fn a_link_works_once_also_when_two_confirm_at_the_same_time() {
    let house = House::new().await;
    let mut browser = house.browser();
    sign_up(&mut browser, &fields("acme")).await;
    let link = only_link(&house).await;
    let (mut left, mut right) = (browser.clone(), browser.clone());
    let (left, right) = tokio::join!(confirm(&mut left, &link), confirm(&mut right, &link));
    let mut statuses = [left.status, right.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::NOT_FOUND]);
    assert_eq!(confirm(&mut browser, &link).await.code(), "link_gone");
    assert_eq!(count(&house, "persons").await, 1);
}

#[tokio::test]
async fn a_link_ends_and_its_slug_is_free_again() {
    let house = House::new().await;
    let mut browser = house.browser();
    sign_up(&mut browser, &fields("acme")).await;
    let link = only_link(&house).await;
    house.advance(24 * 3_600 + 1);
    assert_eq!(browser.get(&link).await.code(), "link_gone");
    assert_eq!(confirm(&mut browser, &link).await.code(), "link_gone");
    let mut late = fields("acme");
    late[1].1 = "grace@works.example".to_owned();
    assert_eq!(sign_up(&mut house.browser(), &late).await.status, StatusCode::OK);
}

#[tokio::test]
async fn in_another_browser_only_a_new_password_opens_the_account() {
    let house = House::new().await;
    let (mut stranger, mut owner) = (house.browser(), house.browser());
    sign_up(&mut stranger, &fields("acme")).await;
    let link = only_link(&house).await;
    assert!(owner.get(&link).await.body.contains("type=\"password\""));
    let refused = confirm(&mut owner, &link).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "without a password nothing is confirmed");
    let [token] = token_in(&link);
    let confirmed = owner.post(&format!("{CENTRAL}/-/verify"), &[token, ("password", OTHER_PASSWORD.to_owned())]).await;
    assert_eq!(confirmed.location(), "/-/console/acme");
    assert_eq!(stranger.sign_in("ada@acme.example", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.browser().sign_in("ada@acme.example", OTHER_PASSWORD).await.location(), "/-/console/acme");
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_for_the_same_work() {
    let house = House::new().await;
    house.account("acme").await;
    let (mut unknown, mut known) = (fields("first"), fields("second"));
    unknown[1].1 = "eve@acme.example".to_owned();
    known[1].1 = "Ada@ACME.example".to_owned();
    let mut seen = Vec::new();
    for form in [unknown, known] {
        let before = house.work();
        let answer = sign_up(&mut house.browser(), &form).await;
        let after = house.work();
        let body = answer.body.replace(&form[1].1.replace("ACME", "acme"), "(address)");
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        seen.push((answer.status, body, names, after.0 - before.0, after.1 - before.1));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].4, 1, "one hash");
    let mails = house.mails().await;
    assert_eq!(mails.len(), 2);
    let to_owner = mails.iter().find(|mail| mail.to == "Ada@acme.example").expect("the owner hears of it");
    assert!(!to_owner.text.contains("token="), "the owner's mail opens nothing");
    assert_ne!(mails[0].subject, mails[1].subject);
}

#[tokio::test]
async fn a_slug_is_held_for_whoever_asked_first_and_renewed_for_them_alone() {
    let house = House::new().await;
    let (mut first, mut second) = (house.browser(), house.browser());
    sign_up(&mut first, &fields("acme")).await;
    let taken = sign_up(&mut second, &fields("acme")).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        taken.body.contains("taken")
            && taken.body.contains("value=\"ada@acme.example\"")
            && !taken.body.contains(PASSWORD)
    );
    assert_eq!(sign_up(&mut first, &fields("acme")).await.status, StatusCode::OK, "no mail came: once more");
    let (mails, mut other_tab) = (house.mails().await, first.clone());
    assert_eq!(confirm(&mut first, &link_in(&mails[0])).await.location(), "/-/console/acme", "either link will do");
    assert_eq!(confirm(&mut other_tab, &link_in(&mails[1])).await.code(), "address_in_use");
}

#[tokio::test]
async fn of_two_addresses_that_one_browser_tried_one_gets_the_workspace() {
    let house = House::new().await;
    let mut browser = house.browser();
    let mut mistyped = fields("acme");
    mistyped[1].1 = "ida@acme.example".to_owned();
    sign_up(&mut browser, &mistyped).await;
    sign_up(&mut browser, &fields("acme")).await;
    let (mails, mut other_tab) = (house.mails().await, browser.clone());
    assert_eq!(confirm(&mut browser, &link_in(&mails[0])).await.location(), "/-/console/acme");
    assert_eq!(confirm(&mut other_tab, &link_in(&mails[1])).await.code(), "slug_taken");
    assert_eq!((count(&house, "persons").await, count(&house, "tenants").await), (1, 1));
}

#[tokio::test]
async fn an_unproven_sign_up_keeps_nobody_from_their_own_address() {
    let house = House::new().await;
    let (mut stranger, mut owner) = (house.browser(), house.browser());
    sign_up(&mut stranger, &fields("acme")).await;
    house.mails().await;
    let mut own = fields("mine");
    own[1].1 = "ada@acme.example".to_owned();
    sign_up(&mut owner, &own).await;
    let link = only_link(&house).await;
    assert_eq!(confirm(&mut owner, &link).await.location(), "/-/console/mine");
}

#[tokio::test]
async fn a_form_says_what_is_wrong_at_each_field_and_never_shows_the_password() {
    let house = House::new().await;
    let bad =
        [("name", " "), ("email", "ada"), ("password", "hunter2hunter2"), ("workspace", "W\u{7}"), ("slug", "api")];
    let answer = house.browser().post(&format!("{CENTRAL}/-/sign-up"), &bad).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in ["name", "email", "password", "workspace", "slug"] {
        assert!(answer.body.contains(&format!("id=\"{field}-error\"")), "{field}");
    }
    assert!(!answer.body.contains("hunter2"));
    assert_eq!(house.work(), (0, 0), "a bad form costs no statement and no hash");
}

#[tokio::test]
async fn where_sign_up_is_closed_nobody_signs_up() {
    let house = House::with("[sign_up]\nopen = false\n").await;
    assert_eq!(house.browser().get(&format!("{CENTRAL}/-/sign-up")).await.code(), "sign_up_closed");
    assert_eq!(sign_up(&mut house.browser(), &fields("acme")).await.code(), "sign_up_closed");
}

/// [AC-11]
#[tokio::test]
async fn a_slug_that_looks_like_anothers_or_like_ours_is_refused_in_the_words_of_a_taken_one() {
    let house = House::new().await;
    house.account("acme-mills").await;
    let mut seen = Vec::new();
    for slug in ["acme-mills", "acrne-mi11s", "acmemills", "acme-mi-lls"] {
        let mut form = fields(slug);
        form[1].1 = "eve@other.example".to_owned();
        let refused = sign_up(&mut house.browser(), &form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{slug}");
        seen.push(refused.body.replace(slug, "(slug)"));
    }
    assert!(seen.iter().all(|body| *body == seen[0]) && seen[0].contains("taken"));
    for ours in ["adrnin", "l0gin", "a-p-p", "rnail"] {
        let refused = sign_up(&mut house.browser(), &fields(ours)).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("reserved"), "{ours}");
    }
}

/// [AC-11]
#[tokio::test]
async fn of_two_who_hold_look_alikes_at_once_one_does() {
    let house = House::new().await;
    let (mut first, mut second) = (house.browser(), house.browser());
    let (one, two) = (fields("corner-inn"), fields("comer-1nn"));
    let (left, right) = tokio::join!(sign_up(&mut first, &one), sign_up(&mut second, &two));
    let mut statuses = [left.status, right.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY]);
    assert_eq!(count(&house, "slugs").await, 1);
}

/// The database's skeleton is the one of the rules. [AC-11]
#[tokio::test]
async fn sql_and_rust_agree_on_what_looks_alike() {
    let client = TestDb::new().await.administrator().await;
    let entropy = Entropy::seeded(11);
    let letters: Vec<char> = ('a'..='z').chain('0'..='9').chain(['-', 'm', 'w', 'i', 'l', 'r', 'n', 'v']).collect();
    let label = |bytes: [u8; 40]| -> String {
        bytes[1..=usize::from(bytes[0]) % 39].iter().map(|byte| letters[usize::from(*byte) % letters.len()]).collect()
    };
    let labels: Vec<String> = (0..2_000).map(|_| label(entropy.bytes())).chain([letters.iter().collect()]).collect();
    let asked = "select doors.slug_skeleton(slug) from unnest($1::text[]) with ordinality as u(slug, at) order by at";
    let told: Vec<String> = client.query(asked, &[&labels]).await.expect("rows").iter().map(|row| row.get(0)).collect();
    assert_eq!(told, labels.iter().map(|label| skeleton(label)).collect::<Vec<_>>());
}

/// [RL-2]
#[tokio::test]
async fn nobody_fills_a_strangers_mailbox_by_signing_them_up() {
    let house = House::new().await;
    for number in 0..8 {
        let mut form = fields(&format!("acme-{number}"));
        form[1].1 = "ada@acme.example".to_owned();
        let answer = sign_up(&mut house.browser(), &form).await;
        assert!(
            answer.status == StatusCode::OK && answer.body.contains("ada@acme.example"),
            "the answer does not tell"
        );
    }
    assert_eq!(house.mails().await.len(), 5);
}

async fn stand(house: &House, is_active: bool, email: &str) -> Result<(), Problem> {
    let ground = &house.db.ground;
    let person = users::named(ground, &EmailAddress::parse(email).expect("an address")).await?;
    let by = Acting { actor: Actor::system("test", "test"), origin: Origin::default() };
    if is_active {
        return users::reactivate(ground, by, person).await;
    }
    users::deactivate(ground, by, person, &Reason::parse("lost laptop").expect("a reason")).await.map(drop)
}

/// [ID-11]
#[tokio::test]
async fn a_deactivated_person_is_out_at_once_and_comes_back_when_reactivated() {
    const BOB: &str = "bob@acme.example";
    const THERE: &str = "http://acme.localhost:8600";
    let house = House::new().await;
    let acme = house.account("acme").await;
    let bob = EmailAddress::parse(BOB).expect("an address");
    let stand_in = || house.identity.stand_in((&acme.tenant, Mode::Live), &bob, "MEMBER", Origin::default());
    let mut browser = house.browser();
    browser.take(THERE, &stand_in().await.expect("cookies"));
    stand(&house, false, BOB).await.expect("deactivated");
    let known = house.identity.sessions.known(&browser.headers(THERE), THERE);
    assert!(!matches!(known, Known::Verified(_)), "from memory, at once");
    assert!(stand_in().await.is_err());
    assert_eq!(stand(&house, false, BOB).await.expect_err("twice").code, "person_status");
    stand(&house, true, BOB).await.expect("reactivated");
    assert!(!browser.is_signed_in(THERE).await && stand_in().await.is_ok(), "what ended has ended");
    let actions = house.actions().await;
    assert_eq!((actions["user.deactivated"], actions["user.reactivated"]), (1, 1));
}

/// [AC-16]
#[tokio::test]
async fn nobody_deactivates_the_last_owner_of_a_workspace() {
    let house = House::new().await;
    house.account("acme").await;
    assert_eq!(stand(&house, false, "ada@acme.example").await.expect_err("the last owner").code, "last_owner");
    assert_eq!(stand(&house, false, "nobody@acme.example").await.expect_err("nobody").code, "not_found");
    assert_eq!(house.browser().sign_in("ada@acme.example", PASSWORD).await.location(), "/-/console/acme");
}
