//! Contexts of other kinds: people and their memberships, claims, roles, names of tenants that are text.

use super::kit::finds;

const BY_PERSON: &str = r#"
    schemas = ["public"]
    app_roles = ["$app"]
    tenant_column = "team_id"
    tenant_type = "bigint"
    [tables.teams]
    tenant_column = "id"
    [context]
    kind = "jwt_claims"
    claims = { sub = "$user" }
    [context.membership]
    table = "members"
    tenant = "team_id"
    user = "user_id"
"#;

const TEAMS: &str = r#"
    create table teams (id bigint generated always as identity primary key, name varchar(40) not null);
    create table people (id uuid primary key);
    create table members (team_id bigint not null references teams, user_id uuid not null references people,
      role text not null default 'member', primary key (team_id, user_id));
    create table notes (id bigint generated always as identity, team_id bigint not null references teams,
      author_id uuid not null references people, body text, is_done boolean default false, primary key (team_id, id));
    create function uid() returns uuid language sql stable
      return (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid;
    create function my_teams() returns setof bigint language sql stable security definer set search_path = ''
      begin atomic select team_id from public.members where user_id = public.uid(); end;
    alter table teams enable row level security; alter table members enable row level security;
    alter table notes enable row level security;
    create policy mine on teams using (id in (select my_teams()));
    create policy mine on members for select using (user_id = uid());
    create policy mine on notes using (team_id in (select my_teams()));
    grant select on teams, members to $app;
    grant select, insert, update, delete on notes to $app;
"#;

#[tokio::test]
async fn people_and_their_teams() {
    finds(BY_PERSON, TEAMS, &[
        ("", &[]),
        (
            "create policy join_any on members for insert with check (user_id = uid()); grant insert on members to $app",
            &["policy-source-writable:public.members"],
        ),
        (
            "create policy change on members for update using (user_id = uid()); grant update on members to $app",
            &["policy-check-open:public.members:change", "policy-source-writable:public.members"],
        ),
        (
            "drop policy mine on notes; create policy mine on notes using (exists (select from members m where m.user_id = uid() and team_id = m.team_id))",
            &["policy-captured-column:public.notes:mine"],
        ),
        (
            "create policy claimed on notes for select using (team_id::text = current_setting('request.jwt.claims', true)::json #>> '{user_metadata,team_id}')",
            &["policy-wrong-context:public.notes:claimed"],
        ),
        (
            "create policy header on notes for select using (team_id::text = current_setting('request.headers', true)::json ->> 'x-team')",
            &["policy-wrong-context:public.notes:header"],
        ),
    ]).await;
}

const BY_NAME: &str = r#"
    schemas = ["public"]
    app_roles = ["$app"]
    tenant_column = "tenant"
    tenant_type = "text"
    [context]
    kind = "guc"
    vars = { "app.tenant" = "$tenant" }
"#;

const NAMED: &str = r#"
    create table items (tenant text not null, id integer not null, label text not null, primary key (tenant, id));
    alter table items enable row level security; alter table items force row level security;
    grant select, insert, update, delete on items to $app;
"#;

#[tokio::test]
async fn tenants_with_names() {
    finds(BY_NAME, NAMED, &[
        ("create policy own on items using (tenant = current_setting('app.tenant'))", &[]),
        (
            "create policy own on items using (tenant like current_setting('app.tenant') || '%')",
            &["policy-lossy-compare:public.items:own"],
        ),
        (
            "create policy own on items using (lower(tenant) = lower(current_setting('app.tenant')))",
            &["policy-lossy-compare:public.items:own"],
        ),
        (
            "create policy own on items using (tenant like current_setting('app.tenant'))",
            &["policy-lossy-compare:public.items:own"],
        ),
        (
            "create policy own on items using (position(current_setting('app.tenant') in tenant) > 0)",
            &["policy-lossy-compare:public.items:own"],
        ),
        (
            "create policy own on items using (coalesce(current_setting('app.tenant', true), tenant) = tenant)",
            &["policy-fails-open:public.items:own"],
        ),
        (
            "create policy own on items using (tenant = current_setting('app.tenant', true) or coalesce(current_setting('app.tenant', true), '') = '')",
            &["policy-fails-open:public.items:own"],
        ),
        (
            "alter table items drop constraint items_pkey; alter table items alter tenant drop not null; \
             create policy own on items using (tenant is null or tenant = current_setting('app.tenant', true))",
            &["policy-null-tenant:public.items:own"],
        ),
    ]).await;
}

const BY_ROLE: &str = r#"
    schemas = ["public"]
    app_roles = ["$app_a", "$app_b"]
    tenant_column = "owner"
    tenant_type = "text"
    [context]
    kind = "role"
    roles = { A = "$app_a", B = "$app_b" }
"#;

const OWNED: &str = r#"
    create role $app_a; create role $app_b; grant $app_a, $app_b to $app;
    create table items (owner text not null default current_user, id integer not null, label text, primary key (owner, id));
    alter table items enable row level security; alter table items force row level security;
    grant select, insert, update, delete on items to $app_a, $app_b;
"#;

#[tokio::test]
async fn a_role_of_each_tenant() {
    finds(
        BY_ROLE,
        OWNED,
        &[
            ("create policy own on items using (owner = current_user)", &[]),
            (
                "create policy own on items using (owner = current_user) with check (true)",
                &["policy-check-open:public.items:own"],
            ),
            (
                "grant $app_b to $app_a; create policy own on items using (pg_has_role(owner::name, 'member'))",
                &["policy-open:public.items:own"],
            ),
        ],
    )
    .await;
}
