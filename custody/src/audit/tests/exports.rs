//! The log as a file: JSON Lines, CSV and OCSF; whole, or seen to be cut off. [AUD-3]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use regex::Regex;
use serde_json::{Value, json};
use tenantry_custody::audit::actions::{ACTIONS, Action, Class};
use tenantry_custody::audit::{ExportFault, Filter, Format, export};
use tenantry_platform::db::Live;
use tenantry_platform::feed::{Belief, Change, ChangeKind};
use tenantry_platform::permit::{Actor, ManageKeys, Permit, PersonRef};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::House;

impl House {
    async fn csv(&self) -> Vec<Vec<String>> {
        records(&self.file(&Filter::default(), Format::Csv).await)
    }

    async fn events(&self) -> Vec<Value> {
        let text = self.file(&Filter::default(), Format::Ocsf).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// RFC 4180, read by another program than wrote it.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match (quoted, sign) {
            (true, '"') if signs.peek() == Some(&'"') => cell.extend(signs.next()),
            (_, '"') => quoted = !quoted,
            (false, ',') => cells.push(std::mem::take(&mut cell)),
            (false, '\r') => {}
            (false, '\n') => {
                cells.push(std::mem::take(&mut cell));
                all.push(std::mem::take(&mut cells));
            }
            _ => cell.push(sign),
        }
    }
    assert!(!quoted && cells.is_empty(), "the file ends with a whole record");
    all
}

#[tokio::test]
async fn rows_of_the_exports_own_millisecond_are_there() {
    let house = House::new().await;
    // The clock stands: every row, and the export's own, have the same millisecond and ids in no order.
    house.act_often(40).await;
    assert_eq!(house.export().await.len(), 40);
    assert_eq!(house.export().await.len(), 41, "and the row of the first export");
}

#[tokio::test]
async fn rows_of_a_node_whose_clock_is_ahead_are_there() {
    let house = House::new().await;
    house.ground().clock.advance(Duration::from_secs(3_600));
    house.act_often(1).await;
    let mut house = house;
    house.db.ground.clock = tenantry_core::clock::Clock::fixed(tenantry_platform::kit::start());
    assert_eq!(house.export().await.len(), 1);
}

#[tokio::test]
async fn a_file_that_was_cut_off_lacks_its_last_record() {
    let house = House::new().await;
    house.act_often(3).await;
    for (format, end) in [
        (Format::Jsonl, "\"rows\":3"),
        (Format::Csv, "{\"\"end\"\":true,\"\"rows\"\":"),
        (Format::Ocsf, "\"end\":true"),
    ] {
        let whole = house.file(&Filter::default(), format).await;
        let (rows, last) = whole.trim_end().rsplit_once('\n').unwrap();
        assert!(last.contains(end) && last.contains("tenantry/audit-end/v1"), "{format:?}: {last}");
        assert!(!rows.contains("audit-end"), "{format:?}: only the last one");
    }
}

/// Closed: whoever has lines, has left a row.
#[tokio::test]
async fn an_export_that_can_leave_no_row_gives_no_line() {
    let house = House::new().await;
    house.act_often(3).await;
    let outside = house.db.administrator().await;
    outside.batch_execute("revoke insert on live.audit from tenantry_live").await.unwrap();
    let begun = export(house.ground(), house.exporting(), &Filter::default(), Format::Jsonl).await;
    assert!(begun.is_err());
}

#[tokio::test]
async fn a_slow_reader_holds_no_connection() {
    let house = House::new().await;
    house.act_often(1_200).await;
    let pages = export(house.ground(), house.exporting(), &Filter::default(), Format::Jsonl).await.unwrap();
    let mut pages = Box::pin(pages);
    assert!(pages.next().await.unwrap().is_ok());
    let open = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    let outside = house.db.administrator().await;
    assert_eq!(outside.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 0);
    // Rows that came after it began are not part of it.
    house.ground().clock.advance(Duration::from_secs(1));
    house.act_often(10).await;
    let rest: Vec<_> = pages.map(|page| page.unwrap()).collect().await;
    assert!(
        String::from_utf8(rest.concat())
            .unwrap()
            .trim_end()
            .ends_with("\"tenant_id\":\"TENANT\"}".replace("TENANT", &house.tenant.to_string()).as_str())
    );
    assert!(String::from_utf8(rest.concat()).unwrap().contains("\"rows\":1200"));
}

/// [KEY-3]
#[tokio::test]
async fn whoever_is_shut_out_while_they_download_gets_no_further_page() {
    let house = House::new().await;
    house.act_often(1_200).await;
    let feed = &house.ground().feed;
    for (what, kind, subject) in
        [("another one's end", ChangeKind::Key, Uuid::nil()), ("their own", ChangeKind::Person, house.person.id.uuid())]
    {
        let pages = export(house.ground(), house.exporting(), &Filter::default(), Format::Jsonl).await.unwrap();
        let mut pages = Box::pin(pages);
        assert!(pages.next().await.unwrap().is_ok());
        feed.apply(&Change { kind, subject });
        let rest: Vec<_> = pages.collect().await;
        if subject.is_nil() {
            assert!(rest.len() == 2 && rest.iter().all(Result::is_ok), "{what} breaks nothing off");
        } else {
            assert!(matches!(rest.as_slice(), [Err(ExportFault::ShutOut)]), "{what}: {} items", rest.len());
        }
    }
}

#[tokio::test]
async fn an_export_ends_with_the_time_of_whoever_asked_for_it() {
    let house = House::new().await;
    house.act_often(600).await;
    let (feed, end) = (&house.ground().feed, house.ground().now() + jiff::SignedDuration::from_secs(60));
    let until = Belief::new(feed.generation(), [], Some(end));
    let readers = (house.exporting().0, until);
    let pages = export(house.ground(), readers, &Filter::default(), Format::Csv).await.unwrap();
    let mut pages = Box::pin(pages);
    assert!(pages.next().await.unwrap().is_ok());
    house.ground().clock.advance(Duration::from_secs(60));
    assert!(matches!(pages.next().await, Some(Err(ExportFault::ShutOut))));
    assert!(pages.next().await.is_none());
}

#[tokio::test]
async fn cells_that_begin_a_formula_are_text_and_the_rest_survives() {
    let house = House::new().await;
    let house = House { person: PersonRef { name: "=HYPERLINK(\"http://x\")".to_owned(), ..house.person }, ..house };
    let mut tx =
        Permit::<ManageKeys, Live>::minted(house.context(), Actor::person(&house.person)).begin(house.ground());
    let act = Act::new("api_key.created", "api_key", "+1,\"two\"\r\nlines").with(json!({ "a": "ü, \"b\"" }));
    record::append(&mut tx, house.ground(), act).await.unwrap();
    tx.commit().await.unwrap();
    let csv = house.csv().await;
    let column = |name: &str| csv[0].iter().position(|column| column == name).unwrap();
    assert_eq!(csv[1][column("actor_name")], "'=HYPERLINK(\"http://x\")");
    assert_eq!(csv[1][column("entity_id")], "'+1,\"two\"\r\nlines");
    assert_eq!(serde_json::from_str::<Value>(&csv[1][column("metadata")]).unwrap(), json!({ "a": "ü, \"b\"" }));
    assert!(csv.iter().all(|record| record.len() == csv[0].len()), "the last record, too");
}

#[tokio::test]
async fn a_row_is_the_same_in_every_format() {
    let house = House::new().await;
    house.act(7).await;
    let (lines, csv, events) = (house.export().await, house.csv().await, house.events().await);
    for (at, line) in lines.iter().enumerate() {
        let hash = line["leaf"]["hash"].as_str().unwrap();
        assert!(csv[at + 1].iter().any(|cell| cell == hash));
        let event = &events[at];
        assert_eq!((&event["unmapped"]["leaf"], &event["metadata"]["uid"]), (&line["leaf"], &line["id"]));
        assert_eq!(
            (&event["unmapped"]["changes"], &event["unmapped"]["metadata"]),
            (&line["changes"], &line["metadata"])
        );
    }
}

#[tokio::test]
async fn every_action_becomes_an_event_with_what_its_class_requires() {
    let house = House::new().await;
    let mut tx =
        Permit::<ManageKeys, Live>::minted(house.context(), Actor::person(&house.person)).begin(house.ground());
    for action in ACTIONS {
        record::append(&mut tx, house.ground(), Act::new(action.word, "person", "GET /x")).await.unwrap();
    }
    tx.commit().await.unwrap();
    let events = house.events().await;
    for action in ACTIONS {
        let event = events.iter().find(|event| event["metadata"]["event_code"] == action.word).unwrap();
        assert_required(event, action.class);
    }
}

/// The requirements of OCSF 1.3.0, by class.
fn assert_required(event: &Value, class: Class) {
    let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{name} of {event}"));
    assert_eq!(number("type_uid"), number("class_uid") * 100 + number("activity_id"));
    assert_eq!(number("category_uid"), number("class_uid") / 1000);
    assert!((1..=5).contains(&number("severity_id")) && number("time") > 1_700_000_000_000);
    assert_eq!(event["metadata"]["version"], "1.3.0");
    assert_eq!(event["metadata"]["product"]["vendor_name"], "Tenantry");
    let required: &[&str] = match class {
        Class::AccountChange => &["/user/uid"],
        Class::Authentication => &["/user/uid", "/service/name"],
        Class::EntityManagement => &["/entity/uid", "/entity/type"],
        Class::ApiActivity => &["/actor/user/uid", "/api/operation", "/src_endpoint"],
    };
    for place in required {
        assert!(event.pointer(place).is_some_and(|value| !value.is_null()), "{place} of {event}");
    }
}

/// An action that is written somewhere and not told to a SIEM, or told and never written.
#[test]
fn every_action_of_the_sources_is_listed_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let literal = Regex::new(r#"(?:Act::new\(|\.observe\(\s*app,\s*\w+,|\n\s+action:)\s*"([a-z_.]+)""#).unwrap();
    let any = Regex::new(r#"Act::new\(\s*[^"\s]"#).unwrap();
    let (mut written, mut computed) = (BTreeSet::new(), Vec::new());
    for crate_name in ["identity", "edge", "custody", "platform", "tenantry"] {
        for file in sources(&root.join(crate_name).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            written.extend(literal.captures_iter(&text).map(|found| found[1].to_owned()));
            computed.extend(any.is_match(&text).then(|| file.file_name().unwrap().to_string_lossy().into_owned()));
        }
    }
    let listed: BTreeSet<String> = ACTIONS.iter().map(|action| action.word.to_owned()).collect();
    let odd: Vec<&String> = written.symmetric_difference(&listed).collect();
    assert!(odd.is_empty(), "mend custody/src/audit/actions.rs: {odd:?}");
    assert!(ACTIONS.is_sorted_by(|one, next| one.word < next.word), "it is searched by halves");
    assert_eq!(computed, ["observe.rs"], "an action is a literal, so that this test can find it");
}

#[test]
fn every_action_is_in_the_documentation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit-schema.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- actions: begin -->\n", "<!-- actions: end -->");
    let (head, rest) = text.split_once(begin).unwrap();
    let (table, tail) = rest.split_once(end).unwrap();
    let row = |action: &Action| {
        let (class, severity) = (action.class.uid(), action.weight.severity());
        let activity =
            if action.class == Class::ApiActivity { "method".to_owned() } else { action.activity.to_string() };
        format!("| `{}` | {class} | {activity} | {severity} | {} |\n", action.word, action.meaning)
    };
    let head_row =
        "| action | `class_uid` | `activity_id` | `severity_id` | what happened |\n| --- | --- | --- | --- | --- |\n";
    let expected = ACTIONS.iter().fold(head_row.to_owned(), |table, action| table + &row(action));
    if std::env::var_os("TENANTRY_ACCEPT").is_some() {
        std::fs::write(&path, format!("{head}{begin}{expected}{end}{tail}")).unwrap();
    } else {
        assert_eq!(table, expected, "write it anew with TENANTRY_ACCEPT=1");
    }
}

#[tokio::test]
async fn real_rows_are_as_the_json_schema_says() {
    let house = House::new().await;
    house.act(1).await;
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/audit-row.schema.json")).unwrap();
    let mut lines = house.export().await;
    house.db.administrator().await.batch_execute("delete from live.subject_keys").await.unwrap();
    lines.extend(house.elsewhere().export().await);
    assert!(lines.iter().any(|line| line["personal_state"] == "erased") && lines.len() > 4);
    for line in &lines {
        check(&schema, line, "row");
        assert_eq!(
            line.as_object().unwrap().len(),
            schema["properties"].as_object().unwrap().len(),
            "a field is not described"
        );
    }
    let mut wrong = lines[0].clone();
    wrong["leaf"]["hash"] = json!("nothing");
    assert!(std::panic::catch_unwind(|| check(&schema, &wrong, "row")).is_err(), "a check that cannot fail");
}

/// The words of JSON Schema that the file uses; any other is a fault of this test.
fn check(schema: &Value, value: &Value, place: &str) {
    for (word, rule) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "title" | "description" => true,
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "type" => kinds(rule).iter().any(|kind| is_a(kind, value)),
            "pattern" => Regex::new(rule.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap()),
            "minItems" => value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap(),
            "maxItems" => value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap(),
            "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" | "additionalProperties" | "propertyNames" => {
                for (name, inner) in value.as_object().unwrap() {
                    let place = format!("{place}.{name}");
                    match word.as_str() {
                        "properties" => rule.get(name).into_iter().for_each(|rule| check(rule, inner, &place)),
                        "propertyNames" => check(rule, &json!(name), &place),
                        _ => check(rule, inner, &place),
                    }
                }
                true
            }
            other => panic!("{other} is not checked"),
        };
        assert!(holds, "{place} is not {word} {rule}: {value}");
    }
}

fn kinds(rule: &Value) -> Vec<&str> {
    rule.as_str().map_or_else(|| rule.as_array().unwrap().iter().filter_map(Value::as_str).collect(), |one| vec![one])
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        other => panic!("{other} is not checked"),
    }
}

/// Rust files that are no tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
            found.push(path);
        }
    }
    found
}
