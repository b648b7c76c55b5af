//! What `rls.toml` may leave open: the catalogue answers it, and never over what is written.

use tenantry_rls::catalog;
use tenantry_rls::config::{Context, Settings};

use crate::bed::Bed;

const SCHEMA: &str = "create role $p_app login;
    create table tenants (id uuid primary key, name text);
    create table members (tenant_id uuid not null references tenants, user_id uuid not null, primary key (tenant_id, user_id));
    create table orders (id uuid default gen_random_uuid(), tenant_id uuid not null references tenants, note text,
        primary key (tenant_id, id));
    alter table tenants enable row level security; alter table tenants force row level security;
    alter table members enable row level security; alter table members force row level security;
    alter table orders enable row level security; alter table orders force row level security;
    grant select on tenants, members to $p_app; grant select, insert, update, delete on orders to $p_app;";
const BY_SETTING: &str = "create policy own on tenants using (id = current_setting('shop.tenant')::uuid);
    create policy own on members using (tenant_id = current_setting('shop.tenant')::uuid);
    create policy own on orders using (tenant_id = current_setting('shop.tenant')::uuid);";
const BY_CLAIM: &str = "create function claims() returns jsonb language sql stable as
        $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
    create policy own on tenants using (id = (claims() -> 'app_metadata' ->> 'org')::uuid);
    create policy own on members using (tenant_id = (claims() -> 'app_metadata' ->> 'org')::uuid);
    create policy own on orders using (tenant_id = (claims() -> 'app_metadata' ->> 'org')::uuid);";
const BY_MEMBERSHIP: &str = "create function me() returns uuid language sql stable as
        $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
    create policy own on members using (user_id = me());
    create policy own on tenants using (id in (select m.tenant_id from members m where m.user_id = me()));
    create policy own on orders using (tenant_id in (select m.tenant_id from members m where m.user_id = me()));";

/// The least that a file says, and its context.
fn file(context: &str) -> String {
    format!("schemas = [\"public\"]\napp_roles = [\"$p_app\"]\ntenant_column = \"tenant_id\"\n[context]\n{context}\n")
}

async fn completed(bed: &Bed, context: &str) -> Settings {
    let mut client = tenantry_rls::connect::connect(&bed.url).await.unwrap();
    let written = Settings::parse(&file(context).replace("$p", &bed.prefix)).unwrap();
    written.completed(&catalog::read(&mut client).await.unwrap())
}

/// Each of these says nothing of the context's content, and is judged as if it were said; the report says what was taken.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_leaves_open_is_answered_by_the_catalogue() {
    for (policies, context) in [
        (BY_SETTING, "kind = \"guc\""),
        (BY_SETTING, "kind = \"guc\"\nvars = {}"),
        (BY_SETTING, "kind = \"jwt_claims\""),
        (BY_CLAIM, "kind = \"jwt_claims\""),
        (BY_CLAIM, "kind = \"jwt_claims\"\nclaims = { sub = \"$user\" }"),
        (BY_CLAIM, "kind = \"guc\""),
        (BY_MEMBERSHIP, "kind = \"jwt_claims\""),
    ] {
        let bed = Bed::new(&format!("{SCHEMA} {policies}")).await.with(&file(context));
        let run = bed.run(&["verify"]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{policies}\n{context}\n{}", run.out);
        assert!(run.out.contains("rls.toml does not say it"), "{}", run.out);
        let settings = completed(&bed, context).await;
        assert_eq!(settings.tenant_type, "uuid");
        assert_eq!(settings.tables["public.tenants"].tenant_column.as_deref(), Some("id"));
        assert_eq!(settings.context.membership().is_some(), policies == BY_MEMBERSHIP, "{context}");
        bed.execute("create policy loose on orders using (note = 'shared')").await;
        let report = bed.run(&["verify", "--format", "json"]);
        assert_eq!((report.code, report.holes().len()), (1, 1), "{context}\n{}", report.out);
        let attack = bed.run(&["attack", "--yes", "--format", "json"]);
        assert_eq!(attack.code, 1, "{context}\n{}{}", attack.out, attack.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_stays_and_a_guess_trusts_nothing_that_people_write_themselves() {
    let bed = Bed::new(&format!("{SCHEMA} {BY_SETTING}")).await;
    let settings = completed(&bed, "kind = \"guc\"\nvars = { \"app.mine\" = \"$tenant\" }\n[tables.tenants]\ntenant_column = \"name\"\ntenant_type = \"text\"").await;
    let names: Vec<_> = settings.context.vars().keys().map(String::as_str).collect();
    assert_eq!(names, ["app.mine"]);
    assert_eq!(settings.tables["tenants"].tenant_column.as_deref(), Some("name"));
    assert_eq!((settings.tables.len(), settings.guessed.len()), (1, 0), "{:?}", settings.guessed);

    let bed = Bed::new(&format!("{SCHEMA} {}", BY_CLAIM.replace("app_metadata", "user_metadata"))).await;
    let settings = completed(&bed, "kind = \"jwt_claims\"").await;
    let Context::JwtClaims { claims, .. } = &settings.context else { panic!("it stays of its kind") };
    assert!(!claims.contains_key("user_metadata"), "{claims:?}");
}

/// Settings beside the claims, and beside the role, are the context's as well.
#[tokio::test(flavor = "multi_thread")]
async fn claims_and_roles_may_have_settings_beside_them() {
    let context = "kind = \"jwt_claims\"\nclaims = { sub = \"$user\" }\nvars = { \"shop.tenant\" = \"$tenant\" }";
    let bed = Bed::new(&format!("{SCHEMA} {BY_SETTING}")).await.with(&file(context));
    let run = bed.run(&["verify"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    let run = bed.run(&["attack", "--yes"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    let refused = bed.with(&file(&format!("{context}\nvariables = {{}}"))).run(&["verify"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("variables"), "{}", refused.err);
}
