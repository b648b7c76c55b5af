//! What is counted, written, read and forgotten (OBS-3).

use std::time::Duration;

use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::mode::Mode as ModeWord;
use tenantry_platform::db::{Context, Control, Live, Test};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, Permit, ReadAudit};
use tenantry_platform::usage::{self, Book, Kind, Series, Span, Whose};

use crate::db::cancel::Cut;

const LIVE: Book = Book::Of(ModeWord::Live);

fn tenant(db: &TestDb) -> TenantId {
    TenantId::new(&db.ground.clock, &db.ground.entropy)
}

fn key(db: &TestDb) -> KeyId {
    KeyId::new(&db.ground.clock, &db.ground.entropy)
}

fn count(db: &TestDb, tenant: TenantId, key: Option<KeyId>, kinds: &[Kind]) {
    db.ground.usage.count(Whose { tenant, book: LIVE, key }, kinds, db.ground.now());
}

async fn flush(db: &TestDb) {
    db.ground.usage.flush(&db.ground).await.expect("written");
}

fn permit<M: tenantry_platform::db::Plane>(tenant: TenantId) -> Permit<ReadAudit, M> {
    Permit::minted(Context { tenant: Some(tenant), person: None }, Actor::system("test", "test"))
}

async fn read(db: &TestDb, tenant: TenantId, key: Option<KeyId>, span: Span) -> Series {
    usage::read(&permit::<Live>(tenant), &db.ground, key, span).await.expect("read")
}

#[tokio::test]
async fn what_is_counted_is_read_for_the_tenant_and_for_its_key() {
    let db = TestDb::new().await;
    let (acme, sync) = (tenant(&db), key(&db));
    count(&db, acme, Some(sync), &[Kind::Requests]);
    count(&db, acme, Some(sync), &[Kind::Requests, Kind::Limited]);
    count(&db, acme, None, &[Kind::Requests, Kind::Forbidden]);
    flush(&db).await;
    let (all, one) = (read(&db, acme, None, Span::Hour).await, read(&db, acme, Some(sync), Span::Hour).await);
    assert_eq!((all.total(&[Kind::Requests]), all.total(&Kind::REFUSALS)), (3, 2));
    assert_eq!((one.total(&[Kind::Requests]), one.total(&Kind::REFUSALS)), (2, 1));
}

#[tokio::test]
async fn each_act_is_drawn_in_its_own_minute_and_the_others_are_zero() {
    let db = TestDb::new().await;
    let acme = tenant(&db);
    count(&db, acme, None, &[Kind::Requests]);
    db.ground.clock.advance(Duration::from_secs(60));
    count(&db, acme, None, &[Kind::Requests]);
    count(&db, acme, None, &[Kind::Requests]);
    db.ground.clock.advance(Duration::from_secs(120));
    flush(&db).await;
    let drawn = usage::series(&permit::<Live>(acme), &db.ground, None, Kind::Requests, Span::Hour).await.expect("read");
    let counts: Vec<u64> = drawn.iter().map(|(_, count)| *count).collect();
    assert_eq!((counts.len(), &counts[..56], &counts[56..]), (60, &[0; 56][..], &[1, 2, 0, 0][..]));
    assert_eq!(drawn[59].0, db.ground.now());
}

#[tokio::test]
async fn a_span_is_told_from_the_one_before_it() {
    let db = TestDb::new().await;
    let acme = tenant(&db);
    for (span, seconds) in [(Span::Hour, 3_600), (Span::Day, 24 * 3_600), (Span::Week, 7 * 24 * 3_600)] {
        count(&db, acme, None, &[Kind::Limited]);
        flush(&db).await;
        let before = read(&db, acme, None, span).await;
        db.ground.clock.advance(Duration::from_secs(seconds));
        let after = read(&db, acme, None, span).await;
        assert!(before.total(&[Kind::Limited]) >= 1, "{span:?}");
        assert_eq!(
            (after.total(&[Kind::Limited]), after.total_before(&[Kind::Limited])),
            (0, before.total(&[Kind::Limited])),
            "{span:?}"
        );
    }
}

#[tokio::test]
async fn nobody_reads_another_tenants_counts_or_those_of_the_other_mode() {
    let db = TestDb::new().await;
    let (acme, globex) = (tenant(&db), tenant(&db));
    count(&db, acme, None, &[Kind::Requests]);
    flush(&db).await;
    let of_test = usage::read(&permit::<Test>(acme), &db.ground, None, Span::Day).await.expect("read");
    let of_all = usage::read(&permit::<Control>(acme), &db.ground, None, Span::Day).await.expect("read");
    let foreign = read(&db, globex, None, Span::Day).await;
    assert_eq!([of_test, of_all, foreign].map(|series| series.total(&[Kind::Requests])), [0, 0, 0]);
}

#[tokio::test]
async fn counts_of_two_processes_and_of_two_flushes_add_up() {
    let db = TestDb::new().await;
    let (acme, other) = (tenant(&db), usage::Usage::default());
    for _ in 0..3 {
        count(&db, acme, None, &[Kind::Requests]);
        other.count(Whose { tenant: acme, book: LIVE, key: None }, &[Kind::Requests], db.ground.now());
        let (ours, theirs) = tokio::join!(db.ground.usage.flush(&db.ground), other.flush(&db.ground));
        ours.and(theirs).expect("written");
    }
    assert_eq!(read(&db, acme, None, Span::Week).await.total(&[Kind::Requests]), 6);
}

#[tokio::test]
async fn what_could_not_be_written_is_written_when_the_database_is_back() {
    let db = TestDb::new().await;
    let (acme, administrator) = (tenant(&db), db.administrator().await);
    count(&db, acme, None, &[Kind::Requests]);
    let admit = |most: i32| format!("alter database {} connection limit {most}", db.name);
    administrator.batch_execute(&admit(0)).await.expect("closed");
    let away = db.ground.usage.flush(&db.ground).await;
    administrator.batch_execute(&admit(-1)).await.expect("opened");
    assert!(away.is_err());
    flush(&db).await;
    assert_eq!(read(&db, acme, None, Span::Hour).await.total(&[Kind::Requests]), 1);
}

#[tokio::test]
async fn counts_whose_row_somebody_holds_are_written_later_and_everybody_elses_now() {
    let db = TestDb::new().await;
    let (acme, globex, mut administrator) = (tenant(&db), tenant(&db), db.administrator().await);
    let hurry = format!("alter role tenantry_live in database {} set lock_timeout = '50ms'", db.name);
    administrator.batch_execute(&hurry).await.expect("set");
    let both = || [acme, globex].into_iter().for_each(|tenant| count(&db, tenant, None, &[Kind::Requests]));
    both();
    flush(&db).await;
    let holder = administrator.transaction().await.expect("begun");
    holder.query("select from live.usage where tenant_id = $1 for update", &[&acme.uuid()]).await.expect("held");
    both();
    assert!(db.ground.usage.flush(&db.ground).await.is_err(), "it is told that something waits");
    assert_eq!(read(&db, globex, None, Span::Hour).await.total(&[Kind::Requests]), 2);
    assert_eq!(read(&db, acme, None, Span::Hour).await.total(&[Kind::Requests]), 1);
    holder.rollback().await.expect("let go");
    flush(&db).await;
    assert_eq!(read(&db, acme, None, Span::Hour).await.total(&[Kind::Requests]), 2);
}

#[tokio::test]
async fn counts_of_a_flush_that_is_cut_off_anywhere_are_neither_lost_nor_counted_twice() {
    let db = TestDb::new().await;
    let tenants: Vec<TenantId> = (0..3).map(|_| tenant(&db)).collect();
    let mut cut = 0;
    let count_all = || tenants.iter().for_each(|tenant| count(&db, *tenant, None, &[Kind::Requests]));
    for polls in 1..200 {
        count_all();
        let call = Box::pin(db.ground.usage.flush(&db.ground));
        match (Cut { call, polls: polls % 10 + 1 }).await {
            None => cut += 1,
            Some(flushed) => flushed.expect("written"),
        }
    }
    // It waits for the rows of those before it, whose commits go on by themselves.
    count_all();
    flush(&db).await;
    assert!(cut > 20, "{cut} were cut off");
    for tenant in &tenants {
        assert_eq!(read(&db, *tenant, None, Span::Hour).await.total(&[Kind::Requests]), 200);
    }
}

#[tokio::test]
async fn a_tenant_with_countless_keys_takes_nobody_elses_room() {
    let db = TestDb::new().await;
    let (greedy, modest) = (tenant(&db), tenant(&db));
    for _ in 0..60_000 {
        count(&db, greedy, Some(key(&db)), &[Kind::Requests]);
    }
    assert!(db.ground.usage.take_lost() > 0, "its keys found an end");
    let keys: Vec<KeyId> = (0..20).map(|_| key(&db)).collect();
    keys.iter().for_each(|key| count(&db, modest, Some(*key), &[Kind::Requests]));
    assert_eq!(db.ground.usage.take_lost(), 0, "a share is sure");
}

#[tokio::test]
async fn minutes_hours_and_days_are_forgotten_when_no_chart_looks_back_at_them() {
    let db = TestDb::new().await;
    let (acme, administrator) = (tenant(&db), db.administrator().await);
    count(&db, acme, None, &[Kind::Requests]);
    flush(&db).await;
    let mut left = Vec::new();
    for hours in [2, 14 * 24, 400 * 24] {
        db.ground.clock.advance(Duration::from_secs(hours * 3_600 + 3_600));
        usage::sweep(&db.ground).await.expect("swept");
        let rows = administrator.query("select grain from live.usage order by grain", &[]).await.expect("read");
        left.push(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(left, ["day hour", "day", ""]);
}
