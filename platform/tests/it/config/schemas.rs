//! `body_schema`: what stops the start, and what a schema means [WEB-7].

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tenantry_platform::config::{BodyFault, BodySchema, Config, Dev, guard_table};

/// A route with the schema `order.json` beside the file.
fn read(directory: &Path, more: &str) -> Result<Config, String> {
    let lines = format!("[[routes]]\npath = \"/a\"\nmethods = [\"POST\"]\nguard = \"key\"\n{more}");
    let file = directory.join("tenantry.toml");
    let config = Config::for_dev(&file.display().to_string(), &lines, &Dev { port: 0, upstream: None });
    config.map_err(|faults| faults.to_string().replace(&file.display().to_string(), "tenantry.toml"))
}

fn with(schema: &str) -> (TempDir, Result<Config, String>) {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("order.json"), schema).unwrap();
    let config = read(directory.path(), "body_schema = \"order.json\"\n");
    (directory, config)
}

/// Each is a slip that would let more pass than its author meant.
#[test]
fn a_schema_that_says_something_nobody_knows_stops_the_start_with_its_place() {
    for (schema, what) in [
        ("{", "is no JSON: EOF"),
        (r#"{"type":"object","type":"string"}"#, "is no JSON: a member stands twice"),
        (r#"{"properties":{"a":{"type":"strin"}}}"#, "is no schema at /properties/a/type: "),
        (r#"{"required":"a"}"#, "is no schema at /required: "),
        (r#"{"properties":{"a":{"pattern":"^(?!b)"}}}"#, "is no schema at /properties/a/pattern: "),
        (r#"{"properties":{"a":{"pattern":"(a)\\1"}}}"#, "is no schema at /properties/a/pattern: "),
        (r#"{"properties":{"a":{"format":"e-mail"}}}"#, "is no schema"),
        (
            r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
            "is written for http://json-schema.org/draft-07/schema",
        ),
        (r#"{"$ref":"https://example.com/order.json"}"#, "nothing is fetched"),
        (r#"{"$ref":"file:///etc/passwd"}"#, "etc/passwd"),
        (r#"{"$ref":"missing.json"}"#, "missing.json"),
        (r#"{"$ref":"../../etc/passwd"}"#, "etc/passwd"),
        (r##"{"$ref":"#/$defs/missing"}"##, "is no schema"),
    ] {
        let fault = with(schema).1.expect_err(schema);
        assert!(fault.starts_with("tenantry.toml:5:15: body_schema \"order.json\" "), "{fault}");
        assert!(fault.contains(what), "{schema}: {fault}");
        assert_eq!(fault.lines().count(), 1, "{fault}");
    }
}

#[test]
fn a_schema_elsewhere_or_of_no_use_stops_the_start() {
    let (outside, directory) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(outside.path().join("order.json"), "{}").unwrap();
    std::os::unix::fs::symlink(outside.path().join("order.json"), directory.path().join("link.json")).unwrap();
    let absolute = outside.path().join("order.json").display().to_string();
    for (name, what) in [
        ("missing.json", "cannot be read"),
        ("../order.json", "leads out of the directory"),
        (absolute.as_str(), "leads out of the directory"),
        ("link.json", "leads out of the directory"),
    ] {
        let fault = read(directory.path(), &format!("body_schema = \"{name}\"\n")).expect_err(name);
        assert!(fault.contains(what), "{name}: {fault}");
    }
    let unused = read(directory.path(), "body_schema_max_bytes = 10\n").unwrap_err();
    assert!(unused.contains("limits the bodies that a schema is held against, and has none"), "{unused}");
    assert!(
        read(directory.path(), "body_schema = \"missing.json\"\nbody_schema_max_bytes = 0\n")
            .unwrap_err()
            .contains("1 to 16777216")
    );
}

fn schema(config: &Config) -> &BodySchema {
    config.routes.route(0).body_schema.as_deref().unwrap()
}

/// Also through another file, and all at once.
#[test]
fn a_schema_reads_files_beside_it_and_names_each_place() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("parts")).unwrap();
    fs::write(
        directory.path().join("parts/item.json"),
        r#"{"type":"object","required":["id"],"properties":{"id":{"$ref":"id.json"}}}"#,
    )
    .unwrap();
    fs::write(directory.path().join("parts/id.json"), r#"{"type":"string","format":"uuid"}"#).unwrap();
    fs::write(directory.path().join("order.json"), r#"{"type":"array","items":{"$ref":"parts/item.json"}}"#).unwrap();
    let config = read(directory.path(), "body_schema = \"order.json\"\nbody_schema_max_bytes = 77\n").unwrap();
    let schema = schema(&config);
    assert_eq!((schema.name.as_str(), schema.most_bytes), ("order.json", 77));
    assert_eq!(schema.check(br#"[{"id":"01a200ab-0adc-7630-bc7e-f58cdca9d0f2"}]"#), Ok(()));
    let Err(BodyFault::Misfit(places)) = schema.check(br#"[{"id":"x"},{},{"id":1},{"id/~":2}]"#) else { panic!() };
    let places: Vec<&str> = places.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/0/id", "/1", "/2/id", "/3"]);
    let many = format!("[{}]", vec!["{}"; 50].join(","));
    let Err(BodyFault::Misfit(places)) = schema.check(many.as_bytes()) else { panic!() };
    assert_eq!(places.len(), 8, "no answer grows with what is wrong");
    let large = format!("[{}]", vec!["{}"; 10_000].join(","));
    let Err(BodyFault::Misfit(places)) = schema.check(large.as_bytes()) else { panic!() };
    assert_eq!(places.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["/0"]);
}

#[test]
fn a_sentence_about_a_place_is_cut() {
    let words: Vec<String> = (0..500).map(|word| format!("\"word-{word}\"")).collect();
    let (_directory, config) = with(&format!(r#"{{"enum":[{}]}}"#, words.join(",")));
    let config = config.unwrap();
    let Err(BodyFault::Misfit(places)) = schema(&config).check(b"1") else { panic!() };
    assert!(places[0].1.chars().count() <= 201, "{}", places[0].1);
}

/// Where it is used, `tenantry check` shows it.
#[test]
fn the_guard_table_says_who_reads_and_what_is_held_against_a_schema() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("order.json"), "{}").unwrap();
    let more = "cors = \"*\"\nbody_schema = \"order.json\"\n[[routes]]\npath = \"/b\"\nguard = [\"key\", \"jwt\"]\ncors = [\"https://a.example\", \"https://b.example\"]\n";
    let expected = "\
METHODS   PATH  GUARD       PERMISSION  KIND  CSP    LIMITS                         CORS                                  BODY
POST      /a    key         -           api   nonce  60/60s per key, 120/60s per ip  *                                     order.json
GET,HEAD  /b    key or jwt  -           api   nonce  60/60s per key, 120/60s per ip  https://a.example, https://b.example  -
";
    let table = guard_table(&read(directory.path(), more).unwrap());
    let words = |text: &str| {
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(words(&table), words(expected), "{table}");
}

/// Without an end to the schema, the body's own depth is one.
#[test]
fn a_schema_that_names_itself_looks_as_deep_as_the_body() {
    let (_directory, config) = with(r##"{"type":"object","additionalProperties":{"$ref":"#"},"maxProperties":1}"##);
    let config = config.unwrap();
    assert_eq!(schema(&config).check(br#"{"a":{"b":{"c":{}}}}"#), Ok(()));
    let Err(BodyFault::Misfit(places)) = schema(&config).check(br#"{"a":{"b":{"c":1}}}"#) else { panic!() };
    assert_eq!(places[0].0, "/a/b/c");
    let deep = format!("{}{}{}", r#"{"a":"#.repeat(120), "{}", "}".repeat(120));
    assert_eq!(schema(&config).check(deep.as_bytes()), Ok(()));
    let (_directory, endless) =
        with(r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##);
    let _ = endless.map(|config| schema(&config).check(deep.as_bytes()));
}
