//! Tables, policies and keys.

use super::kit::{BY_SETTING, finds};

/// Two tables of a sound schema; what a case changes comes after.
const SOUND: &str = r#"
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

async fn changed(changes: &[(&str, &[&str])]) {
    finds(BY_SETTING, SOUND, changes).await;
}

#[tokio::test]
async fn a_sound_schema_has_no_hole() {
    changed(&[("", &[])]).await;
}

#[tokio::test]
async fn tables_that_no_policy_holds() {
    changed(&[
        ("alter table docs disable row level security", &["rls-disabled:public.docs"]),
        (
            "alter table docs owner to $app; alter table docs no force row level security",
            &["rls-not-forced:public.docs"],
        ),
        ("grant truncate on docs to $app", &["grant-truncate:public.docs"]),
        ("grant references on docs to $app", &["grant-ignores-rls:public.docs"]),
    ])
    .await;
}

#[tokio::test]
async fn policies_that_show_too_much() {
    changed(&[
    ("create policy open on docs for select using (true)", &["policy-tautology:public.docs:open"]),
    ("create policy open on docs for select using (status = 'published')", &["policy-open:public.docs:open"]),
    ("create policy open on docs for select using (is_public)", &["policy-tautology:public.docs:open"]),
    ("create policy open on docs using (tenant() is null)", &["policy-fails-open:public.docs:open"]),
    ("create policy open on docs for select using (exists (select from projects p where p.id = project_id and p.tenant_id = p.tenant_id))", &[]),
    ("drop policy own on docs; create policy own on docs using (left(tenant_id::text, 8) = left(tenant()::text, 8))", &["policy-lossy-compare:public.docs:own"]),
    ]).await;
}

#[tokio::test]
async fn policies_that_let_too_much_be_written() {
    changed(&[
        ("create policy open on docs for insert with check (true)", &["policy-check-open:public.docs:open"]),
        ("create policy open on docs for delete using (true)", &["policy-tautology:public.docs:open"]),
        (
            "create policy open on docs for update using (tenant_id = tenant()) with check (true)",
            &["policy-check-open:public.docs:open"],
        ),
        (
            "create policy open on docs for update using (true) with check (tenant_id = tenant())",
            &["policy-tautology:public.docs:open"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn keys_that_tell() {
    changed(&[
        ("alter table docs add unique (title)", &["unique-oracle:public.docs:docs_title_key"]),
        ("create unique index on docs (lower(title))", &["unique-oracle:public.docs:docs_lower_idx"]),
        (
            "alter table projects add unique (id); alter table docs drop constraint docs_tenant_id_project_id_fkey; \
         alter table docs add constraint f foreign key (project_id) references projects (id)",
            &["foreign-key-oracle:public.docs:f"],
        ),
    ])
    .await;
}
