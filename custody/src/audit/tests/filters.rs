//! What each filter finds, what it refuses, and that it has an index. [AUD-3]

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_core::ids::{KeyId, PersonId};
use tenantry_custody::audit::{Asked, Filter, Wrong};
use tenantry_platform::db::Live;
use tenantry_platform::permit::{Actor, ManageKeys, Observe, Origin, Permit, PersonRef};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::House;

const HOME: &str = "203.0.113.7";
const OFFICE: &str = "2001:db8::7";

impl House {
    /// A row of an actor, from an address, in a request.
    async fn row(&self, actor: Actor, ip: &str, request: &str) {
        let origin = Origin { ip: ip.parse().ok(), request_id: Some(request.to_owned()), user_agent: None };
        let mut tx = Permit::<Observe, Live>::system(self.context(), actor, origin).begin(self.ground());
        record::append(&mut tx, self.ground(), Act::new("api_key.created", "api_key", request)).await.unwrap();
        tx.commit().await.unwrap();
        self.ground().clock.advance(Duration::from_secs(1));
    }

    async fn from(&self, ip: &str) -> Vec<String> {
        let filter = Filter { ip: ip.parse().ok(), ..Filter::default() };
        self.list(filter, 50).await.entries.into_iter().filter_map(|entry| entry.request_id).collect()
    }

    async fn count(&self, actor: &str) -> usize {
        self.list(Filter { actor: Some(actor.to_owned()), ..Filter::default() }, 50).await.entries.len()
    }

    /// A membership of this house's tenant.
    async fn join(&self, person: PersonId) {
        let outside = self.db.administrator().await;
        let tenant = self.tenant.uuid();
        let made = "insert into control.tenants (tenant_id, slug, name, status_at, created_at)
                    values ($1, 'acme', 'Acme', now(), now()) on conflict do nothing";
        outside.execute(made, &[&tenant]).await.unwrap();
        let joined =
            "insert into control.memberships (tenant_id, person_id, role, created_at) values ($1, $2, 'OWNER', now())";
        outside.execute(joined, &[&tenant, &person.uuid()]).await.unwrap();
    }

    async fn key(&self, name: &str) -> KeyId {
        let id = KeyId::new(&self.ground().clock, &self.ground().entropy);
        let made = "insert into live.api_keys (tenant_id, id, name, digest, start, scopes, created_at)
                    values ($1, $2, $3, sha256($4), 'abcdefgh', '{}', now())";
        let outside = self.db.administrator().await;
        outside
            .execute(made, &[&self.tenant.uuid(), &id.uuid(), &name, &id.uuid().as_bytes().as_slice()])
            .await
            .unwrap();
        id
    }
}

fn key_actor(key: KeyId) -> Actor {
    Actor { kind: "api_key", system: false, subject: key.uuid(), ..Actor::system("api_key", key.to_string()) }
}

#[tokio::test]
async fn an_address_finds_its_rows_in_any_spelling_and_no_others() {
    let house = House::new().await;
    for (ip, request) in [(HOME, "a"), (OFFICE, "b"), (HOME, "c"), ("::ffff:203.0.113.7", "d"), ("198.51.100.1", "e")] {
        house.row(Actor::person(&house.person), ip, request).await;
    }
    assert_eq!(house.from(HOME).await, ["d", "c", "a"]);
    assert_eq!(house.from("::ffff:203.0.113.7").await, ["d", "c", "a"]);
    assert_eq!(house.from("2001:DB8:0::7").await, ["b"]);
    assert!(house.from("203.0.113.8").await.is_empty());
}

#[tokio::test]
async fn an_address_whose_mark_is_shared_is_told_from_the_others() {
    let house = House::new().await;
    house.row(Actor::person(&house.person), HOME, "a").await;
    house.row(Actor::person(&house.person), OFFICE, "b").await;
    let same = "alter table live.audit disable trigger append_only;
                update live.audit set ip_mark = (select ip_mark from live.audit where request_id = 'a')";
    house.db.administrator().await.batch_execute(same).await.unwrap();
    assert_eq!(house.from(HOME).await, ["a"]);
}

#[tokio::test]
async fn the_address_of_an_erased_person_finds_nothing() {
    let house = House::new().await;
    house.row(Actor::person(&house.person), HOME, "a").await;
    let stranger = PersonRef { id: PersonId::from_uuid(Uuid::from_u128(7)), ..house.person.clone() };
    house.row(Actor::person(&stranger), HOME, "b").await;
    let erase = "delete from live.subject_keys where subject_id = $1";
    house.db.administrator().await.execute(erase, &[&stranger.id.uuid()]).await.unwrap();
    let house = house.elsewhere();
    assert_eq!(house.from(HOME).await, ["a"]);
}

/// What stays of an address is two bytes: 65,536 addresses of IPv4 share it, and another tenant's are others.
#[tokio::test]
async fn a_mark_tells_two_bytes_and_differs_between_tenants() {
    let house = House::new().await;
    let other = House::new().await;
    for house in [&house, &other] {
        for host in 1..=40 {
            house.row(Actor::person(&house.person), &format!("203.0.113.{host}"), "r").await;
        }
    }
    let marks = async |house: &House| -> Vec<i32> {
        let rows =
            house.db.administrator().await.query("select ip_mark from live.audit order by id", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let (ours, theirs) = (marks(&house).await, marks(&other).await);
    assert!(ours.iter().chain(&theirs).all(|mark| (0..=65_535).contains(mark)));
    assert!(ours.iter().zip(&theirs).filter(|(ours, theirs)| ours == theirs).count() < 5, "a key of its own");
}

#[tokio::test]
async fn a_request_is_found_by_its_id() {
    let house = House::new().await;
    house.row(Actor::person(&house.person), HOME, "r-1").await;
    house.row(Actor::person(&house.person), HOME, "r-2").await;
    let found = house.list(Filter { request_id: Some("r-2".to_owned()), ..Filter::default() }, 50).await.entries;
    assert_eq!(found.iter().map(|entry| entry.entity_id.as_str()).collect::<Vec<_>>(), ["r-2"]);
}

#[tokio::test]
async fn a_keys_name_finds_what_each_key_of_that_name_did() {
    let house = House::new().await;
    let (old, new, other) = (house.key("Deploy").await, house.key("deploy").await, house.key("Billing").await);
    for key in [old, new, other, new] {
        house.row(key_actor(key), HOME, "r").await;
    }
    assert_eq!((house.count("Deploy").await, house.count(&new.to_string()).await), (3, 2));
    assert_eq!(house.count("Nothing").await, 0);
}

#[tokio::test]
async fn pages_of_a_name_with_several_keys_go_on_where_the_last_one_ended() {
    let house = House::new().await;
    let keys = [house.key("Deploy").await, house.key("Deploy").await];
    for number in 0..9 {
        house.row(key_actor(keys[number % 2]), HOME, &number.to_string()).await;
    }
    let filter = Filter { actor: Some("Deploy".to_owned()), ..Filter::default() };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = house.list_after(filter.clone(), after, 2).await;
        found.extend(page.entries.iter().filter_map(|entry| entry.request_id.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["8", "7", "6", "5", "4", "3", "2", "1", "0"]);
}

/// A page of one row reads many at a time, and the actors of a name share what one answer may open.
#[tokio::test]
async fn an_address_that_is_never_found_costs_a_few_statements() {
    let house = House::new().await;
    let keys = [house.key("Deploy").await, house.key("Deploy").await, house.key("Deploy").await];
    house.row(Actor::person(&house.person), HOME, "mine").await;
    house.fill(9_000).await;
    let shared = format!(
        "alter table live.audit disable trigger append_only;
         update live.audit set ip_mark = (select ip_mark from live.audit where request_id = 'mine'),
             actor_id = (array['{}', '{}', '{}'])[1 + substr(request_id, 3)::int % 3]
         where request_id like 'r-%'",
        keys[0], keys[1], keys[2]
    );
    house.db.administrator().await.batch_execute(&shared).await.unwrap();
    let filter = Filter { actor: Some("Deploy".to_owned()), ip: HOME.parse().ok(), ..Filter::default() };
    let (live, mut after, mut answers) = (&house.ground().db.live, None, 0);
    loop {
        let before = live.statements();
        let page = house.list_after(filter.clone(), after, 1).await;
        let cost = live.statements() - before;
        assert!(page.entries.is_empty() && cost <= 40, "5,000 rows, 200 at a time, and what finds keys: {cost}");
        (after, answers) = (page.next, answers + 1);
        if after.is_none() {
            break;
        }
    }
    assert!((2..=3).contains(&answers), "each answer goes on where the one before ended: {answers}");
}

#[tokio::test]
async fn a_member_is_found_by_the_address_of_today() {
    let house = House::new().await;
    house.act(0).await;
    house.enrol(house.person.id, "new@example.com").await;
    assert_eq!(house.count("new@example.com").await, 0, "not a member, and the log names another address");
    house.join(house.person.id).await;
    assert_eq!(house.count("new@example.com").await, 2);
}

/// Who left and took another address elsewhere is not found by it: this tenant would learn it.
#[tokio::test]
async fn an_address_that_this_tenant_does_not_know_is_answered_like_one_of_nobody() {
    let house = House::new().await;
    house.act(0).await;
    house.enrol(house.person.id, "private@elsewhere.example").await;
    assert_eq!(house.count("private@elsewhere.example").await, 0);
    assert_eq!(house.count("nobody@elsewhere.example").await, 0);
}

#[tokio::test]
async fn all_filters_hold_together() {
    let house = House::new().await;
    house.row(Actor::person(&house.person), HOME, "a").await;
    house.row(Actor::person(&house.person), OFFICE, "b").await;
    let both = Filter { ip: HOME.parse::<IpAddr>().ok(), request_id: Some("b".to_owned()), ..Filter::default() };
    assert!(house.list(both, 50).await.entries.is_empty());
    let all = Filter {
        actor: Some(house.person.id.to_string()),
        action: Some("api_key.created".to_owned()),
        entity_type: Some("api_key".to_owned()),
        entity_id: Some("b".to_owned()),
        ip: OFFICE.parse::<IpAddr>().ok(),
        request_id: Some("b".to_owned()),
        ..Filter::default()
    };
    assert_eq!(house.list(all, 50).await.entries.len(), 1);
}

#[test]
fn what_means_nothing_is_refused_by_name_and_all_at_once() {
    let long = "x".repeat(600);
    let asked = Asked {
        since: "yesterday",
        until: "2026-13-01",
        actor: &long,
        action: "created",
        entity_type: "Api Key",
        entity_id: &long,
        ip: "203.0.113.0/24",
        request_id: &long,
    };
    let all = [
        Wrong::Since,
        Wrong::Until,
        Wrong::Actor,
        Wrong::Action,
        Wrong::EntityType,
        Wrong::EntityId,
        Wrong::Ip,
        Wrong::RequestId,
    ];
    assert_eq!(asked.read(), Err(all.to_vec()));
    let turned = Asked { since: "2026-03-02", until: "2026-03-01T00:00:00Z", ..Asked::default() };
    assert_eq!(turned.read(), Err(vec![Wrong::Order]));
}

#[test]
fn times_are_days_minutes_or_instants_in_utc() {
    let read = |since, until| {
        let filter = Asked { since, until, ..Asked::default() }.read().unwrap();
        [filter.since, filter.until].map(|at| at.map(|at| at.to_string()).unwrap_or_default())
    };
    assert_eq!(read("2026-03-12", "2026-03-12"), ["2026-03-12T00:00:00Z", "2026-03-13T00:00:00Z"]);
    assert_eq!(read("2026-03-12T10:00", ""), ["2026-03-12T10:00:00Z", ""]);
    assert_eq!(read(" 2026-03-12T10:00:00+02:00 ", ""), ["2026-03-12T08:00:00Z", ""]);
}

/// The plan of each statement as the server keeps it for every value, over a log that is mostly somebody else's.
#[tokio::test]
async fn each_filter_is_led_by_its_own_index() {
    let house = House::new().await;
    house.fill(30_000).await;
    let outside = house.db.administrator().await;
    outside
        .batch_execute("analyze live.audit; set plan_cache_mode = force_generic_plan; set search_path = live")
        .await
        .unwrap();
    for (lead, index) in [
        ("BY_ACTOR", "actor_id"),
        ("BY_ACTION", "action"),
        ("BY_KIND", "entity_type"),
        ("BY_THING", "entity_id"),
        ("BY_ADDRESS", "ip_mark"),
        ("BY_REQUEST", "request_id"),
    ] {
        for name in [format!("NEWEST_{lead}"), format!("OLDEST_{lead}")] {
            let plan = plan(&outside, &name).await;
            let condition = plan.lines().find(|line| line.contains("Index Cond") && line.contains(index));
            assert!(condition.is_some() && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{name}:\n{plan}");
        }
    }
}

/// `EXPLAIN` of a registered statement, for any values.
async fn plan(client: &tokio_postgres::Client, name: &str) -> String {
    let statement = tenantry_platform::db::registered().find(|one| one.name == name).unwrap();
    client.batch_execute(&format!("prepare {name} as {}", statement.text)).await.unwrap();
    let nulls = ["null"; 7].join(", ");
    let explain = format!("explain execute {name} ('{}', '{}', '{}', {nulls})", Uuid::nil(), Uuid::nil(), Uuid::max());
    let rows = client.simple_query(&explain).await.unwrap();
    let line = |message: &tokio_postgres::SimpleQueryMessage| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    rows.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_page_names_keys_and_members_and_shows_what_was_removed_and_added() {
    let house = House::new().await;
    let key = house.key("Deploy <b>").await;
    house.row(key_actor(key), HOME, "r-1").await;
    let mut tx =
        Permit::<ManageKeys, Live>::minted(house.context(), Actor::person(&house.person)).begin(house.ground());
    let act = Act::new("api_key.updated", "api_key", key).changed(
        "scopes",
        json!(["a:read", "b:read"]),
        json!(["b:read", "c:read"]),
    );
    record::append(&mut tx, house.ground(), act).await.unwrap();
    tx.commit().await.unwrap();
    let page = house.page(json!({})).await;
    assert_eq!(page.matches("Deploy &#60;b&#62;").count(), 2, "once as actor, once as entity");
    assert!(page.contains("Removed: </span><del>a:read</del>"), "{page}");
    assert!(page.contains("Added: </span><ins>c:read</ins>") && page.contains("Unchanged: </span>b:read"));
}

#[tokio::test]
async fn the_exports_of_the_page_have_its_filter() {
    let house = House::new().await;
    let page = house.page(json!({ "ip": HOME, "request_id": "r-1" })).await;
    for format in ["jsonl", "csv", "ocsf"] {
        let href = format!("audit/export?ip=203.0.113.7&#38;request_id=r-1&#38;format={format}");
        assert!(page.contains(&href), "{format}");
    }
    let refused: Value = json!({ "ip": "nowhere" });
    assert!(house.page(refused).await.contains("Write one address"));
}
