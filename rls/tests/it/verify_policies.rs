//! What `verify` says of tables, policies and what they trust, where the catalogue is hostile or many things meet.

use tenantry_rls::config::Settings;
use tenantry_rls::finding::Severity;
use tenantry_rls::verify::{World, verify};

use crate::place::Place;

const SETTINGS: &str = r#"
    schemas = ["public"]
    app_roles = ["@app@"]
    tenant_column = "tenant_id"
    tenant_type = "uuid"
    [context]
    kind = "guc"
    vars = { "app.tenant_id" = "$tenant", "app.user_id" = "$user" }
"#;

/// What is told above information, as `class:object`, of this schema.
async fn told(ddl: &str) -> Vec<String> {
    let place = Place::new().await;
    place.load(ddl).await.unwrap_or_else(|fault| panic!("{fault}\n{ddl}"));
    let settings = Settings::parse(&place.named(SETTINGS)).unwrap();
    let catalog = place.catalog().await.unwrap();
    let findings = verify(&World::new(&catalog, &settings).unwrap());
    let above = findings.iter().filter(|finding| finding.severity > Severity::Info);
    let mut told: Vec<String> =
        above.map(|finding| format!("{}:{}", finding.class.id(), place.unnamed(&finding.object))).collect();
    told.sort();
    place.remove().await;
    told
}

/// A table that only its policies guard.
fn table(name: &str, policies: &str) -> String {
    format!(
        "create table {name} (tenant_id uuid not null, id uuid not null default gen_random_uuid(), body text, \
           primary key (tenant_id, id)); \
         alter table {name} enable row level security; alter table {name} force row level security; \
         grant select, insert, update, delete on {name} to @app@; {policies}"
    )
}

const MINE: &str = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid";

#[tokio::test]
async fn a_name_is_only_a_name() {
    let name = "\"a\"\"; drop table x; --\n\u{202e}\"";
    let policy = |condition: &str| table(name, &format!("create policy \"p\"\"';\n\" on {name} using ({condition})"));
    assert_eq!(told(&policy(MINE)).await, Vec::<String>::new());
    assert_eq!(told(&policy("true")).await, ["policy-tautology:public.a\"; drop table x; --\n\u{202e}"]);
}

#[tokio::test]
async fn each_command_is_judged_by_itself() {
    let commands = |delete: &str| {
        let policies = format!(
            "create policy r on orders for select using ({MINE}); create policy a on orders for insert with check ({MINE}); \
             create policy w on orders for update using ({MINE}); create policy d on orders for delete using ({delete})"
        );
        table("orders", &policies)
    };
    assert_eq!(told(&commands(MINE)).await, Vec::<String>::new());
    assert_eq!(told(&commands("body is not null")).await, ["policy-open:public.orders"]);
}

#[tokio::test]
async fn a_restrictive_policy_holds_what_others_open() {
    let both = |restrictive: &str| {
        table(
            "orders",
            &format!("create policy p on orders using (true); create policy r on orders as restrictive {restrictive}"),
        )
    };
    assert_eq!(told(&both(&format!("using ({MINE})"))).await, Vec::<String>::new());
    assert_eq!(told(&both(&format!("for select using ({MINE})"))).await, ["policy-tautology:public.orders"]);
}

#[tokio::test]
async fn policies_that_read_each_other_end() {
    let one = table("one", "");
    let two = table("two", "");
    let policies = "create policy p on one using (exists (select from two t where t.id = one.id)); \
        create policy p on two using (exists (select from one o where o.id = two.id))";
    assert!(told(&format!("{one} {two} {policies}")).await.iter().all(|told| !told.starts_with("rls-disabled")));
}

#[tokio::test]
async fn a_child_is_seen_as_its_parent_is() {
    let child = |condition: &str| {
        format!(
            "{}; create table lines (id uuid primary key, tenant_id uuid not null, order_id uuid not null, \
               foreign key (tenant_id, order_id) references orders (tenant_id, id)); \
             alter table lines enable row level security; alter table lines force row level security; \
             grant select on lines to @app@; create policy p on lines using ({condition})",
            table("orders", &format!("create policy p on orders using ({MINE})"))
        )
    };
    let through = "exists (select from orders o where o.id = order_id)";
    assert_eq!(told(&child(through)).await, Vec::<String>::new());
    let captured = "exists (select from orders o where o.id = id)";
    assert_eq!(told(&child(captured)).await, ["policy-captured-column:public.lines"]);
}
