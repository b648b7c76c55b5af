//! A database of one case, attacked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenantry_platform::postgres::shared_for_tests;
use tenantry_rls::attack::{Attack, Options, attack};
use tenantry_rls::catalog;
use tenantry_rls::config::Settings;
use tenantry_rls::connect::connect;
use tenantry_rls::finding::Severity;
use tenantry_rls::verify::World;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// `rls.toml` of most cases. `$app` is the case's role.
pub(super) const BY_SETTING: &str = r#"
    schemas = ["public"]
    app_roles = ["$app"]
    tenant_column = "tenant_id"
    tenant_type = "uuid"
    [tables.orgs]
    tenant_column = "id"
    [context]
    kind = "guc"
    vars = { "app.tenant_id" = "$tenant" }
"#;

/// Two tables of a sound schema; what a case changes comes after.
pub(super) const SOUND: &str = r#"
    create table orgs (id uuid primary key, name text not null);
    create table projects (tenant_id uuid not null references orgs, id uuid not null default gen_random_uuid(),
      slug text not null, primary key (tenant_id, id), unique (tenant_id, slug));
    create table docs (tenant_id uuid not null references orgs, id uuid not null default gen_random_uuid(),
      project_id uuid not null, title text not null check (length(title) > 3), status text not null default 'draft'
      check (status in ('draft', 'published')), size integer not null default 0, is_public boolean not null default false,
      made_at timestamptz not null default now(), primary key (tenant_id, id),
      foreign key (tenant_id, project_id) references projects);
    create function tenant() returns uuid language sql stable
      return nullif(current_setting('app.tenant_id', true), '')::uuid;
    do $$ declare t text; begin
      foreach t in array array['projects', 'docs'] loop
        execute format('alter table %I enable row level security; alter table %1$I force row level security', t);
        execute format('create policy own on %I to $app using (tenant_id = tenant()) with check (tenant_id = tenant())', t);
        execute format('grant select, insert, update, delete on %I to $app', t);
      end loop;
    end $$;
    alter table orgs enable row level security;
    create policy own on orgs to $app using (id = tenant());
    grant select on orgs to $app;
"#;

/// A database of a case, and its role.
pub(super) struct Case {
    pub url: String,
    pub role: String,
    pub settings: Settings,
}

impl Case {
    pub(super) async fn new(config: &str, ddl: &str) -> Self {
        let cluster = shared_for_tests().await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let role = format!("attack_{}_{number}", std::process::id());
        let url = |database: &str| cluster.administrator_url(database);
        let client = connect(&url("postgres")).await.unwrap();
        client.batch_execute(&format!("create role {role} login")).await.unwrap();
        client.batch_execute(&format!("create database {role}")).await.unwrap();
        let url = url(&role);
        let client = connect(&url).await.unwrap();
        let ddl = ddl.replace("$app", &role);
        client.batch_execute(&ddl).await.unwrap_or_else(|error| panic!("{error:?} in {ddl}"));
        let settings = Settings::parse(&config.replace("$app", &role)).unwrap();
        Self { url, role, settings }
    }

    pub(super) async fn attacked(&self) -> Attack {
        let mut client = connect(&self.url).await.unwrap();
        let catalog = catalog::read(&mut client).await.unwrap();
        let options = Options { url: self.url.clone(), yes: true, budget: Duration::from_secs(60) };
        let settings = self.settings.completed(&catalog);
        let world = World::new(&catalog, &settings).unwrap();
        attack(&mut client, &world, &options).await.unwrap()
    }

    /// The ids of what is above information, with the case's role named `$app`.
    pub(super) fn ids(&self, attack: &Attack) -> Vec<String> {
        let above = attack.findings.iter().filter(|finding| finding.severity > Severity::Info);
        let mut ids: Vec<String> = above.map(|finding| finding.id().replace(&self.role, "$app")).collect();
        ids.sort();
        ids
    }
}

/// Attacks a sound schema with one change after the other, and compares with what each planted: nothing else may be
/// found. All that is different is told together.
pub(super) async fn finds(config: &str, sound: &str, changes: &[(&str, &[&str])]) {
    let mut wrong = Vec::new();
    for (change, planted) in changes {
        let case = Case::new(config, &format!("{sound};{change}")).await;
        let attack = case.attacked().await;
        let ids = case.ids(&attack);
        let mut planted = planted.to_vec();
        planted.sort_unstable();
        if ids != planted {
            let told = attack
                .findings
                .iter()
                .map(|finding| format!("{}\n{}\n{}", finding.id(), finding.explanation, finding.proof));
            let told: Vec<String> = told.collect();
            wrong.push(format!(
                "{change}\n planted: {planted:?}\n found: {ids:?}\n notes: {:?}\n{}",
                attack.notes,
                told.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), changes.len(), wrong.join("\n\n"));
}
