//! Controls that stand on the database, broken by SQL of its owner or administrator.

use std::collections::HashMap;

use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_core::random::Entropy;
use tenantry_core::seal::{RootKey, Sealer};
use tenantry_core::secret::ExposeSecret as _;
use tenantry_custody::posture::{EXPECTED_CATALOGUE, Outcome, actual_catalogue};
use tenantry_custody::vault::{ensure_canary, signing_keys};
use tenantry_platform::db::{Context, Live};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, ManageKeys, Permit};
use tenantry_platform::postgres::{Options, PrivateCluster};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::{expect, probe, schedule};

/// Breaks a control by SQL, mends it by SQL, and watches the verdict follow.
pub(super) async fn broken_and_mended(id: &str, cases: &[(&str, &str)]) {
    let db = TestDb::new().await;
    let (probe, outside) = (probe(&db, None), db.administrator().await);
    expect(&probe, id, Outcome::Pass).await;
    for (break_it, mend_it) in cases {
        outside.batch_execute(break_it).await.unwrap_or_else(|error| panic!("{break_it}: {error:?}"));
        let evidence = expect(&probe, id, Outcome::Fail).await;
        assert!(!evidence.is_empty(), "{break_it}");
        outside.batch_execute(mend_it).await.unwrap_or_else(|error| panic!("{mend_it}: {error:?}"));
    }
    expect(&probe, id, Outcome::Pass).await;
}

#[tokio::test]
async fn the_expected_catalogue_is_what_the_migrations_make() {
    let db = TestDb::new().await;
    let actual = actual_catalogue(&db.administrator().await).await.unwrap().join("\n") + "\n";
    if std::env::var_os("TENANTRY_ACCEPT_CATALOGUE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/posture/expected-catalogue.txt"), &actual).unwrap();
    }
    let difference = |from: &str, to: &str| -> Vec<String> {
        let known: Vec<&str> = to.lines().collect();
        from.lines().filter(|line| !known.contains(line)).map(str::to_owned).collect()
    };
    let (added, gone) = (difference(&actual, EXPECTED_CATALOGUE), difference(EXPECTED_CATALOGUE, &actual));
    assert!(
        added.is_empty() && gone.is_empty(),
        "read these changes, then accept them with TENANTRY_ACCEPT_CATALOGUE=1: added {added:#?}, gone {gone:#?}"
    );
}

#[tokio::test]
async fn rls_coverage_sees_every_way_of_opening_the_second_wall() {
    let using = "using (tenant_id = current_setting('tenantry.tenant')::uuid)
                 with check (tenant_id = current_setting('tenantry.tenant')::uuid)";
    let policy = format!("create policy tenant on live.api_keys to tenantry_live {using}");
    let restore = format!("drop policy if exists tenant on live.api_keys; {policy}");
    broken_and_mended(
        "rls-coverage",
        &[
            (
                "alter table live.api_keys disable row level security",
                "alter table live.api_keys enable row level security",
            ),
            (
                "alter table live.api_keys no force row level security",
                "alter table live.api_keys force row level security",
            ),
            ("drop policy tenant on live.api_keys", &policy),
            ("alter policy tenant on live.api_keys using (true)", &restore),
            ("alter policy tenant on live.api_keys with check (true)", &restore),
            ("create policy also on live.api_keys to tenantry_live using (true)", "drop policy also on live.api_keys"),
            ("grant truncate on live.api_keys to tenantry_live", "revoke truncate on live.api_keys from tenantry_live"),
            (
                "grant update (operator) on control.persons to tenantry_control",
                "revoke update (operator) on control.persons from tenantry_control",
            ),
            ("grant usage on schema live to tenantry_test", "revoke usage on schema live from tenantry_test"),
            ("create table live.notes (tenant_id uuid, note text)", "drop table live.notes"),
            ("create view live.everything as select * from live.api_keys", "drop view live.everything"),
        ],
    )
    .await;
}

/// A node that is there and says nothing keeps every revocation waiting for its lease.
#[tokio::test]
async fn a_revocation_that_takes_longer_than_a_second_is_measured() {
    let silent = "insert into control.nodes values (gen_random_uuid(), 'silent', now(), 0, pg_current_snapshot(), 0)";
    broken_and_mended("revocation-latency", &[(silent, "delete from control.nodes")]).await;
}

#[tokio::test]
async fn an_older_copy_is_red_until_somebody_has_looked() {
    let noted = "insert into control.copies values (gen_random_uuid(), now(), 'a node', 'its beat was 7', null)";
    broken_and_mended("database-copy", &[(noted, "update control.copies set acknowledged_at = now()")]).await;
}

#[tokio::test]
async fn a_table_that_changed_hands_is_seen() {
    let db = TestDb::new().await;
    db.administrator().await.batch_execute("alter table live.api_keys owner to tenantry_live").await.unwrap();
    let probe = probe(&db, None);
    expect(&probe, "rls-coverage", Outcome::Fail).await;
    expect(&probe, "serving-logins", Outcome::Fail).await;
}

#[tokio::test]
async fn a_door_that_was_altered_or_opened_is_seen() {
    broken_and_mended(
        "privileged-functions",
        &[
            ("create function doors.everyone() returns bigint language sql security definer as 'select count(*) from control.persons'", "drop function doors.everyone()"),
            ("grant execute on function doors.canary() to public", "revoke execute on function doors.canary() from public"),
            ("grant execute on function doors.person_by_email(text) to tenantry_live", "revoke execute on function doors.person_by_email(text) from tenantry_live"),
            ("alter function doors.canary() security invoker", "alter function doors.canary() security definer"),
            ("alter function doors.canary() reset search_path", "alter function doors.canary() set search_path = ''"),
        ],
    )
    .await;
    let db = TestDb::new().await;
    let body = "create or replace function doors.person_by_email(address text) returns table (person_id uuid)
                language sql stable strict security definer set search_path = '' as 'select e.person_id from control.emails e'";
    db.administrator().await.batch_execute(body).await.unwrap();
    let evidence = expect(&probe(&db, None), "privileged-functions", Outcome::Fail).await;
    assert!(evidence.contains("person_by_email"), "{evidence}");
}

#[tokio::test]
async fn an_open_wall_is_climbed_by_the_check_itself() {
    broken_and_mended(
        "tenant-isolation",
        &[
            ("alter table live.api_keys disable row level security", "alter table live.api_keys enable row level security"),
            ("alter table test.subject_keys disable row level security", "alter table test.subject_keys enable row level security"),
            ("create policy also on control.tenants to tenantry_control using (true)", "drop policy also on control.tenants"),
            (
                "alter policy tenant on live.subject_keys using (tenant_id = nullif(current_setting('tenantry.tenant'), '')::uuid)",
                "alter policy tenant on live.subject_keys using (tenant_id = current_setting('tenantry.tenant')::uuid)",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_grant_between_the_modes_is_walked_through() {
    broken_and_mended(
        "modes-apart",
        &[(
            "grant usage on schema live to tenantry_test; grant select on live.audit to tenantry_test",
            "revoke usage on schema live from tenantry_test; revoke select on live.audit from tenantry_test",
        )],
    )
    .await;
}

#[tokio::test]
async fn a_login_with_another_session_is_seen() {
    let db = TestDb::new().await;
    let (probe, outside) = (probe(&db, None), db.administrator().await);
    expect(&probe, "serving-logins", Outcome::Pass).await;
    let in_database = |setting: &str| format!("alter role tenantry_live in database {} {setting}", db.name);
    for setting in ["set row_security = off", "set search_path = test"] {
        outside.batch_execute(&in_database(setting)).await.unwrap();
        expect(&probe, "serving-logins", Outcome::Fail).await;
        outside.batch_execute(&in_database("reset all")).await.unwrap();
    }
    expect(&probe, "serving-logins", Outcome::Pass).await;
}

/// Roles belong to the cluster: this test has one of its own.
#[tokio::test]
async fn a_login_that_was_given_power_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = PrivateCluster::start(&Options::new(dir.path(), Entropy::system())).await.unwrap();
    let db = own::database(&cluster).await;
    expect(&db.probe, "serving-logins", Outcome::Pass).await;
    for (give, take) in [
        ("alter role tenantry_live bypassrls", "alter role tenantry_live nobypassrls"),
        ("alter role tenantry_jobs superuser", "alter role tenantry_jobs nosuperuser"),
        ("grant tenantry_owner to tenantry_test", "revoke tenantry_owner from tenantry_test"),
        ("grant tenantry_door_canary to tenantry_operator", "revoke tenantry_door_canary from tenantry_operator"),
    ] {
        db.outside.batch_execute(give).await.unwrap();
        expect(&db.probe, "serving-logins", Outcome::Fail).await;
        db.outside.batch_execute(take).await.unwrap();
    }
    expect(&db.probe, "serving-logins", Outcome::Pass).await;
    cluster.stop().await;
}

#[tokio::test]
async fn an_audit_log_that_can_be_changed_is_seen() {
    broken_and_mended(
        "audit-append-only",
        &[
            ("alter table live.audit disable trigger append_only", "alter table live.audit enable trigger append_only"),
            ("drop trigger no_truncate on control.audit", "create trigger no_truncate before truncate on control.audit for each statement execute function control.refuse_change()"),
            ("grant delete on test.audit to tenantry_test", "revoke delete on test.audit from tenantry_test"),
            (
                "grant delete on test.audit to tenantry_test; alter table test.audit disable trigger all",
                "revoke delete on test.audit from tenantry_test; alter table test.audit enable trigger all",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_audit_row_that_may_be_empty_is_no_longer_atomic() {
    broken_and_mended(
        "audit-atomic",
        &[(
            "alter table live.audit drop constraint audit_leaf_hash_check",
            "alter table live.audit add constraint audit_leaf_hash_check check (length(leaf_hash) = 32)",
        )],
    )
    .await;
}

#[tokio::test]
async fn an_altered_audit_row_is_found() {
    let db = TestDb::new().await;
    let (probe, outside, tenant) = (probe(&db, None), db.administrator().await, tenant(&db).await);
    let permit = Permit::<ManageKeys, Live>::minted(
        Context { tenant: Some(tenant), person: None },
        Actor::system("job", "test"),
    );
    let mut tx = permit.begin(&db.ground);
    record::append(&mut tx, &db.ground, Act::new("api_key.revoked", "api_key", 1)).await.unwrap();
    tx.commit().await.unwrap();
    let evidence = expect(&probe, "audit-intact", Outcome::Pass).await;
    assert!(evidence.starts_with("1 rows of 1 tenants"), "{evidence}");
    let alter = |action: &str| {
        format!(
            "alter table live.audit disable trigger append_only; update live.audit set action = '{action}';
             alter table live.audit enable trigger append_only"
        )
    };
    outside.batch_execute(&alter("api_key.created")).await.unwrap();
    expect(&probe, "audit-intact", Outcome::Fail).await;
    outside.batch_execute(&alter("api_key.revoked")).await.unwrap();
    expect(&probe, "audit-intact", Outcome::Pass).await;
}

#[tokio::test]
async fn weak_password_hashes_are_counted_and_nothing_of_them_is_told() {
    let db = TestDb::new().await;
    let (probe, outside) = (probe(&db, None), db.administrator().await);
    let insert = "with p as (insert into control.persons (person_id, email, email_lower, name, created_at)
                                values ($1, 'a@b.c', 'a@b.c', 'A', now()))
                  insert into control.identities (person_id, id, kind, issuer, subject, secret, created_at, changed_at)
                  values ($1, $1, 'password', '', '', $2, now(), now())";
    let strong = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo";
    outside.execute(insert, &[&Uuid::from_u128(1), &strong]).await.unwrap();
    expect(&probe, "password-hashing", Outcome::Pass).await;
    for weak in [
        "$argon2id$v=19$m=19455,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
        "$argon2d$v=19$m=65536,t=4,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo",
        "$1$abcdefgh$ijklmnopqrstuvwxyz0123",
        "hunter2",
    ] {
        let id = Uuid::from_u128(2);
        outside.execute(insert, &[&id, &weak]).await.unwrap();
        let evidence = expect(&probe, "password-hashing", Outcome::Fail).await;
        assert!(
            !evidence.contains("c2FsdHN") && !evidence.contains("abcdef") && !evidence.contains("hunter2"),
            "{evidence}"
        );
        outside.execute("delete from control.persons where person_id = $1", &[&id]).await.unwrap();
    }
    expect(&probe, "password-hashing", Outcome::Pass).await;
}

#[tokio::test]
async fn a_key_in_plain_text_is_found_wherever_it_slipped_in() {
    let db = TestDb::new().await;
    let (probe, outside, tenant) = (probe(&db, None), db.administrator().await, tenant(&db).await);
    let key = ApiKey::generate(Mode::Live, tenant, &db.ground.entropy);
    let (digest, start) = (key.parsed().digest(), key.parsed().start().to_owned());
    let id = KeyId::new(&db.ground.clock, &db.ground.entropy);
    let insert = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at) values ($1, $2, $3, $4, $5, '{}', now())";
    outside.execute(insert, &[&tenant.uuid(), &id.uuid(), &"CI", &digest.as_bytes().as_slice(), &start]).await.unwrap();
    expect(&probe, "key-digests", Outcome::Pass).await;
    outside.execute("update live.api_keys set name = $1", &[&key.into_plaintext().expose_secret()]).await.unwrap();
    let evidence = expect(&probe, "key-digests", Outcome::Fail).await;
    assert!(!evidence.contains("sk_"), "{evidence}");
    outside.execute("update live.api_keys set name = 'CI'", &[]).await.unwrap();
    expect(&probe, "key-digests", Outcome::Pass).await;
}

#[tokio::test]
async fn another_root_key_or_a_moved_secret_opens_nothing() {
    let db = TestDb::new().await;
    ensure_canary(&db.ground).await.unwrap();
    let here = probe(&db, None);
    expect(&here, "sealed-secrets", Outcome::Fail).await;
    signing_keys::ensure(&db.ground, &schedule()).await.unwrap();
    expect(&here, "sealed-secrets", Outcome::Pass).await;
    let mut other = db.ground.clone();
    other.sealer = std::sync::Arc::new(Sealer::new(&RootKey::generate(&Entropy::seeded(7))));
    let elsewhere = std::sync::Arc::new(tenantry_custody::posture::Probe::new(other, super::config(), db.urls(), None));
    expect(&elsewhere, "sealed-secrets", Outcome::Fail).await;
    let swap = "update control.signing_keys k set sealed = o.sealed from control.signing_keys o
                where o.purpose <> k.purpose and 'first-party' not in (k.purpose, o.purpose)";
    let outside = db.administrator().await;
    outside.execute(swap, &[]).await.unwrap();
    expect(&here, "sealed-secrets", Outcome::Fail).await;
    outside.execute(swap, &[]).await.unwrap();
    expect(&here, "sealed-secrets", Outcome::Pass).await;
}

#[tokio::test]
async fn the_checks_leave_no_row_behind() {
    let db = TestDb::new().await;
    let (probe, outside) = (probe(&db, None), db.administrator().await);
    let before = rows(&outside).await;
    for control in tenantry_custody::posture::CONTROLS {
        super::run(&probe, control.id).await;
    }
    let after = rows(&outside).await;
    // The canary of the root key is planted where there was none, and what nodes were told is swept after a day.
    let grown: Vec<_> = after
        .iter()
        .filter(|(table, count)| before.get(*table) != Some(count))
        .map(|(table, _)| table.as_str())
        .filter(|table| *table != "control.change")
        .collect();
    assert_eq!(grown, ["control.canary"]);
}

async fn rows(outside: &tokio_postgres::Client) -> HashMap<String, i64> {
    let tables =
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where n.nspname in ('control', 'live', 'test') and c.relkind in ('r', 'p')";
    let mut counts = HashMap::new();
    for row in outside.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let count = outside.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get(0);
        counts.insert(table, count);
    }
    counts
}

pub(super) async fn tenant(db: &TestDb) -> TenantId {
    let tenant = TenantId::new(&db.ground.clock, &db.ground.entropy);
    let insert = "insert into control.tenants (tenant_id, slug, name, status_at, created_at) values ($1, 'acme', 'Acme', now(), now())";
    db.administrator().await.execute(insert, &[&tenant.uuid()]).await.unwrap();
    tenant
}

/// A database in a cluster of one's own.
mod own {
    use std::sync::Arc;

    use tenantry_core::clock::Clock;
    use tenantry_core::random::Entropy;
    use tenantry_core::seal::{RootKey, Sealer};
    use tenantry_custody::posture::Probe;
    use tenantry_platform::db::{Database, PoolOptions, Urls, provision};
    use tenantry_platform::ground::Ground;
    use tenantry_platform::kit::{password, start};
    use tenantry_platform::postgres::PrivateCluster;
    use tokio_postgres::{Client, NoTls};

    pub(super) struct OwnDatabase {
        pub(super) probe: Arc<Probe>,
        pub(super) outside: Client,
    }

    pub(super) async fn database(cluster: &PrivateCluster) -> OwnDatabase {
        provision(&cluster.administrator("postgres"), "own", password, start()).await.unwrap();
        let login = |login: &str| cluster.config(login, &password(login), "own");
        let urls = Urls {
            control: login("tenantry_control"),
            live: login("tenantry_live"),
            test: login("tenantry_test"),
            jobs: login("tenantry_jobs"),
            operator: login("tenantry_operator"),
        };
        let entropy = Entropy::seeded(1);
        let sealer = Arc::new(Sealer::new(&RootKey::generate(&entropy)));
        let ground = Ground::new(
            Database::open(urls.clone(), PoolOptions::default()).unwrap(),
            Clock::fixed(start()),
            entropy,
            sealer,
        );
        let (outside, connection) = cluster.administrator("own").connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        OwnDatabase { probe: Arc::new(Probe::new(ground, super::super::config(), urls, None)), outside }
    }
}
