//! What the database keeps by itself, taken away from it.

use tenantry_core::ids::{KeyId, TenantId};
use tenantry_core::keyformat::ApiKey;
use tenantry_core::mode::Mode;
use tenantry_custody::posture::{Outcome, Probe};
use tenantry_platform::db::{Context, Live};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, ManageKeys, Permit};
use tenantry_platform::record::{self, Act};

use super::broken_database::{broken_and_mended, tenant};
use super::{configured, expect, probe};

#[tokio::test]
async fn an_owner_who_can_be_taken_away_is_seen() {
    broken_and_mended(
        "owner-kept",
        &[
            (
                "alter table control.memberships disable trigger keep_an_owner_on_change",
                "alter table control.memberships enable trigger keep_an_owner_on_change",
            ),
            (
                "alter table control.memberships disable trigger keep_an_owner_on_delete",
                "alter table control.memberships enable trigger keep_an_owner_on_delete",
            ),
            (
                "alter table control.persons disable trigger keep_an_owner",
                "alter table control.persons enable trigger keep_an_owner",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_log_that_takes_any_actor_is_seen() {
    broken_and_mended(
        "actors-apart",
        &[(
            "alter table test.audit drop constraint audit_actor_type_check",
            "alter table test.audit add constraint audit_actor_type_check check (actor_type in ('USER', 'SYSTEM'))",
        )],
    )
    .await;
}

#[tokio::test]
async fn a_log_without_a_month_to_come_is_seen() {
    broken_and_mended(
        "audit-room",
        &[
            (
                "alter table live.audit_2026_07 rename to audit_later",
                "alter table live.audit_later rename to audit_2026_07",
            ),
            (
                "alter table test.events_2026_06 rename to events_before",
                "alter table test.events_before rename to events_2026_06",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_log_whose_year_can_be_shortened_is_seen() {
    broken_and_mended(
        "audit-retention",
        &[(
            "grant execute on function doors.drop_audit_months(timestamptz, integer) to tenantry_live",
            "revoke execute on function doors.drop_audit_months(timestamptz, integer) from tenantry_live",
        )],
    )
    .await;
    let db = TestDb::new().await;
    let without_floor = "
        create or replace function doors.drop_audit_months(asked_at timestamptz, months integer)
        returns table (plane text, low uuid, high uuid) language sql as 'select null::text, null::uuid, null::uuid where false'";
    db.administrator().await.batch_execute(without_floor).await.unwrap();
    expect(&probe(&db, None), "audit-retention", Outcome::Fail).await;
}

#[tokio::test]
async fn a_key_of_idempotency_that_is_given_twice_is_seen() {
    let db = TestDb::new().await;
    let probe = probe(&db, None);
    expect(&probe, "idempotency", Outcome::Pass).await;
    let generous = "
        create or replace function doors.claim_idempotency(
            of_mode text, digest bytea, who text, of_route text, print bytea, at timestamptz, until timestamptz)
        returns table (claimed boolean, principal text, fingerprint bytea, status smallint, body bytea)
        language sql as 'select true, null::text, null::bytea, null::smallint, null::bytea'";
    db.administrator().await.batch_execute(generous).await.unwrap();
    expect(&probe, "idempotency", Outcome::Fail).await;
}

#[tokio::test]
async fn a_statement_without_an_index_and_pools_beyond_the_server_are_seen() {
    let db = TestDb::new().await;
    expect(&probe(&db, None), "bounded-work", Outcome::Pass).await;
    let large = configured("[database]\nmax_connections = 1000\n");
    let beyond = std::sync::Arc::new(Probe::new(db.ground.clone(), large, db.urls(), None));
    let evidence = expect(&beyond, "bounded-work", Outcome::Fail).await;
    assert!(evidence.contains("5 pools of 1000"), "{evidence}");
    let bare = "alter table live.audit drop constraint audit_pkey;
        do $$ declare i text; begin
            for i in select c.oid::regclass from pg_class c join pg_index x on x.indexrelid = c.oid
                     where x.indrelid = 'live.audit'::regclass
            loop execute 'drop index ' || i; end loop;
        end $$";
    db.administrator().await.batch_execute(bare).await.unwrap();
    let evidence = expect(&probe(&db, None), "bounded-work", Outcome::Fail).await;
    assert!(evidence.contains("reads whole tables"), "{evidence}");
}

#[tokio::test]
async fn a_key_that_was_made_or_revoked_off_the_record_is_seen() {
    let db = TestDb::new().await;
    let (probe, tenant) = (probe(&db, None), tenant(&db).await);
    let key = off_the_record(&db, tenant).await;
    expect(&probe, "key-acts", Outcome::Fail).await;
    note(&db, tenant, key, "api_key.created").await;
    expect(&probe, "key-acts", Outcome::Pass).await;
    let revoke = "update live.api_keys set revoked_at = now()";
    db.administrator().await.execute(revoke, &[]).await.unwrap();
    expect(&probe, "key-acts", Outcome::Fail).await;
    note(&db, tenant, key, "api_key.revoked").await;
    expect(&probe, "key-acts", Outcome::Pass).await;
}

async fn off_the_record(db: &TestDb, tenant: TenantId) -> KeyId {
    let key = ApiKey::generate(Mode::Live, tenant, &db.ground.entropy);
    let id = KeyId::new(&db.ground.clock, &db.ground.entropy);
    let insert = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at) values ($1, $2, 'CI', $3, $4, '{}', $5)";
    let (digest, begins) = (key.parsed().digest(), key.parsed().start().to_owned());
    let values: [&(dyn tenantry_platform::db::ToSql + Sync); 5] =
        [&tenant.uuid(), &id.uuid(), &digest.as_bytes().as_slice(), &begins, &db.ground.now()];
    db.administrator().await.execute(insert, &values).await.unwrap();
    id
}

async fn note(db: &TestDb, tenant: TenantId, key: KeyId, action: &'static str) {
    let context = Context { tenant: Some(tenant), person: None };
    let permit = Permit::<ManageKeys, Live>::minted(context, Actor::system("job", "test"));
    let mut tx = permit.begin(&db.ground);
    record::append(&mut tx, &db.ground, Act::new(action, "api_key", key)).await.unwrap();
    tx.commit().await.unwrap();
}
