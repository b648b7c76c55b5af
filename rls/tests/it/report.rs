//! What the reports hold, in each of their formats.

use serde_json::Value;

use crate::bed::Bed;
use crate::cli::SETTINGS;

/// Holes of three severities, one of them accepted, in tables with names of somebody hostile.
const SCHEMA: &str = "
    create role $p_app login;
    create table orders (id bigint generated always as identity primary key, tenant_id uuid not null, no text unique);
    create table \"or\u{1b}[2Jders\u{202e}\n-- x\" (id uuid primary key, tenant_id uuid not null, code text unique);
    alter table orders enable row level security; alter table orders force row level security;
    create policy tenant on orders to $p_app using (tenant_id = current_setting('app.tenant_id')::uuid);
    alter table \"or\u{1b}[2Jders\u{202e}\n-- x\" enable row level security;
    alter table \"or\u{1b}[2Jders\u{202e}\n-- x\" force row level security;
    create policy tenant on \"or\u{1b}[2Jders\u{202e}\n-- x\" to $p_app using (tenant_id = current_setting('app.tenant_id')::uuid);
    grant select, insert, truncate on orders, \"or\u{1b}[2Jders\u{202e}\n-- x\" to $p_app;";

async fn bed() -> Bed {
    let accepted = "[[accepted]]\nid = \"unique-oracle:public.orders\"\nreason = \"numbers are public\"\n\
                    [[accepted]]\nid = \"rls-disabled:public.gone\"\nreason = \"old\"\n[context]";
    Bed::new(SCHEMA).await.with(&SETTINGS.replace("[context]", accepted))
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_form_that_is_documented() {
    let schema: Value = serde_json::from_str(include_str!("../../../docs/rls/findings.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let bed = bed().await;
    let run = bed.run(&["verify", "--format", "json"]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let report = run.json();
    let faults: Vec<String> = validator.iter_errors(&report).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new(), "{}", run.out);
    assert!(
        report["findings"].as_array().unwrap().iter().any(|it| it["object"] == "public.or\u{1b}[2Jders\u{202e}\n-- x")
    );
    assert_eq!(report["accepted"][0]["reason"], "numbers are public");
    assert!(run.holes().contains(&"grant-truncate:public.orders".to_owned()), "{}", run.out);
    assert!(!run.holes().iter().any(|id| id.starts_with("unique-oracle:public.orders")), "{}", run.out);
    assert_eq!(bed.run(&["verify", "--format", "json"]).out, run.out, "the same database, the same report");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_begins_with_the_sum_and_no_name_writes_on_the_terminal() {
    let run = bed().await.run(&["verify"]);
    assert_eq!(run.code, 1);
    let first = run.out.lines().next().unwrap();
    assert!(first.contains(" holes in 2 tables: ") && first.contains(" high"), "{first}");
    assert!(run.out.contains("public.or\\u{1b}[2Jders\\u{202e}\\n-- x"), "{}", run.out);
    assert!(!run.out.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{:?}", run.out);
    assert!(run.out.contains("numbers are public") && run.out.contains("\"rls-disabled:public.gone\""), "{}", run.out);
    assert!(run.out.contains("explain grant-truncate") && run.out.contains("revoke truncate"), "{}", run.out);
    let (holes, information) = run.out.split_once("\nFOR YOUR INFORMATION\n").unwrap();
    let (information, _) = information.split_once("\nACCEPTED").unwrap();
    assert!(holes.contains("to do:") && !information.is_empty(), "{}", run.out);
    assert!(
        !["explain ", "to do:", "seen in:"].iter().any(|word| information.contains(word)),
        "a line each: {information}"
    );
    let wrapped = |line: &&str| !line.starts_with("      ") && line.chars().count() > 100;
    assert_eq!(run.out.lines().find(wrapped), None, "lines are wrapped, but for what is to be copied");
}

/// What SARIF 2.1.0 asks for, and what code hosts need to show a result and to know it again.
#[tokio::test(flavor = "multi_thread")]
async fn sarif_has_what_a_code_host_needs() {
    let report = bed().await.run(&["verify", "--format", "sarif"]).json();
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 2 && !rules.is_empty());
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert!(result["partialFingerprints"]["tenantryRlsId/v1"].is_string());
        let place = &result["locations"][0];
        assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "rls.toml");
        assert!(place["logicalLocations"][0]["fullyQualifiedName"].is_string());
        assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"));
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("```sql"));
    }
    let taken: Vec<_> =
        results.iter().filter(|result| result["suppressions"][0]["justification"] == "numbers are public").collect();
    assert!(!taken.is_empty() && taken.len() < results.len(), "what is accepted is suppressed, with the reason");
}
