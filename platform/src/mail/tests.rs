//! Mails by the true way: enqueued in a transaction, sent over SMTP, read in the sink.

use std::collections::HashSet;
use std::time::Duration;

use tenantry_core::clock::Clock;
use tenantry_core::email::EmailAddress;
use tenantry_platform::config;
use tenantry_platform::db::{Context, Control, Operator};
use tenantry_platform::jobs::Runner;
use tenantry_platform::kit::{self, TestDb};
use tenantry_platform::mail::sink::{MESSAGE_BYTES_MOST, Sink};
use tenantry_platform::mail::{self, AddressInUse, Looks, Mail, Postman, VerifyAddress, sent};
use tenantry_platform::permit::{Actor, Authenticate, Operate, Origin, Permit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const LINK: &str = "https://app.example.com/-/verify?token=abc_DEF-123";

fn to(address: &str) -> EmailAddress {
    EmailAddress::parse(address).expect("an address")
}

fn verify() -> Mail {
    VerifyAddress { brand: "Acme <b>", workspace: "Héllo & Co", link: LINK, hours: 24 }.mail(to("ada@example.com"))
}

fn postman(url: &str) -> Postman {
    let config = config::Mail {
        from: "Acme <no-reply@example.com>".to_owned(),
        timeout: Duration::from_secs(5),
        tls_ca: None,
        templates: None,
    };
    Postman::new(&config, &url.to_owned().into()).expect("a URL")
}

fn runner(db: &TestDb, url: &str) -> Runner {
    let mut runner = Runner::new(db.ground.clone());
    mail::attend(&mut runner, postman(url));
    runner
}

async fn ask(db: &TestDb, mail: Mail) -> tenantry_platform::db::TenantTx<Control> {
    let permit =
        Permit::<Authenticate, Control>::system(Context::default(), Actor::system("test", "test"), Origin::default());
    let mut tx = permit.begin(&db.ground);
    mail::enqueue(&mut tx, &db.ground, mail).await.expect("enqueued");
    tx
}

#[tokio::test]
async fn a_mail_arrives_once_its_change_is_committed() {
    let (db, sink) = (TestDb::new().await, Sink::start(Clock::fixed(kit::start())).await.expect("loopback"));
    let runner = runner(&db, &sink.url());
    ask(&db, verify()).await.rollback().await.expect("rolled back");
    assert_eq!(runner.run_due().await.expect("the queue is read"), 0);
    ask(&db, verify()).await.commit().await.expect("committed");
    assert_eq!(runner.run_due().await.expect("the queue is read"), 1);
    let mails = sink.mailbox().to("ADA@example.com");
    let [mail] = mails.as_slice() else { panic!("one mail, not {}", mails.len()) };
    assert_eq!(
        (mail.subject.as_str(), mail.from.as_str()),
        ("Confirm your address for Acme <b>", "Acme <no-reply@example.com>")
    );
    assert_eq!(mail.links, [LINK]);
    assert!(mail.text.contains("Héllo & Co") && mail.html.contains("H\u{e9}llo &#38; Co"), "{}", mail.html);
}

/// Whoever checks our claims is written to at an address where no mailbox can be, and reads it out of the queue.
#[tokio::test]
async fn a_letter_to_nowhere_is_never_sent_read_once_and_forgotten() {
    let (db, sink) = (TestDb::new().await, Sink::start(Clock::fixed(kit::start())).await.expect("loopback"));
    let (runner, nobody) = (runner(&db, &sink.url()), to("Canary@posture.invalid"));
    for address in [&nobody, &to("other@posture.invalid"), &to("ada@invalid.example.com")] {
        ask(&db, AddressInUse { brand: "Acme", sign_in: LINK }.mail(address.clone()))
            .await
            .commit()
            .await
            .expect("committed");
    }
    assert_eq!(runner.run_due().await.expect("the queue is read"), 1, "the one that a mailbox can have");
    let letters = mail::nowhere::take(&db.ground, &nobody).await.expect("read");
    assert!(letters.len() == 1 && letters[0].text.contains(LINK), "{letters:?}");
    assert_eq!(mail::nowhere::take(&db.ground, &nobody).await.expect("read").len(), 0, "it is gone");
    db.ground.clock.advance(Duration::from_secs(601));
    assert_eq!(runner.run_due().await.expect("the queue is read"), 1, "the other one is forgotten");
    assert_eq!(waiting(&db).await, 0);
    let sent: Vec<_> = sink.mailbox().newest_first().iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(sent, [["ada@invalid.example.com".to_owned()]]);
}

#[tokio::test]
async fn what_a_person_wrote_adds_no_header_and_no_recipient() {
    let (db, sink) = (TestDb::new().await, Sink::start(Clock::fixed(kit::start())).await.expect("loopback"));
    let subject = "Hello\r\nBcc: mallory@example.com\r\n\r\nbody".to_owned();
    let text = ".\r\nRCPT TO:<mallory@example.com>\r\n.leading dots stay\r\n".to_owned();
    let mail =
        Mail { to: to("ada@example.com"), subject, text: text.clone(), html: "<p>x</p>".to_owned(), sheet: None };
    ask(&db, mail).await.commit().await.expect("committed");
    runner(&db, &sink.url()).run_due().await.expect("the queue is read");
    let mails = sink.mailbox().newest_first();
    assert_eq!((mails.len(), &mails[0].to), (1, &vec!["ada@example.com".to_owned()]));
    assert_eq!(
        (mails[0].subject.as_str(), mails[0].text.trim_end()),
        ("Hello  Bcc: mallory@example.com    body", text.trim_end())
    );
}

#[tokio::test]
async fn a_temporary_refusal_is_tried_again_and_the_twin_is_recognisable() {
    let (db, sink) = (TestDb::new().await, Sink::start(Clock::fixed(kit::start())).await.expect("loopback"));
    ask(&db, verify()).await.commit().await.expect("committed");
    runner(&db, &refusing("451 Later").await).run_due().await.expect("the queue is read");
    let admin = db.administrator().await;
    admin.batch_execute("create temporary table job_before as select * from control.jobs").await.expect("copied");
    assert_eq!(waiting(&db).await, 1, "still to be sent");
    db.ground.clock.advance(Duration::from_secs(5));
    let again = runner(&db, &sink.url());
    assert_eq!(again.run_due().await.expect("the queue is read"), 1);
    // As after a kill between sending and marking: the same job once more.
    admin.batch_execute("insert into control.jobs select * from job_before").await.expect("put back");
    again.run_due().await.expect("the queue is read");
    let ids: Vec<String> = sink.mailbox().newest_first().iter().map(|mail| mail.message_id.clone()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1] && ids[0].ends_with("@example.com"), "{ids:?}");
}

#[tokio::test]
async fn a_final_refusal_is_not_tried_again() {
    let db = TestDb::new().await;
    ask(&db, verify()).await.commit().await.expect("committed");
    runner(&db, &refusing("550 Nobody here").await).run_due().await.expect("the queue is read");
    assert_eq!(waiting(&db).await, 0);
}

/// [AC-4]
#[tokio::test]
async fn what_the_server_took_is_told_to_staff_without_a_word_of_it_and_for_two_weeks() {
    let (db, sink) = (TestDb::new().await, Sink::start(Clock::fixed(kit::start())).await.expect("loopback"));
    let staff: Permit<Operate, Operator> = Permit::minted(Context::default(), Actor::system("test", "staff"));
    for _ in 0..2 {
        ask(&db, verify()).await.commit().await.expect("committed");
        db.ground.clock.advance(Duration::from_secs(60));
    }
    runner(&db, &refusing("451 Later").await).run_due().await.expect("the queue is read");
    assert!(sent::list(&staff, &db.ground, None, 9).await.expect("a page").0.is_empty(), "none was taken");
    db.ground.clock.advance(Duration::from_secs(5));
    runner(&db, &sink.url()).run_due().await.expect("the queue is read");
    let (mails, more) = sent::list(&staff, &db.ground, None, 1).await.expect("a page");
    let told = (mails[0].letter.as_str(), mails[0].recipient.as_deref(), mails[0].sent_at, more);
    assert_eq!(told, ("verify_address", Some("a…@example.com"), db.ground.now(), true));
    assert!(sink.mailbox().newest_first().iter().any(|mail| mail.message_id.contains(&mails[0].id.to_string())));
    let (rest, more) = sent::list(&staff, &db.ground, Some(mails[0].id), 1).await.expect("a page");
    assert!(rest.len() == 1 && rest[0].queued_at < mails[0].queued_at && !more, "{rest:?}");
    let kept = "select string_agg(s::text || encode(s.recipient, 'escape'), '') from control.sent_mails s";
    let kept: String = db.administrator().await.query_one(kept, &[]).await.expect("rows").get(0);
    assert!(["ada", "example.com", "token"].iter().all(|word| !kept.contains(word)), "{kept}");
    db.ground.clock.advance(Duration::from_secs(13 * 86_400));
    sent::sweep(&db.ground).await.expect("swept");
    assert_eq!(sent::count(&staff, &db.ground, kit::start()).await.expect("a number"), 2);
    db.ground.clock.advance(Duration::from_secs(2 * 86_400));
    sent::sweep(&db.ground).await.expect("swept");
    assert_eq!(sent::count(&staff, &db.ground, kit::start()).await.expect("a number"), 0);
}

#[tokio::test]
async fn of_very_many_mails_the_newest_ten_thousand_stay_told() {
    let db = TestDb::new().await;
    let staff: Permit<Operate, Operator> = Permit::minted(Context::default(), Actor::system("test", "staff"));
    let many = "insert into control.sent_mails (id, letter, recipient, queued_at, sent_at)
        select lpad(to_hex(n), 32, '0')::uuid, '', '', $1, $1 from generate_series(1, 10003) n";
    db.administrator().await.execute(many, &[&db.ground.now()]).await.expect("written");
    sent::sweep(&db.ground).await.expect("swept");
    assert_eq!(sent::count(&staff, &db.ground, kit::start()).await.expect("a number"), 10_000);
    assert_eq!(sent::list(&staff, &db.ground, None, 1).await.expect("a page").0[0].id.as_u128(), 10_003);
}

#[tokio::test]
async fn a_mail_that_cannot_be_noted_is_not_sent_again() {
    let (db, sink) = (TestDb::new().await, Sink::start(Clock::fixed(kit::start())).await.expect("loopback"));
    db.administrator().await.batch_execute("drop table control.sent_mails cascade").await.expect("dropped");
    ask(&db, verify()).await.commit().await.expect("committed");
    let runner = runner(&db, &sink.url());
    assert_eq!(runner.run_due().await.expect("the queue is read"), 1);
    db.ground.clock.advance(Duration::from_secs(600));
    assert_eq!(runner.run_due().await.expect("the queue is read"), 0);
    assert_eq!(sink.mailbox().newest_first().len(), 1);
}

#[tokio::test]
async fn the_sink_refuses_what_is_too_large_or_out_of_order() {
    let sink = Sink::start(Clock::fixed(kit::start())).await.expect("loopback");
    let huge = "x".repeat(998) + "\r\n";
    let body = huge.repeat(MESSAGE_BYTES_MOST / huge.len() + 1);
    let told = talk(
        &sink,
        &[
            "RCPT TO:<a@b.example>\r\n",
            "MAIL FROM:<a@b.example> SIZE=99999999\r\n",
            "MAIL FROM:<a@b.example>\r\n",
            "DATA\r\n",
            "RCPT TO:<a@b.example>\r\n",
            "DATA\r\n",
            &body,
            ".\r\n",
            "NOOP\r\n",
            "QUIT\r\n",
        ],
    )
    .await;
    assert_eq!(told, ["220", "503", "552", "250", "503", "250", "354", "552", "250", "221"]);
    assert!(sink.mailbox().newest_first().is_empty());
}

/// Both letters, so that a change of their words is read by a person.
#[test]
fn the_letters_read_well() {
    let known =
        AddressInUse { brand: "Acme", sign_in: "https://app.example.com/-/sign-in" }.mail(to("ada@example.com"));
    insta::assert_snapshot!(format!(
        "{}\n\n{}\n=====\n{}\n\n{}",
        verify().subject,
        verify().text,
        known.subject,
        known.text
    ));
}

/// The codes of every reply to these lines.
async fn talk(sink: &Sink, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(sink.url().trim_start_matches("smtp://")).await.expect("the sink listens");
    stream.write_all(lines.concat().as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer.lines().map(|line| line[..3].to_owned()).collect()
}

async fn waiting(db: &TestDb) -> i64 {
    let sql = "select count(*) from control.jobs where finished_at is null and failed_at is null";
    db.administrator().await.query_one(sql, &[]).await.expect("counted").get(0)
}

/// A server that greets and then refuses every sender.
async fn refusing(reply: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 hello\r\n").await;
            let mut bytes = [0_u8; 1024];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                let line = String::from_utf8_lossy(&bytes[..read]);
                let answer = if line.starts_with("EHLO") { "250 hello" } else { reply };
                let _ = stream.write_all(format!("{answer}\r\n").as_bytes()).await;
            }
        }
    });
    format!("smtp://{address}")
}

fn looks(files: &[(&str, &str)]) -> Result<Looks, String> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    Looks::read(directory.path(), &mail::samples()).map_err(|fault| fault.to_string())
}

#[test]
fn an_operators_frame_draws_every_letter_and_a_letters_own_file_that_one() {
    let looks = looks(&[
        ("letter.html", "<main>{{ title }} <a href=\"{{ link }}\">{{ action }}</a></main>"),
        ("verify_address.txt", "Dear customer,\n{{ text }}\n{{ link }}"),
        ("verify_address.subject.txt", "{{ brand }}: your address\n"),
    ]);
    let looks = looks.expect("good templates");
    let (letter, other) = (looks.dress(&verify()), looks.dress(&mail::samples()[0]));
    assert_eq!(
        letter.html,
        format!("<main>Open Héllo &amp; Co <a href=\"{}\">Confirm the address</a></main>", LINK.replace('/', "&#x2f;"))
    );
    assert!(letter.text.starts_with("Dear customer,\n") && letter.text.ends_with(LINK), "{}", letter.text);
    assert_eq!(letter.subject, "Acme <b>: your address");
    assert!(other.html.starts_with("<main>") && !other.text.starts_with("Dear"), "{}", other.text);
}

#[test]
fn a_template_that_would_send_a_useless_letter_stops_the_start() {
    for (name, text, said) in [
        ("letter.txt", "{{ text }}", "no link in it"),
        ("letter.txt", "{{ link }}\n{{ recipient }}", "line 2"),
        ("letter.html", "{{ link", "line 1"),
        ("verify.txt", "{{ link }}", "no letter has this name"),
    ] {
        let refusal = looks(&[(name, text)]).expect_err("a fault");
        assert!(refusal.contains(name) && refusal.contains(said), "{refusal}");
    }
}

#[test]
fn every_letter_has_a_sample() {
    let words = include_str!("../page/words/en.toml");
    let table: toml::Table = words.parse().expect("the catalogue");
    let subjects = table["mail"].as_table().expect("mail").keys().filter(|key| key.ends_with("_subject"));
    // A letter of several matters has a subject for each.
    let letters: HashSet<_> = subjects.filter_map(|key| key.split('_').next()).collect();
    assert_eq!(mail::samples().len(), letters.len());
}
