//! Mails to a real Postfix: STARTTLS, AUTH, what it refuses for now and for good, and a kill in the middle.

mod server;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tenantry_core::clock::Clock;
use tenantry_core::email::EmailAddress;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_platform::config;
use tenantry_platform::db::{Context, Control, Database, PoolOptions, Urls};
use tenantry_platform::ground::Ground;
use tenantry_platform::jobs::Runner;
use tenantry_platform::kit::{self, TestDb};
use tenantry_platform::mail::{self, Mail, Postman};
use tenantry_platform::permit::{Actor, Authenticate, Origin, Permit};
use tokio::sync::watch;

use server::{PASSWORD, Postfix, USER};

async fn ask(db: &TestDb, address: &str, subject: &str) {
    let permit =
        Permit::<Authenticate, Control>::system(Context::default(), Actor::system("test", "test"), Origin::default());
    let mut tx = permit.begin(&db.ground);
    let to = EmailAddress::parse(address).expect("an address");
    let mail = Mail {
        to,
        subject: subject.to_owned(),
        text: "Grüße".to_owned(),
        html: "<p>Grüße</p>".to_owned(),
        sheet: None,
    };
    mail::enqueue(&mut tx, &db.ground, mail).await.expect("enqueued");
    tx.commit().await.expect("committed");
}

fn runner(ground: &Ground, url: &str, ca: Option<&std::path::Path>) -> Runner {
    let from = "Acme <no-reply@example.com>".to_owned();
    let config = config::Mail { from, timeout: Duration::from_secs(10), tls_ca: ca.map(Into::into), templates: None };
    let mut runner = Runner::new(ground.clone());
    mail::attend(&mut runner, Postman::new(&config, &url.to_owned().into()).expect("a postman"));
    runner
}

/// What the queue says of its one job: attempts, whether it has failed for good, its last error.
async fn job(db: &TestDb) -> (i32, bool, String) {
    let sql = "select attempts, failed_at is not null, coalesce(last_error, '') from control.jobs";
    let row = db.administrator().await.query_one(sql, &[]).await.expect("one job");
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn a_mail_goes_encrypted_and_signed_in_into_the_mailbox() {
    let Some(postfix) = Postfix::start().await else { return };
    let db = TestDb::new().await;
    ask(&db, "ada@example.com", "Grüße an Ada").await;
    let url = postfix.url(USER, PASSWORD);
    runner(&db.ground, &url, Some(&postfix.certificate())).run_due().await.expect("the queue is read");
    let mails = postfix.mails(1).await;
    assert!(mails[0].contains("Message-ID: <") && mails[0].contains("multipart/alternative"), "{}", mails[0]);
    let log = postfix.log();
    assert!(log.contains("sasl_method=PLAIN, sasl_username=tenantry") && log.contains("starttls=1"), "{log}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_neither_password_nor_mail() {
    let Some(postfix) = Postfix::start().await else { return };
    let db = TestDb::new().await;
    ask(&db, "ada@example.com", "Hello").await;
    runner(&db.ground, &postfix.url(USER, PASSWORD), None).run_due().await.expect("the queue is read");
    let (attempts, failed, why) = job(&db).await;
    assert_eq!((attempts, failed), (1, false), "{why}");
    assert!(!postfix.log().contains("sasl_username"), "{}", postfix.log());
}

#[tokio::test]
async fn a_refused_sign_in_is_ours_to_mend_and_the_mail_waits() {
    let Some(postfix) = Postfix::start().await else { return };
    let db = TestDb::new().await;
    ask(&db, "ada@example.com", "Hello").await;
    let url = postfix.url(USER, "wrong");
    runner(&db.ground, &url, Some(&postfix.certificate())).run_due().await.expect("the queue is read");
    assert_eq!(job(&db).await, (1, false, "the mail server answered 535".to_owned()));
}

#[tokio::test]
async fn what_the_server_refuses_for_now_is_tried_again_and_what_it_refuses_for_good_is_not() {
    let Some(postfix) = Postfix::start().await else { return };
    for (address, expected) in [
        ("busy@example.com", (2, false, "the mail server answered 450".to_owned())),
        ("gone@example.com", (1, true, "the mail server answered 554".to_owned())),
    ] {
        let db = TestDb::new().await;
        let runner = runner(&db.ground, &postfix.url(USER, PASSWORD), Some(&postfix.certificate()));
        ask(&db, address, "Hello").await;
        runner.run_due().await.expect("the queue is read");
        db.ground.clock.advance(Duration::from_secs(5));
        runner.run_due().await.expect("the queue is read");
        assert_eq!(job(&db).await, expected, "{address}");
    }
}

const MAILS: usize = 60;
/// Longer than the lease of a job that a killed process holds.
const LEASE_OVER: Duration = Duration::from_secs(61);

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_sending_and_marking_sends_at_most_one_twin_and_loses_nothing() {
    let Some(postfix) = Postfix::start().await else { return };
    let db = TestDb::new().await;
    for number in 0..MAILS {
        ask(&db, &format!("person{number}@example.com"), &format!("Mail {number}")).await;
    }
    let mut sender = sender(&db, &postfix);
    postfix.mails(5).await;
    sender.kill().expect("killed");
    sender.wait().expect("gone");
    db.ground.clock.advance(LEASE_OVER);
    let runner = runner(&db.ground, &postfix.url(USER, PASSWORD), Some(&postfix.certificate()));
    while runner.run_due().await.expect("the queue is read") > 0 {}
    let ids = postfix.message_ids(MAILS).await;
    let mut copies = std::collections::HashMap::<String, usize>::new();
    ids.iter().for_each(|id| *copies.entry(id.clone()).or_default() += 1);
    assert_eq!(copies.len(), MAILS, "every mail arrived");
    assert!(copies.values().all(|copies| *copies <= 2), "{copies:?}");
}

const SENDER_URLS: &str = "TENANTRY_TEST_SENDER_URLS";
const SENDER_SMTP: &str = "TENANTRY_TEST_SENDER_SMTP";
const SENDER_CA: &str = "TENANTRY_TEST_SENDER_CA";

/// This program again, as a process of its own that sends the mails of the queue.
fn sender(db: &TestDb, postfix: &Postfix) -> Child {
    let url = |login: &str| db.url(login);
    let urls = ["tenantry_control", "tenantry_live", "tenantry_test", "tenantry_jobs", "tenantry_operator"].map(url);
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "postfix::sends_mails_until_it_is_killed", "--ignored", "--nocapture"])
        .env(SENDER_URLS, urls.join(" "))
        .env(SENDER_SMTP, postfix.url(USER, PASSWORD))
        .env(SENDER_CA, postfix.certificate())
        .env("TENANTRY_TEST_SENDER_DB", &db.name)
        .stdout(Stdio::null())
        .spawn()
        .expect("a process")
}

#[tokio::test]
#[ignore = "the process that a test kills"]
async fn sends_mails_until_it_is_killed() {
    let value = |name: &str| std::env::var(name).expect("set by the test that starts this");
    let urls: Vec<tokio_postgres::Config> =
        value(SENDER_URLS).split(' ').map(|url| url.parse().expect("a URL")).collect();
    let [control, live, test, jobs, operator] = urls.try_into().expect("five logins");
    // As the kit makes them: of the number of the database.
    let number: u64 =
        value("TENANTRY_TEST_SENDER_DB").rsplit('_').next().and_then(|n| n.parse().ok()).expect("a number");
    let entropy = Entropy::seeded(number + 1);
    let sealer = std::sync::Arc::new(Sealer::new(&RootKey::generate(&entropy)));
    let db = Database::open(Urls { control, live, test, jobs, operator }, PoolOptions::default()).expect("pools");
    let ground = Ground::new(db, Clock::fixed(kit::start()), entropy, sealer);
    let (_stop, stopped) = watch::channel(false);
    runner(&ground, &value(SENDER_SMTP), Some(std::path::Path::new(&value(SENDER_CA)))).run(stopped).await;
}
