//! The log, from outside: append-only, merged, erasable, exported whole.

#[path = "tests/about.rs"]
mod about;
#[path = "tests/exports.rs"]
mod exports;
#[path = "tests/filters.rs"]
mod filters;
#[path = "tests/gateway.rs"]
mod gateway;
#[path = "tests/measure.rs"]
mod measure;
#[path = "tests/retention.rs"]
mod retention;

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::{AuditId, PersonId, TenantId};
use tenantry_custody::Custody;
use tenantry_custody::audit::http;
use tenantry_custody::audit::{Filter, Format, Found, Readers, export, list};
use tenantry_platform::config::{Config, Dev};
use tenantry_platform::db::{Context, Control, Live};
use tenantry_platform::feed::Belief;
use tenantry_platform::ground::Ground;
use tenantry_platform::http::{Caller, ControlPermit, Query};
use tenantry_platform::kit::TestDb;
use tenantry_platform::page::words::Words;
use tenantry_platform::permit::{
    Actor, ExportAudit, ManageKeys, Permission, Permit, PersonRef, ReadAudit, TenantRef, TenantStatus,
};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

const FILE: &str = "
    [app]
    name = 'Audit'
    [roles.OWNER]
    owner = true
    permissions = ['audit:read']
    [[routes]]
    path = '/'
    methods = ['GET']
    guard = 'public'
    public_because = 'a test'
";

/// A tenant's log and the person who acts in it.
struct House {
    db: TestDb,
    tenant: TenantId,
    person: PersonRef,
}

impl House {
    async fn new() -> Self {
        let db = TestDb::new().await;
        let tenant = TenantId::new(&db.ground.clock, &db.ground.entropy);
        let id = PersonId::new(&db.ground.clock, &db.ground.entropy);
        let person = PersonRef { id, email: "ann@example.com".to_owned(), name: "Ann".to_owned(), operator: false };
        Self { db, tenant, person }
    }

    fn ground(&self) -> &Ground {
        &self.db.ground
    }

    fn context(&self) -> Context {
        Context { tenant: Some(self.tenant), person: None }
    }

    fn readers<P: Permission>(&self) -> Readers<P, Live> {
        let actor = Actor::person(&self.person);
        Readers { mode: Permit::minted(self.context(), actor.clone()), control: Permit::minted(self.context(), actor) }
    }

    /// Whoever exports, believed now and until something of Ann's changes.
    fn exporting(&self) -> (Readers<ExportAudit, Live>, Belief) {
        let feed = &self.ground().feed;
        (self.readers(), Belief::new(feed.generation(), [self.person.id.uuid()], None))
    }

    /// An act in each plane, a second later.
    async fn act(&self, number: usize) {
        let actor = Actor::person(&self.person);
        let act = |what| {
            Act::new(what, "api_key", number)
                .with(json!({ "number": number, "more": { "b": [true, null], "a": "ü" } }))
                .changed("name", "a", "b")
        };
        let mut tx = Permit::<ManageKeys, Live>::minted(self.context(), actor.clone()).begin(self.ground());
        record::append(&mut tx, self.ground(), act("api_key.created")).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = Permit::<ManageKeys, Control>::minted(self.context(), actor).begin(self.ground());
        record::append(&mut tx, self.ground(), act("member.joined")).await.unwrap();
        tx.commit().await.unwrap();
        self.ground().clock.advance(Duration::from_secs(1));
    }

    /// Many acts of one mode, in one transaction.
    async fn act_often(&self, times: usize) {
        let mut tx =
            Permit::<ManageKeys, Live>::minted(self.context(), Actor::person(&self.person)).begin(self.ground());
        for number in 0..times {
            record::append(&mut tx, self.ground(), Act::new("api_key.created", "api_key", number)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// This many rows of one mode over three months, written by the database: of a hundred actors, actions, kinds and
    /// addresses. Their personal fields do not open.
    async fn fill(&self, rows: i64) {
        self.act_often(1).await;
        let sql = "insert into live.audit (tenant_id, id, version, at, actor_type, actor_kind, actor_id, subject_id, action,
                       entity_type, entity_id, request_id, metadata, changes, personal, digests, leaf_hash, ip_mark)
                   select a.tenant_id,
                       overlay(doors.uuid7_floor(a.at + n * (interval '80 days' / $1::bigint))::text
                               placing lpad(to_hex(n), 12, '0') from 25 for 12)::uuid,
                       a.version, a.at, a.actor_type, a.actor_kind, 'actor-' || n % 100, a.subject_id,
                       a.action || n % 100, a.entity_type || n % 100, 'thing-' || n % 1000, 'r-' || n, a.metadata, a.changes,
                       a.personal, a.digests, a.leaf_hash, n % 100
                   from live.audit a cross join generate_series(1, $1::bigint) n where a.request_id is null";
        self.db.administrator().await.execute(sql, &[&rows]).await.unwrap();
    }

    async fn list(&self, filter: Filter, limit: u16) -> Found {
        self.list_after(filter, None, limit).await
    }

    async fn list_after(&self, filter: Filter, after: Option<AuditId>, limit: u16) -> Found {
        list(self.ground(), &self.readers::<ReadAudit>(), &filter, after, limit).await.unwrap()
    }

    /// The same database seen by another process: this one still has the keys open.
    fn elsewhere(mut self) -> Self {
        let ground = self.ground();
        self.db.ground =
            Ground::new(ground.db.clone(), ground.clock.clone(), ground.entropy.clone(), ground.sealer.clone());
        self
    }

    async fn page(&self, query: Value) -> String {
        let config = Config::for_dev("audit.toml", FILE, &Dev { port: 4_000, upstream: None })
            .unwrap_or_else(|faults| panic!("{faults}"));
        let tenant = TenantRef {
            id: self.tenant,
            slug: "acme".to_owned(),
            name: "Acme".to_owned(),
            plan: "free".to_owned(),
            limits: Default::default(),
            status: TenantStatus::Active,
        };
        let caller = Caller { tenant: Some(tenant.into()), ..crate::stranger() };
        let readers = self.readers::<ReadAudit>();
        let state = State(Custody::new(self.ground().clone(), &config));
        let query = Query(serde_json::from_value(query).unwrap());
        let page =
            http::page::<Live>(readers.mode, ControlPermit(readers.control), caller, state, query).await.unwrap();
        let bytes = axum::body::to_bytes(page.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The row of an address, as signing up leaves it.
    async fn enrol(&self, person: PersonId, address: &str) {
        let sql = "with p as (insert into control.persons (person_id, email, email_lower, name, created_at)
                              values ($1, $2, lower($2), 'Somebody', now()))
                   insert into control.emails (email_lower, person_id) values (lower($2), $1)";
        self.db.administrator().await.execute(sql, &[&person.uuid(), &address]).await.unwrap();
    }

    async fn export(&self) -> Vec<Value> {
        self.export_of(&Filter::default()).await
    }

    async fn export_of(&self, filter: &Filter) -> Vec<Value> {
        let text = self.file(filter, Format::Jsonl).await;
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = lines.pop().unwrap();
        assert_eq!((&end["schema"], &end["rows"]), (&json!("tenantry/audit-end/v1"), &json!(lines.len())));
        lines
    }

    async fn file(&self, filter: &Filter, format: Format) -> String {
        let pages = export(self.ground(), self.exporting(), filter, format).await.unwrap();
        let pages: Vec<_> = pages.try_collect().await.unwrap();
        String::from_utf8(pages.concat()).unwrap()
    }
}

#[tokio::test]
async fn the_log_is_one_list_of_both_planes_newest_first() {
    let house = House::new().await;
    for number in 0..3 {
        house.act(number).await;
    }
    let first = house.list(Filter::default(), 4).await;
    let next = list(house.ground(), &house.readers::<ReadAudit>(), &Filter::default(), first.next, 4).await.unwrap();
    let all: Vec<_> = first.entries.iter().chain(&next.entries).collect();
    assert_eq!((first.entries.len(), next.entries.len(), next.next), (4, 2, None));
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id));
    assert_eq!(all.iter().filter(|entry| entry.plane == "control").count(), 3);
    assert_eq!(all[0].personal_field("actor_email"), Some("ann@example.com"));
}

#[tokio::test]
async fn filters_find_by_time_actor_action_and_thing() {
    let house = House::new().await;
    let start = house.ground().now();
    for number in 0..3 {
        house.act(number).await;
    }
    let at = |seconds: i64| Timestamp::from_second(start.as_second() + seconds).ok();
    let count = async |filter: Filter| house.list(filter, 50).await.entries.len();
    assert_eq!(count(Filter { since: at(1), until: at(2), ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { action: Some("api_key.created".to_owned()), ..Filter::default() }).await, 3);
    assert_eq!(count(Filter { entity_id: Some("2".to_owned()), ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { entity_type: Some("api_key".to_owned()), ..Filter::default() }).await, 6);
    assert_eq!(count(Filter { actor: Some(house.person.id.to_string()), ..Filter::default() }).await, 6);
    assert_eq!(count(Filter { actor: Some("nobody@example.com".to_owned()), ..Filter::default() }).await, 0);
}

#[tokio::test]
async fn an_address_in_the_filter_finds_its_person() {
    let house = House::new().await;
    house.act(0).await;
    house.enrol(house.person.id, "Ann@example.com").await;
    let found = house.list(Filter { actor: Some("Ann@Example.com".to_owned()), ..Filter::default() }, 50).await;
    assert_eq!(found.entries.len(), 2);
}

/// Who asks for the rows of an address leaves that filter in a row of their own log, and may read it.
#[tokio::test]
async fn an_export_does_not_tell_a_tenant_who_has_an_account_elsewhere() {
    let house = House::new().await;
    house.act(0).await;
    house.enrol(house.person.id, "ann@example.com").await;
    house.enrol(PersonId::new(&house.ground().clock, &house.ground().entropy), "bob@elsewhere.example").await;
    for address in ["ann@example.com", "bob@elsewhere.example", "nobody@elsewhere.example"] {
        house.export_of(&Filter { actor: Some(address.to_owned()), ..Filter::default() }).await;
        house.ground().clock.advance(Duration::from_secs(1));
    }
    let rows = house.export().await;
    let noted = rows
        .iter()
        .filter(|row| row["action"] == "audit.exported")
        .map(|row| row["metadata"]["filter"]["actor"].clone());
    assert_eq!(noted.collect::<Vec<_>>(), [json!(house.person.id), Value::Null, Value::Null]);
}

#[tokio::test]
async fn another_tenants_rows_are_not_there() {
    let house = House::new().await;
    house.act(0).await;
    let other = House { db: house.db, tenant: TenantId::from_uuid(Uuid::from_u128(1)), person: house.person };
    assert!(other.list(Filter::default(), 50).await.entries.is_empty());
}

#[tokio::test]
async fn stored_rows_have_the_hash_of_their_columns_until_one_is_altered() {
    let house = House::new().await;
    house.act(0).await;
    assert!(house.list(Filter::default(), 50).await.entries.iter().all(|entry| entry.is_intact()));
    let outside = house.db.administrator().await;
    outside.batch_execute("alter table live.audit disable trigger append_only").await.unwrap();
    outside.batch_execute("update live.audit set metadata = '{\"number\": 1}'").await.unwrap();
    let altered = house.list(Filter::default(), 50).await;
    let mut intact: Vec<_> = altered.entries.iter().map(|entry| (entry.plane, entry.is_intact())).collect();
    intact.sort_unstable();
    assert_eq!(intact, [("control", true), ("live", false)]);
}

#[tokio::test]
async fn an_erased_person_is_gone_and_the_hashes_still_hold() {
    let house = House::new().await;
    house.act(0).await;
    let outside = house.db.administrator().await;
    outside.batch_execute("delete from control.subject_keys; delete from live.subject_keys").await.unwrap();
    let found = house.elsewhere().list(Filter::default(), 50).await;
    assert!(found.entries.iter().all(|entry| entry.personal_field("actor_name").is_none() && entry.is_intact()));
    assert_eq!(found.entries.len(), 2);
}

#[tokio::test]
async fn who_comes_back_after_being_erased_has_new_rows_and_no_old_names() {
    let house = House::new().await;
    house.act(0).await;
    let outside = house.db.administrator().await;
    outside.batch_execute("delete from control.subject_keys; delete from live.subject_keys").await.unwrap();
    let house = house.elsewhere();
    house.act(1).await;
    let states: Vec<Value> = house.export().await.iter().map(|line| line["personal_state"].clone()).collect();
    assert_eq!(states, ["erased", "erased", "known", "known"]);
}

#[tokio::test]
async fn nobody_who_serves_can_change_a_row_and_the_owner_meets_the_trigger() {
    let house = House::new().await;
    house.act(0).await;
    for (login, schema) in
        [("tenantry_live", "live"), ("tenantry_control", "control"), ("tenantry_operator", "control")]
    {
        for verb in ["update {}.audit set action = 'x'", "delete from {}.audit", "truncate {}.audit"] {
            refused(&house.db, Some(login), &verb.replace("{}", schema), house.tenant).await;
        }
    }
    for verb in [
        "update live.audit set action = 'x'",
        "delete from live.audit",
        "truncate live.audit",
        "truncate live.audit_2026_06",
    ] {
        refused(&house.db, None, verb, house.tenant).await;
    }
    assert_eq!(house.list(Filter::default(), 50).await.entries.len(), 2);
}

async fn refused(db: &TestDb, login: Option<&str>, statement: &str, tenant: TenantId) {
    let client = match login {
        Some(login) => db.login(login).await,
        None => db.administrator().await,
    };
    let context = format!("select set_config('tenantry.tenant', '{tenant}', false)");
    client.batch_execute(&context).await.unwrap();
    let error = client.batch_execute(statement).await.expect_err(statement);
    assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{login:?}: {statement}: {error}");
}

tenantry_platform::events! {
    TRIED "test.tried" "Something was tried." {}
}

#[tokio::test]
async fn the_row_commits_with_the_change_or_not_at_all() {
    let house = House::new().await;
    let permit = Permit::<ManageKeys, Live>::minted(house.context(), Actor::person(&house.person));
    let mut tx = permit.begin(house.ground());
    record::append(&mut tx, house.ground(), Act::new("api_key.created", "api_key", 1)).await.unwrap();
    record::emit(&mut tx, house.ground(), &TRIED, json!({})).await.unwrap();
    tx.rollback().await.unwrap();
    let outside = house.db.administrator().await;
    let row = outside
        .query_one("select (select count(*) from live.audit), (select count(*) from live.events)", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 0));
}

#[tokio::test]
async fn an_export_has_every_row_once_in_order_and_leaves_a_row_itself() {
    let house = House::new().await;
    // More than a page of 500, of both planes.
    for number in 0..260 {
        house.act(number).await;
    }
    let lines = house.export().await;
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 520);
    assert!(ids.is_sorted_by(|older, newer| older < newer));
    assert_eq!(lines[0]["schema"], "tenantry/audit/v1");
    assert_eq!(lines[0]["personal"]["actor_name"], "Ann");
    house.ground().clock.advance(Duration::from_secs(1));
    let again = house.export().await;
    assert_eq!(again.last().unwrap()["action"], "audit.exported");
    assert_eq!(again.len(), 521);
}

#[tokio::test]
async fn an_exported_line_can_be_checked_against_the_documented_layout() {
    let house = House::new().await;
    house.act(7).await;
    for line in house.export().await {
        assert_eq!(line["leaf"]["hash"], checked::hash(&line), "{line}");
        assert_eq!(line["leaf"]["digests"]["actor_email"], checked::digest(&line, "actor_email"));
    }
}

#[tokio::test]
async fn an_export_that_fails_in_the_middle_breaks_the_transfer() {
    let house = House::new().await;
    house.act_often(1_200).await;
    let lines = export(house.ground(), house.exporting(), &Filter::default(), Format::Jsonl).await.unwrap();
    let mut body = Body::from_stream(lines).into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    house.db.administrator().await.batch_execute("revoke select on live.audit from tenantry_live").await.unwrap();
    assert!(body.next().await.unwrap().is_err());
}

#[tokio::test]
async fn a_row_whose_names_were_altered_hides_no_other_row() {
    let house = House::new().await;
    house.act(0).await;
    house.act(1).await;
    let alter = "alter table live.audit disable trigger append_only;
                 update live.audit set personal = overlay(personal placing '\\x00'::bytea from length(personal)) where entity_id = '0'";
    house.db.administrator().await.batch_execute(alter).await.unwrap();
    let states: Vec<Value> = house.export().await.iter().map(|line| line["personal_state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == "damaged").count(), 1);
    assert_eq!(states.len(), 4);
}

#[tokio::test]
async fn the_page_shows_rows_escaped_and_says_what_is_wrong_with_a_day() {
    let house =
        House { person: PersonRef { name: "<script>x".to_owned(), ..House::new().await.person }, ..House::new().await };
    for number in 0..30 {
        house.act(number).await;
    }
    let words = Words::english();
    let page = house.page(json!({ "action": "api_key.created" })).await;
    assert!(page.contains("&#60;script&#62;x") && !page.contains("<script>x"), "escaped");
    assert_eq!(page.matches("class=\"entry\"").count(), 30);
    let page = house.page(json!({ "since": "yesterday", "entity_type": "api_key" })).await;
    assert!(page.contains(words.say("audit.bad_time")), "named beside the field");
    assert_eq!(page.matches("class=\"entry\"").count(), 0, "no rows that nobody asked for");
    let page = house.page(json!({ "entity_type": "api_key" })).await;
    assert!(page.contains("entity_type=api_key&#38;after="), "the next page has the same filter");
    let page = house.page(json!({ "until": "2026-06-14" })).await;
    assert!(page.contains(words.say("audit.empty")), "the day before the first act");
}

/// The check of `docs/audit-schema.md`, written from that page alone.
mod checked {
    use serde_json::Value;
    use sha2::{Digest as _, Sha256};
    use uuid::Uuid;

    pub(crate) fn hash(line: &Value) -> String {
        let mut bytes = Vec::new();
        field(&mut bytes, b"tenantry/audit-leaf/v1");
        field(&mut bytes, id(&line["id"]).as_bytes());
        bytes.push(1);
        field(&mut bytes, id(&line["tenant_id"]).as_bytes());
        text(&mut bytes, &line["plane"]);
        let at: jiff::Timestamp = line["at"].as_str().unwrap().parse().unwrap();
        field(&mut bytes, &at.as_microsecond().to_be_bytes());
        text(&mut bytes, &line["actor"]["type"]);
        text(&mut bytes, &line["actor"]["kind"]);
        optional(&mut bytes, &line["actor"]["id"]);
        text(&mut bytes, &line["action"]);
        text(&mut bytes, &line["entity"]["type"]);
        optional(&mut bytes, &line["entity"]["id"]);
        optional(&mut bytes, &line["request_id"]);
        // serde_json sorts the keys of its maps.
        field(&mut bytes, line["metadata"].to_string().as_bytes());
        field(&mut bytes, line["changes"].to_string().as_bytes());
        for (name, digest) in line["leaf"]["digests"].as_object().unwrap() {
            field(&mut bytes, name.as_bytes());
            field(&mut bytes, &unhex(digest));
        }
        hex(&Sha256::new_with_prefix([0]).chain_update(bytes).finalize())
    }

    pub(crate) fn digest(line: &Value, name: &str) -> String {
        let mut named = Vec::new();
        field(&mut named, name.as_bytes());
        let value = line["personal"][name].as_str().unwrap();
        hex(&Sha256::new_with_prefix(unhex(&line["leaf"]["salts"][name]))
            .chain_update(named)
            .chain_update(value)
            .finalize())
    }

    fn field(bytes: &mut Vec<u8>, value: &[u8]) {
        bytes.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend(value);
    }

    fn text(bytes: &mut Vec<u8>, value: &Value) {
        field(bytes, value.as_str().unwrap().as_bytes());
    }

    fn optional(bytes: &mut Vec<u8>, value: &Value) {
        bytes.push(u8::from(!value.is_null()));
        if !value.is_null() {
            text(bytes, value);
        }
    }

    fn id(value: &Value) -> Uuid {
        value.as_str().unwrap().parse().unwrap()
    }

    fn unhex(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
