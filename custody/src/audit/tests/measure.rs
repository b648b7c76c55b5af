//! An export of ten million rows, measured: rows a second, and how much the process grows. [AUD-3]
//!
//! Not among the tests that run by themselves: it fills some gigabytes and takes minutes.
//! `cargo test --release -p tenantry-custody --test it -- --ignored --nocapture ten_million`; `TENANTRY_EXPORT_ROWS`
//! gives another number.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::StreamExt as _;
use serde_json::json;
use tenantry_core::ids::TenantId;
use tenantry_core::seal::{DataKey, Place, Zeroizing};
use tenantry_custody::audit::{Filter, Format, export};
use tenantry_platform::record::PersonalFields;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::House;

const ROWS: u64 = 10_000_000;
/// More memory than before, at most (issue 3).
const GROWTH_MOST_KB: u64 = 20 * 1024;
/// Between two rows: ten million fit into the months that the template has.
const STEP_MS: u64 = 700;

#[expect(clippy::print_stdout, reason = "its figures are for whoever runs it by hand")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "fills gigabytes and takes minutes; run by hand, in release"]
async fn ten_million_rows_are_exported_in_twenty_megabytes() {
    let rows = std::env::var("TENANTRY_EXPORT_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROWS);
    let house = House::new().await;
    let begun = Instant::now();
    fill(&house, rows).await;
    println!("filled {rows} rows in {:.0} s", begun.elapsed().as_secs_f64());
    for format in [Format::Jsonl, Format::Csv, Format::Ocsf] {
        // What the first page needs for good is no growth of the export.
        let warm = export(house.ground(), house.exporting(), &Filter::default(), format).await.unwrap();
        drop(Box::pin(warm).next().await);
        measure(&house, rows, format).await;
    }
}

#[expect(clippy::print_stdout, reason = "its figures are for whoever runs it by hand")]
#[tokio::test]
#[ignore = "takes minutes; run by hand, in release"]
async fn each_filter_answers_from_a_million_rows() {
    let house = House::new().await;
    house.fill(1_000_000).await;
    house.db.administrator().await.batch_execute("vacuum analyze live.audit").await.unwrap();
    let word = |text: &str| Some(text.to_owned());
    for (name, filter) in [
        ("none", Filter::default()),
        (
            "time",
            Filter {
                since: Some(house.ground().now() + jiff::SignedDuration::from_hours(24 * 40)),
                ..Filter::default()
            },
        ),
        ("actor, a hundredth", Filter { actor: word("actor-7"), ..Filter::default() }),
        ("action, a hundredth", Filter { action: word("api_key.created7"), ..Filter::default() }),
        ("kind, a hundredth", Filter { entity_type: word("api_key7"), ..Filter::default() }),
        ("thing, a thousandth", Filter { entity_id: word("thing-7"), ..Filter::default() }),
        ("request", Filter { request_id: word("r-777777"), ..Filter::default() }),
        ("nobody", Filter { actor: word("somebody else"), ..Filter::default() }),
        (
            "actor and kind that never meet",
            Filter { actor: word("actor-7"), entity_type: word("api_key8"), ..Filter::default() },
        ),
    ] {
        // As often as it takes the server to keep one plan for all values.
        let mut slowest = 0.0_f64;
        let mut found = 0;
        for _ in 0..8 {
            let begun = Instant::now();
            found = house.list(filter.clone(), 50).await.entries.len();
            slowest = slowest.max(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        println!("{name}: {found} rows, {slowest:.1} ms at most");
    }
}

#[expect(clippy::print_stdout, reason = "its figures are for whoever runs it by hand")]
async fn measure(house: &House, rows: u64, format: Format) {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, begun) = (memory_kb("VmRSS"), Instant::now());
    let pages = export(house.ground(), house.exporting(), &Filter::default(), format).await.unwrap();
    let (mut pages, mut bytes, mut lines) = (Box::pin(pages), 0, 0);
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        bytes += page.len();
        lines += page.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    let (seconds, growth) = (begun.elapsed().as_secs_f64(), memory_kb("VmHWM").saturating_sub(before));
    println!(
        "{}: {lines} lines, {:.1} GB in {seconds:.1} s: {:.0} rows/s, {:.0} MB/s; {before} kB before, peak {growth} kB more",
        format.word(),
        bytes as f64 / 1e9,
        rows as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
    );
    assert!(lines > rows && growth <= GROWTH_MOST_KB);
}

fn memory_kb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// Rows with personal fields that open, all under one subject's key. Only the primary key is kept up: it is all that an
/// export without a filter reads, and the others take longer than the rows.
async fn fill(house: &House, rows: u64) {
    house.act_often(1).await;
    let outside = house.db.administrator().await;
    let drop_indexes = "drop index live.audit_action, live.audit_actor, live.audit_entity_type, live.audit_entity_id,
                            live.audit_request, live.audit_address";
    outside.batch_execute(drop_indexes).await.unwrap();
    let key = subject_key(house, &outside).await;
    let copy = "copy live.audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action,
                    entity_type, entity_id, request_id, metadata, changes, personal, digests, leaf_hash) from stdin binary";
    let types = [
        Type::UUID,
        Type::UUID,
        Type::INT2,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
        Type::JSONB,
        Type::BYTEA,
        Type::JSONB,
        Type::BYTEA,
    ];
    let sink = outside.copy_in(copy).await.unwrap();
    let mut writer = Box::pin(BinaryCopyInWriter::new(sink, &types));
    let (tenant, subject) = (house.tenant.uuid(), house.person.id.uuid());
    let person = subject.to_string();
    let digests: serde_json::Value = ["actor_email", "actor_name", "ip", "user_agent"]
        .map(|field| (field.to_owned(), json!("5".repeat(64))))
        .into_iter()
        .collect();
    let (metadata, changes) =
        (json!({ "name": "Deploy" }), json!({ "scopes": [["orders:read"], ["orders:read", "orders:write"]] }));
    let plain = serde_json::to_vec(&personal()).unwrap();
    for number in 0..rows {
        let at = house.ground().now() + jiff::SignedDuration::from_millis(i64::try_from(number * STEP_MS).unwrap());
        let id = row_id(at.as_millisecond(), number);
        let sealed = key.seal(&row_place(&house.tenant.to_string(), id.as_bytes()), &plain, &house.ground().entropy);
        let (thing, request, hash) = (number.to_string(), format!("request-{number}"), [7_u8; 32]);
        writer
            .as_mut()
            .write(&[
                &tenant,
                &id,
                &1_i16,
                &at,
                &"USER",
                &"session",
                &person,
                &subject,
                &"api_key.updated",
                &"api_key",
                &thing,
                &request,
                &metadata,
                &changes,
                &sealed,
                &digests,
                &hash.as_slice(),
            ])
            .await
            .unwrap();
    }
    writer.as_mut().finish().await.unwrap();
    outside.batch_execute("vacuum analyze live.audit").await.unwrap();
}

async fn subject_key(house: &House, outside: &tokio_postgres::Client) -> DataKey {
    let subject = house.person.id.uuid();
    let sql = "select sealed from live.subject_keys where subject_id = $1";
    let sealed: Vec<u8> = outside.query_one(sql, &[&subject]).await.unwrap().get(0);
    let scope = TenantId::to_string(&house.tenant);
    let place = Place {
        label: "audit-subject",
        scope: &scope,
        table: "live",
        column: "subject_keys.sealed",
        row: subject.as_bytes(),
    };
    let opened = house.ground().sealer.open(&place, &sealed).unwrap();
    DataKey::from_bytes(&Zeroizing::new(opened.as_slice().try_into().unwrap()))
}

fn row_place<'a>(scope: &'a str, id: &'a [u8; 16]) -> Place<'a> {
    Place { label: "audit-personal", scope, table: "audit", column: "personal", row: id }
}

fn row_id(ms: i64, number: u64) -> Uuid {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(ms).unwrap(), &random).into_uuid()
}

fn personal() -> PersonalFields {
    let field = |name: &str, value: &str| (name.to_owned(), (value.to_owned(), "a".repeat(64)));
    PersonalFields {
        fields: BTreeMap::from([
            field("actor_name", "Ann Example"),
            field("actor_email", "ann@example.com"),
            field("ip", "203.0.113.7"),
            field("user_agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ]),
    }
}
