//! What `init` guesses of schemas of several kinds, and that what it writes can be read.

use std::fs;

use tenantry_rls::config::{Context, Settings};

use crate::bed::Bed;

/// Runs `init`, and reads what it wrote.
fn guessed(bed: &Bed) -> (Settings, String) {
    let run = bed.run(&["init"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let text = fs::read_to_string(bed.folder.path().join("rls.toml")).unwrap();
    (Settings::parse(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}")), text)
}

fn of<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    names.into_iter().map(String::as_str).collect()
}

const SHOP: &str = "
    create role $p_owner; create role $p_app login; create role $p_backup login bypassrls;
    set role $p_owner; reset role; create schema $p_shop authorization $p_owner; set role $p_owner;
    create table $p_shop.tenants (id uuid primary key, name text);
    create table $p_shop.orders (id bigint primary key, tenant_id uuid not null references $p_shop.tenants);
    create table $p_shop.lines (id bigint primary key, order_id bigint references $p_shop.orders);
    create table $p_shop.invoices (id bigint primary key, tenant_id uuid not null, sum int);
    create table $p_shop.countries (code text primary key);
    create table $p_shop.feedback (id bigint primary key, words text);
    alter table $p_shop.orders enable row level security;
    create policy o on $p_shop.orders using (tenant_id = nullif(current_setting('shop.tenant', true), '')::uuid);
    create function $p_shop.tenant() returns uuid language plpgsql stable as
      $$ declare found uuid; begin found := current_setting('shop.tenant')::uuid; return found; end $$;
    alter table $p_shop.invoices enable row level security;
    create policy i on $p_shop.invoices using (tenant_id = (select $p_shop.tenant())
      and current_setting('shop.is_admin', true) is distinct from 'x');
    grant usage on schema $p_shop to $p_app, $p_backup;
    grant select, insert, update, delete on all tables in schema $p_shop to $p_app;
    grant select on all tables in schema $p_shop to $p_backup;
    revoke insert, update, delete on $p_shop.countries from $p_app;
    reset role;";

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_with_settings_is_understood() {
    let bed = Bed::new(SHOP).await;
    let (settings, text) = guessed(&bed);
    let name = |rest: &str| format!("{}_{rest}", bed.prefix);
    assert_eq!(settings.schemas, [name("shop")], "{text}");
    assert_eq!(settings.app_roles, [name("app")], "{text}");
    assert_eq!((settings.tenant_column.as_str(), settings.tenant_type.as_str()), ("tenant_id", "uuid"));
    assert_eq!(of(&settings.global_tables), [format!("{}_shop.countries", bed.prefix)], "{text}");
    let tenants = &settings.tables[&name("shop.tenants")];
    assert_eq!(tenants.tenant_column.as_deref(), Some("id"));
    let Context::Guc { vars, membership, .. } = &settings.context else { panic!("{text}") };
    assert_eq!(vars.iter().collect::<Vec<_>>(), [(&"shop.tenant".to_owned(), &"$tenant".to_owned())], "{text}");
    assert!(membership.is_none());
    assert!(text.contains("shop.is_admin"), "what was left out is said: {text}");
    assert!(text.contains(&format!("Left out: {}_backup", bed.prefix)), "{text}");
    assert!(text.contains("feedback"), "what is unclear is said: {text}");
}

const SUPABASE: &str = "
    do $$ begin
      if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
      if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if;
      if not exists (select from pg_roles where rolname = 'service_role') then create role service_role nologin bypassrls; end if;
    end $$;
    create role $p_authenticator login noinherit; grant anon, authenticated, service_role to $p_authenticator;
    create schema auth;
    create function auth.uid() returns uuid language sql stable as
      $$ select nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', '')::uuid $$;
    create function auth.jwt() returns jsonb language sql stable as
      $$ select current_setting('request.jwt.claims', true)::jsonb $$;
    create table organizations (id uuid primary key, name text);
    create table members (org_id uuid references organizations, user_id uuid, primary key (org_id, user_id));
    create table projects (id uuid primary key, org_id uuid references organizations, title text);
    create table documents (id uuid primary key, org_id uuid, owner_id uuid, title text);
    alter table projects enable row level security; alter table documents enable row level security;
    alter table members enable row level security;
    create policy p on projects to authenticated
      using (org_id in (select m.org_id from members m where m.user_id = auth.uid()));
    create policy d on documents to authenticated using (org_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid);
    create policy m on members to authenticated using (user_id = auth.uid());
    grant usage on schema public to anon, authenticated, service_role;
    grant all on all tables in schema public to anon, authenticated, service_role;";

#[tokio::test(flavor = "multi_thread")]
async fn supabase_is_understood() {
    let bed = Bed::new(SUPABASE).await;
    let (settings, text) = guessed(&bed);
    assert_eq!(settings.app_roles, ["anon", "authenticated"], "{text}");
    assert_eq!((settings.schemas.as_slice(), settings.tenant_column.as_str()), (&["public".to_owned()][..], "org_id"));
    assert_eq!(settings.tables["public.organizations"].tenant_column.as_deref(), Some("id"), "{text}");
    let Context::JwtClaims { claims, membership, .. } = &settings.context else { panic!("{text}") };
    assert_eq!(claims["sub"].as_str(), Some("$user"), "{text}");
    assert_eq!(claims["app_metadata"]["org_id"].as_str(), Some("$tenant"), "{text}");
    let membership = membership.as_ref().expect("it is found");
    let said = (membership.table.as_str(), membership.tenant.as_str(), membership.user.as_str());
    assert_eq!(said, ("public.members", "org_id", "user_id"));
}

const BY_ROLE: &str = "
    create role $p_acme login; create role $p_bolt login;
    create table notes (id int primary key, tenant text not null, body text);
    alter table notes enable row level security;
    create policy n on notes using (tenant = current_user);
    grant select, insert on notes to $p_acme, $p_bolt;";

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_each_tenant_is_understood() {
    let bed = Bed::new(BY_ROLE).await;
    let (settings, text) = guessed(&bed);
    assert_eq!((settings.tenant_column.as_str(), settings.tenant_type.as_str()), ("tenant", "text"), "{text}");
    let Context::Role { roles, .. } = &settings.context else { panic!("{text}") };
    assert_eq!(of(roles.values()), [format!("{}_acme", bed.prefix), format!("{}_bolt", bed.prefix)], "{text}");
}

/// A framework's own login, which owns what it migrated.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_owns_its_tables_is_found() {
    let schema = "create role $p_django login; grant all on schema public to $p_django; set role $p_django;
        create table posts (id int, account_id bigint); create table likes (id int, account_id bigint); reset role;";
    let (settings, text) = guessed(&Bed::new(schema).await);
    assert_eq!(settings.app_roles.len(), 1, "{text}");
    assert!(settings.app_roles[0].ends_with("_django"), "{text}");
    assert_eq!((settings.tenant_column.as_str(), settings.tenant_type.as_str()), ("account_id", "bigint"));
    let Context::Guc { vars, .. } = &settings.context else { panic!("{text}") };
    assert_eq!(vars["app.tenant_id"], "$tenant");
}

/// Names with quotes, newlines, reserved words and other alphabets are in the file as they are.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_survive_the_file() {
    let schema = "create role \"$p_we\"\"ird\nrole\" login; create schema \"sel\"\"ect\";
        grant usage on schema \"sel\"\"ect\" to \"$p_we\"\"ird\nrole\";
        create table \"sel\"\"ect\".\"tab\nle] [x\" (\"tenant_id\" int, \"ключ\" text);
        create table \"sel\"\"ect\".\"a\\b\u{1f600}\" (code text primary key);
        grant select on all tables in schema \"sel\"\"ect\" to \"$p_we\"\"ird\nrole\";";
    let bed = Bed::new(schema).await;
    let (settings, text) = guessed(&bed);
    assert_eq!(settings.schemas, ["sel\"ect"], "{text}");
    assert_eq!(settings.app_roles, [format!("{}_we\"ird\nrole", bed.prefix)], "{text}");
    assert_eq!(of(&settings.global_tables), ["sel\"ect.a\\b\u{1f600}"], "{text}");
    let run = bed.run(&["verify", "--format", "json"]);
    assert_ne!(run.code, 2, "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
    let bed = Bed::new(BY_ROLE).await.with("# mine\n");
    let run = bed.run(&["init"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--force"), "{}", run.err);
    let path = bed.folder.path().join("rls.toml");
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    assert_eq!(bed.run(&["init", "--force"]).code, 0);
    assert!(fs::read_to_string(&path).unwrap().contains("app_roles"));
}

/// An empty list of roles would let everything pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_an_app_is_not_judged_sound() {
    let bed = Bed::new("create table secrets (id int)").await;
    let (settings, _) = guessed(&bed);
    assert!(settings.app_roles.is_empty());
    let run = bed.run(&["verify"]);
    assert_eq!(run.code, 2, "{}", run.out);
    assert!(run.err.contains("app_roles is empty"), "{}", run.err);
}
