//! What is over goes, however much of it there is, and whatever stands in the way of one sweep.

use tenantry::serve::sweep;
use tenantry_platform::kit::TestDb;

/// What each sweep deletes, and rows of it that are long over.
const OVER: [(&str, &str); 10] = [
    ("control.links", "select sha256(i::text::bytea), gen_random_uuid(), 'x', gen_random_uuid(), '', t, t, null from many"),
    ("control.codes", "select sha256(i::text::bytea), '', t from many"),
    ("control.slugs", "select 's' || i, gen_random_uuid(), false, t, null from many"),
    ("control.change", "select pg_current_xact_id(), gen_random_uuid(), t, 'key', gen_random_uuid() from many"),
    (
        "control.sessions",
        "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), null, 'staff', 'h', null, null, 0, t, null, t, '{}',
            null, null, t, t, t, null, null from many",
    ),
    (
        "control.idempotency",
        "select gen_random_uuid(), 'live', sha256(i::text::bytea), 'x', 'x', sha256(''), 200, null, t, t + interval '1 hour'
         from many",
    ),
    ("live.usage", "select gen_random_uuid(), gen_random_uuid(), 'requests', 'minute', t, 1 from many"),
    ("test.csp_reports", "select gen_random_uuid(), 'd', 'b', 'p', true, 1, t, t from many"),
    (
        "control.invitations",
        "select gen_random_uuid(), gen_random_uuid(), sha256(i::text::bytea), 'a', 'a', 'MEMBER', null, t, t, t, null, null, null
         from many",
    ),
    (
        "control.jobs",
        "select gen_random_uuid(), 'x', '', t, t, 8, null, null, t, null from many",
    ),
];

/// Whom a row belongs to does not matter here, so no reference is looked at.
async fn with_over(db: &TestDb, rows: i32) {
    let administrator = db.administrator().await;
    administrator.batch_execute("set session_replication_role = replica").await.unwrap();
    for (table, values) in OVER {
        let many = "many as (select i, timestamptz '2020-01-01' as t from generate_series(1, $1) i)";
        let insert = format!("with {many} insert into {table} {values}");
        administrator.execute(&insert, &[&rows]).await.unwrap_or_else(|fault| panic!("{table}: {fault:?}"));
    }
}

async fn left(db: &TestDb, table: &str) -> i64 {
    db.administrator().await.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get(0)
}

/// As if a statement that deletes more than 5,000 rows took longer than the server lets it.
const IMPATIENT: &str = "
    create function public.give_up() returns trigger language plpgsql as $$
    begin
        if (select count(*) from gone) > 5000 then
            raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
        end if;
        return null;
    end $$";

#[tokio::test]
async fn more_than_one_statement_can_delete_goes_in_many() {
    let db = TestDb::new().await;
    with_over(&db, 10_500).await;
    let administrator = db.administrator().await;
    administrator.batch_execute(IMPATIENT).await.unwrap();
    for (table, _) in OVER {
        let trigger = format!(
            "create trigger give_up after delete on {table} referencing old table as gone execute function public.give_up()"
        );
        administrator.batch_execute(&trigger).await.unwrap();
    }
    sweep(&db.ground).await.unwrap();
    for (table, _) in OVER {
        assert_eq!(left(&db, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_sweep_that_fails_is_told_and_keeps_no_other_from_its_turn() {
    let doors = [
        ("sessions", "sweep(timestamptz, timestamptz, integer)", 5),
        ("idempotency", "sweep_idempotency(timestamptz, integer)", 1),
        ("usage", "sweep_usage(timestamptz, timestamptz, timestamptz, integer)", 1),
        ("reports", "sweep_csp_reports(timestamptz, integer)", 1),
        ("invitations", "sweep_invitations(timestamptz, integer)", 1),
    ];
    for (name, door, tables) in doors {
        let db = TestDb::new().await;
        with_over(&db, 1).await;
        db.administrator().await.batch_execute(&format!("drop function doors.{door}")).await.unwrap();
        let said = sweep(&db.ground).await.unwrap_err().to_string();
        assert!(said.starts_with(&format!("{name}: ")) && !said.contains("; "), "{said}");
        let mut kept = 0;
        for (table, _) in OVER {
            kept += left(&db, table).await;
        }
        assert_eq!(kept, tables, "{name}");
    }
}

/// Rows that another node is about to delete are its own.
#[tokio::test]
async fn two_sweeps_at_once_do_not_wait_for_each_other() {
    let db = TestDb::new().await;
    with_over(&db, 2).await;
    let other = db.administrator().await;
    other.batch_execute("begin").await.unwrap();
    for (table, _) in OVER {
        let hold = format!("select 1 from {table} limit 1 for update");
        other.execute(&hold, &[]).await.unwrap();
    }
    sweep(&db.ground).await.unwrap();
    for (table, _) in OVER {
        assert_eq!(left(&db, table).await, 1, "{table}");
    }
}
