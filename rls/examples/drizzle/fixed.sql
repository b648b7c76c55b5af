-- Boards and cards, in the style of Drizzle's pgPolicy and crudPolicy: one policy a command.

create table "workspaces" ("id" uuid primary key default gen_random_uuid(), "name" text not null);
create table "boards" (
  "workspace_id" uuid not null references "workspaces" ("id"),
  "id" uuid not null default gen_random_uuid(),
  "title" text not null,
  primary key ("workspace_id", "id")
);
create table "cards" (
  "workspace_id" uuid not null references "workspaces" ("id"),
  "id" uuid not null default gen_random_uuid(),
  "board_id" uuid not null,
  "text" text not null,
  primary key ("workspace_id", "id"),
  foreign key ("workspace_id", "board_id") references "boards" ("workspace_id", "id")
);
alter table "workspaces" enable row level security;
alter table "boards" enable row level security;
alter table "cards" enable row level security;
grant select on "workspaces" to authenticated;
grant select, insert, update, delete on "boards", "cards" to authenticated;

create policy "workspaces-select" on "workspaces" as permissive for select to "authenticated"
  using ("id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid));

create policy "crud-authenticated-select" on "boards" as permissive for select to "authenticated"
  using ("workspace_id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid));
create policy "crud-authenticated-insert" on "boards" as permissive for insert to "authenticated"
  with check ("workspace_id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid));

create policy "cards-select" on "cards" as permissive for select to "authenticated"
  using ("workspace_id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid));
create policy "cards-delete" on "cards" as permissive for delete to "authenticated"
  using ("workspace_id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid));
create policy "cards-update" on "cards" as permissive for update to "authenticated"
  using ("workspace_id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid))
  with check ("workspace_id" = (select nullif(current_setting('app.workspace_id', true), '')::uuid));
