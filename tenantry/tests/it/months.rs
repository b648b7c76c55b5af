//! Months come and go beside a backup, which holds a lock on every table for as long as it takes.

use std::sync::atomic::{AtomicBool, Ordering};

use tenantry_core::clock::Clock;
use tenantry_custody::audit::retention::drop_expired;
use tenantry_platform::db::{DbFault, logins};
use tenantry_platform::kit::TestDb;
use tenantry_platform::months;
use tokio_postgres::Client;

use crate::app::{TestApp, Wanted};

/// Somebody who holds a lock until they are dropped.
async fn holding(db: &TestDb, lock: &str) -> Client {
    let holder = db.administrator().await;
    holder.batch_execute(&format!("begin; lock table {lock} mode")).await.unwrap();
    holder
}

/// What `pg_dump` holds.
async fn backup(db: &TestDb) -> Client {
    holding(db, "control.audit, control.events, live.audit, live.events, test.audit, test.events in access share").await
}

async fn without(tables: &str) -> TestDb {
    let db = TestDb::new().await;
    db.administrator().await.batch_execute(&format!("drop table {tables}")).await.unwrap();
    db
}

async fn is_there(db: &TestDb, table: &str) -> bool {
    let attached = "select coalesce((select relispartition from pg_class where oid = to_regclass($1)), false)";
    db.administrator().await.query_one(attached, &[&table]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_start_beside_a_backup_makes_its_months() {
    let db = without("live.audit_2026_07, test.events_2026_09").await;
    let backup = backup(&db).await;
    let app = TestApp::on(db, Wanted::default()).await.unwrap();
    for table in ["live.audit_2026_07", "test.events_2026_09"] {
        assert!(is_there(&app.db, table).await, "{table}");
    }
    drop(backup);
}

/// As the first migrations made a month.
const OF_BEFORE: &str = "
    set role tenantry_owner;
    create table live.audit_2026_08 partition of live.audit for values
        from ('019fba9e-d800-0000-0000-000000000000') to ('01a05a43-fc00-0000-0000-000000000000');
    alter table live.audit_2026_08 enable row level security;
    alter table live.audit_2026_08 force row level security;
    create trigger no_truncate before truncate on live.audit_2026_08
        for each statement execute function control.refuse_change()";

/// The same columns, constraints, indexes, triggers and walls.
#[tokio::test]
async fn a_month_that_was_attached_is_like_one_of_before() {
    let db = without("live.audit_2026_07, live.audit_2026_08").await;
    db.administrator().await.batch_execute(OF_BEFORE).await.unwrap();
    let app = TestApp::on(db, Wanted::default()).await.unwrap();
    let make = "
        select array(select format('%s %s %s %s %s', conname, contype, conislocal, coninhcount, convalidated)
                     from pg_constraint where conrelid = c.oid order by 1),
               array(select format('%s %s %s %s', attname, attislocal, attinhcount, attstorage)
                     from pg_attribute where attrelid = c.oid and attnum > 0 order by 1),
               array(select format('%s %s', tgname, tgtype) from pg_trigger where tgrelid = c.oid order by 1),
               array(select regexp_replace(pg_get_indexdef(indexrelid), '2026_0[78]', 'M', 'g')
                     from pg_index where indrelid = c.oid order by 1),
               c.relrowsecurity and c.relforcerowsecurity, c.relowner::regrole::text
        from pg_class c where c.oid = $1::text::regclass";
    let administrator = app.db.administrator().await;
    let mut made = Vec::new();
    for table in ["live.audit_2026_07", "live.audit_2026_08"] {
        let row = administrator.query_one(make, &[&table]).await.unwrap();
        let lists: Vec<Vec<String>> = (0..4).map(|list| row.get(list)).collect();
        let lists: Vec<String> =
            lists.concat().iter().map(|line| line.replace("2026_07", "M").replace("2026_08", "M")).collect();
        made.push((lists, row.get::<_, bool>(4), row.get::<_, String>(5)));
    }
    assert!(made[0].1 && made[0].0.len() > 30, "{made:#?}");
    assert_eq!(made[0], made[1]);
}

/// Whoever alters a table stands in the way: what can wait does not prevent the start, what cannot does.
#[tokio::test]
async fn a_start_goes_on_without_a_far_month_and_not_without_the_next() {
    let far = without("live.audit_2026_09").await;
    let alters = holding(&far, "live.audit in share update exclusive").await;
    let app = TestApp::on(far, Wanted::default()).await.unwrap();
    assert!(!is_there(&app.db, "live.audit_2026_09").await);
    drop(alters);

    let next = without("live.audit_2026_07").await;
    let alters = holding(&next, "live.audit in share update exclusive").await;
    let said = TestApp::refused(next).await;
    assert!(said.starts_with("live.audit of 2026-07 cannot be written") && said.contains("lock timeout"), "{said}");
    drop(alters);
}

/// Into the table whose month is dropped first.
const WRITE: &str = "
    insert into control.audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type,
        entity_id, metadata, changes, personal, digests, leaf_hash)
    select gen_random_uuid(), doors.uuid7_floor(now()), 1, now(), 'USER', 'x', 'x', gen_random_uuid(), 'x', 'x', 'x', '{}',
        '{}', '', '{}', sha256('')";

/// At the server's time, with a month that is over a year old.
async fn with_an_old_month() -> TestDb {
    let mut db = TestDb::new().await;
    let outside = db.administrator().await;
    let make = "select doors.ensure_partitions(now() - interval '14 months', 0), doors.ensure_partitions(now(), 0)";
    outside.query(make, &[]).await.unwrap();
    db.ground.clock = Clock::fixed(outside.query_one("select now()", &[]).await.unwrap().get(0));
    db
}

/// A writer who waited for as long as a serving login waits for a lock would give up here.
#[tokio::test]
async fn nobody_waits_behind_the_end_of_a_month_that_somebody_reads() {
    let db = with_an_old_month().await;
    let backup = backup(&db).await;
    let writer = db.administrator().await;
    writer.batch_execute("set lock_timeout = '2s'").await.unwrap();
    let is_over = AtomicBool::new(false);
    let dropping = async {
        let dropped = drop_expired(&db.ground, 12).await;
        is_over.store(true, Ordering::SeqCst);
        dropped
    };
    let writing = async {
        while !is_over.load(Ordering::SeqCst) {
            writer.execute(WRITE, &[]).await.unwrap();
        }
    };
    let (dropped, ()) = tokio::join!(dropping, writing);
    assert!(matches!(dropped, Err(DbFault::Retry(_))), "it stays while somebody reads it: {dropped:?}");
    drop(backup);
    assert_eq!(drop_expired(&db.ground, 12).await.unwrap().len(), 3);
}

async fn events_of(db: &TestDb, months_ago: i32) -> bool {
    let table = "select 'live.events' || to_char(now() at time zone 'UTC' - make_interval(months => $1), '_YYYY_MM')";
    let table: String = db.administrator().await.query_one(table, &[&months_ago]).await.unwrap().get(0);
    is_there(db, &table).await
}

/// A month that ended three months ago has no younger event; the one after it has.
#[tokio::test]
async fn old_months_of_events_go_and_none_goes_that_ended_less_than_a_month_ago() {
    let db = with_an_old_month().await;
    let make = "select doors.ensure_partitions(now() - interval '5 months', 5)";
    db.administrator().await.query(make, &[]).await.unwrap();
    months::drop_events(&db.ground, 3).await.unwrap();
    let mut left = Vec::new();
    for months_ago in [0, 1, 2, 3, 4, 5, 14] {
        left.push(events_of(&db, months_ago).await);
    }
    assert_eq!(left, [true, true, true, true, false, false, false]);
    for kept in [0, -12] {
        assert!(months::drop_events(&db.ground, kept).await.is_err(), "{kept}");
    }
    let jobs = db.login("tenantry_jobs").await;
    for lie in ["'2199-01-01'", "'infinity'", "null"] {
        let drop = format!("select doors.drop_event_months({lie}, 1)");
        while !jobs.query(&drop, &[]).await.unwrap().is_empty() {}
    }
    assert!(events_of(&db, 1).await && events_of(&db, 0).await && !events_of(&db, 2).await);
    let noted = "select count(*) from control.platform_log where action = 'events.month_dropped'";
    assert!(db.administrator().await.query_one(noted, &[]).await.unwrap().get::<_, i64>(0) > 9);
}

#[tokio::test]
async fn no_login_but_that_of_the_jobs_drops_events() {
    let db = with_an_old_month().await;
    for (login, _) in logins::SERVING {
        let dropped = db.login(login).await.batch_execute("select doors.drop_event_months(now(), 12)").await;
        assert_eq!(dropped.is_ok(), login == "tenantry_jobs", "{login}");
    }
}

#[tokio::test]
async fn a_door_to_the_months_waits_for_a_lock_for_a_tenth_of_a_second() {
    let doors = "
        select p.proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'doors' and p.prosecdef and p.proowner = 'tenantry_owner'::regrole
          and not 'lock_timeout=100ms' = any (p.proconfig)";
    let patient = TestDb::new().await.administrator().await.query(doors, &[]).await.unwrap();
    assert!(patient.is_empty(), "{:?}", patient.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>());
}
