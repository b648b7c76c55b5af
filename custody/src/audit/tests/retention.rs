//! Months are dropped whole, none before it is a year old, and nobody gets below that. [AUD-4]

use tenantry_custody::audit::retention::{drop_expired, partitions_ahead};
use tenantry_platform::db::{DbFault, logins};
use tenantry_platform::kit::TestDb;

/// The months before the server's own, by how many; the door counts by the server's clock.
const MONTH: &str = "date_trunc('month', now() at time zone 'UTC') - make_interval(months => $1)";

/// A partition of a month that long ago, in each plane.
async fn attach(db: &TestDb, months_ago: i32) {
    let outside = db.administrator().await;
    let sql = format!("select doors.ensure_partitions(({MONTH}) at time zone 'UTC', 0)");
    outside.query(&sql, &[&months_ago]).await.unwrap();
}

async fn is_there(db: &TestDb, plane: &str, months_ago: i32) -> bool {
    let sql = format!("select to_regclass($2 || '.audit' || to_char({MONTH}, '_YYYY_MM')) is not null");
    db.administrator().await.query_one(&sql, &[&months_ago, &plane]).await.unwrap().get(0)
}

/// The clock of this process, at that of the server.
async fn at_the_servers_time() -> TestDb {
    let mut db = TestDb::new().await;
    let now = db.administrator().await.query_one("select now()", &[]).await.unwrap().get(0);
    db.ground.clock = tenantry_core::clock::Clock::fixed(now);
    db
}

#[tokio::test]
async fn expired_months_are_dropped_whole_in_every_plane_and_younger_ones_stay() {
    let db = at_the_servers_time().await;
    for months_ago in [12, 13, 14, 30] {
        attach(&db, months_ago).await;
    }
    let dropped = drop_expired(&db.ground, 12).await.unwrap();
    // The month twelve months ago has days that are younger than a year.
    for (months_ago, is_kept) in [(12, true), (13, false), (14, false), (30, false)] {
        for plane in ["control", "live", "test"] {
            assert_eq!(is_there(&db, plane, months_ago).await, is_kept, "{plane} {months_ago}");
        }
    }
    assert_eq!(dropped.len(), 9);
    assert_eq!(drop_expired(&db.ground, 12).await.unwrap(), [], "nothing is left to drop");
}

#[tokio::test]
async fn rows_of_a_kept_month_are_untouched() {
    let db = at_the_servers_time().await;
    attach(&db, 11).await;
    let outside = db.administrator().await;
    let sql = format!(
        "insert into live.audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action, entity_type,
            entity_id, metadata, changes, personal, digests, leaf_hash)
         select gen_random_uuid(), doors.uuid7_floor(({MONTH}) at time zone 'UTC'), 1, now(), 'USER', 'x', 'x',
            gen_random_uuid(), 'x', 'x', 'x', '{{}}', '{{}}', '', '{{}}', sha256('')"
    );
    outside.execute(&sql, &[&11]).await.unwrap();
    drop_expired(&db.ground, 12).await.unwrap();
    assert_eq!(outside.query_one("select count(*) from live.audit", &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn less_than_a_year_is_refused_by_the_database() {
    let db = at_the_servers_time().await;
    attach(&db, 13).await;
    for months in [11, 1, 0, -12, i32::MIN] {
        assert!(
            matches!(drop_expired(&db.ground, months).await, Err(DbFault::Refused(_) | DbFault::Constraint { .. })),
            "{months}"
        );
    }
    assert!(is_there(&db, "live", 13).await);
}

#[tokio::test]
async fn a_caller_who_names_a_later_day_drops_nothing_younger() {
    let db = TestDb::new().await;
    attach(&db, 6).await;
    let jobs = db.login("tenantry_jobs").await;
    for lie in ["'2199-01-01'", "'infinity'", "null"] {
        jobs.batch_execute(&format!("select doors.drop_audit_months({lie}, 12)")).await.unwrap();
    }
    assert!(is_there(&db, "live", 6).await);
}

#[tokio::test]
async fn no_login_gets_below_the_floor_in_any_way() {
    let db = at_the_servers_time().await;
    attach(&db, 13).await;
    attach(&db, 6).await;
    let name: String = {
        let sql = format!("select 'live.audit' || to_char({MONTH}, '_YYYY_MM')");
        db.administrator().await.query_one(&sql, &[&6]).await.unwrap().get(0)
    };
    for (login, _) in logins::SERVING {
        let client = db.login(login).await;
        for attempt in [
            "select doors.drop_audit_months(now(), 11)".to_owned(),
            format!("drop table {name}"),
            format!("truncate {name}"),
            format!("delete from {name}"),
            format!("alter table live.audit detach partition {name}"),
            format!("alter table {name} disable trigger all"),
            "create or replace function doors.drop_audit_months(asked_at timestamptz, months integer)
             returns table (plane text, low uuid, high uuid) language sql as $$ select '', gen_random_uuid(), gen_random_uuid() $$".to_owned(),
        ] {
            assert!(client.batch_execute(&attempt).await.is_err(), "{login}: {attempt}");
        }
        let may: bool = db
            .administrator()
            .await
            .query_one(
                "select has_function_privilege($1, 'doors.drop_audit_months(timestamptz, integer)', 'execute')",
                &[&login],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(may, login == "tenantry_jobs", "{login}");
    }
    assert!(is_there(&db, "live", 6).await && is_there(&db, "live", 13).await);
}

#[tokio::test]
async fn what_was_dropped_stands_in_the_platforms_log_which_nobody_alters() {
    let db = at_the_servers_time().await;
    attach(&db, 20).await;
    drop_expired(&db.ground, 12).await.unwrap();
    let outside = db.administrator().await;
    let rows =
        outside.query("select action, login, detail->>'kept_months' from control.platform_log", &[]).await.unwrap();
    assert_eq!(rows.len(), 3);
    let first: (String, String, String) = (rows[0].get(0), rows[0].get(1), rows[0].get(2));
    assert_eq!(first, ("audit.month_dropped".to_owned(), "tenantry_jobs".to_owned(), "12".to_owned()));
    for verb in [
        "update control.platform_log set action = ''",
        "delete from control.platform_log",
        "truncate control.platform_log",
    ] {
        let error = outside.batch_execute(verb).await.expect_err(verb);
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "even the owner: {verb}");
        for (login, _) in logins::SERVING {
            assert!(db.login(login).await.batch_execute(verb).await.is_err(), "{login}: {verb}");
        }
    }
}

#[tokio::test]
async fn a_missing_month_is_told() {
    let db = TestDb::new().await;
    let whole = partitions_ahead(&db.ground, 3).await.unwrap();
    assert!(whole.iter().all(|ahead| ahead.months == 3 && ahead.missing.is_empty()), "{whole:?}");
    db.administrator().await.batch_execute("drop table test.audit_2026_08").await.unwrap();
    let holed = partitions_ahead(&db.ground, 3).await.unwrap();
    let told: Vec<(&str, u32, usize)> =
        holed.iter().map(|ahead| (ahead.plane, ahead.months, ahead.missing.len())).collect();
    assert_eq!(told, [("control", 3, 0), ("live", 3, 0), ("test", 1, 1)]);
    assert_eq!(holed[2].missing[0].to_string(), "2026-08-01T00:00:00Z");
    let further = partitions_ahead(&db.ground, 5).await.unwrap();
    assert_eq!((further[0].months, further[0].missing.len()), (3, 2));
}
