//! Roles, grants, partitions and what is not a row.

use super::kit::{BY_SETTING, SOUND, finds};

async fn changed(changes: &[(&str, &[&str])]) {
    finds(BY_SETTING, SOUND, changes).await;
}

#[tokio::test]
async fn roles_that_policies_do_not_hold() {
    changed(&[
        ("alter role $app bypassrls", &["role-bypasses:$app"]),
        ("alter role $app superuser", &["role-bypasses:$app"]),
        (
            "create role $app_support bypassrls; grant $app_support to $app; grant select on docs to $app_support",
            &["role-bypasses:$app:$app_support", "role-bypasses:$app_support:$app"],
        ),
        ("grant pg_read_server_files to $app", &["role-reads-all:$app:pg_read_server_files"]),
        ("alter table docs owner to $app", &["role-owns-table:$app:$app", "role-owns-table:public.docs"]),
        ("alter function tenant() owner to $app", &["policy-function-unsafe:public.tenant()"]),
        ("grant create on schema public to $app", &["schema-create:public"]),
        (
            "create role $app_staff; grant $app_staff to $app; create policy staff on docs to $app_staff using (true)",
            &["policy-not-for-role:public.docs:staff"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn partitions_and_children() {
    changed(&[
        (
            "create table events (tenant_id uuid not null references orgs, id uuid not null, at date not null, what text, \
             primary key (tenant_id, id, at)) partition by range (at); \
             create table events_2031 partition of events for values from ('2031-01-01') to ('2032-01-01'); \
             alter table events enable row level security; alter table events force row level security; \
             create policy own on events using (tenant_id = tenant()); grant select, insert on events to $app; \
             grant select on events_2031 to $app",
            &["partition-exposed:public.events_2031"],
        ),
        (
            "create table old_docs () inherits (docs); grant select on old_docs to $app",
            &["partition-exposed:public.old_docs"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_not_a_row() {
    changed(&[
        (
            "create sequence numbers; grant select on numbers to $app",
            &["sequence-oracle:public.numbers"],
        ),
        ("create sequence numbers; grant usage on sequence numbers to $app", &[]),
        ("create publication $app_all for all tables", &["publication-all:$app_all"]),
        ("create publication $app_all for table docs", &[]),
        (
            "alter default privileges in schema public grant all on tables to $app",
            &["default-privileges:public"],
        ),
        ("alter default privileges in schema public grant select, insert on tables to $app", &[]),
        ("grant select on pg_statistic to $app", &["statistics-exposed:pg_catalog.pg_statistic"]),
        (
            "alter table docs add file oid; grant select on docs to $app",
            &["large-objects:public.docs"],
        ),
        (
            "alter role $app set app.tenant_id = '7e4a17c0-1a2b-4c3d-8e4f-0000a0005e00'",
            &["context-outlives:$app:app.tenant_id"],
        ),
        (
            "create extension btree_gist; create table bookings (tenant_id uuid not null references orgs, id uuid not null, \
             room integer not null, during daterange not null, primary key (tenant_id, id), \
             constraint one exclude using gist (room with =, during with &&)); \
             alter table bookings enable row level security; alter table bookings force row level security; \
             create policy own on bookings using (tenant_id = tenant()); grant select, insert on bookings to $app",
            &["exclusion-oracle:public.bookings:one"],
        ),
    ])
    .await;
}
