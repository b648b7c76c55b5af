//! Tables, policies and keys.

use super::kit::{BY_SETTING, SOUND, finds};

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
    ("create policy open on docs for select using (is_public)", &["policy-open:public.docs:open"]),
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
