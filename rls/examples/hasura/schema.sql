-- Projects and issues, in the style of Hasura with policies that read its session variables.
-- hole: public.issues
-- hole: public.issue_counts
-- hole: public.attachments

create function session_org() returns uuid language sql stable as $$
  select (nullif(current_setting('hasura.user', true), '')::json ->> 'x-hasura-org-id')::uuid
$$;

create table plans (code text primary key, title text not null);
grant select on plans to hasura;

create table projects (
  org_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  primary key (org_id, id)
);
create table issues (
  org_id uuid not null,
  id uuid not null default gen_random_uuid(),
  project_id uuid not null,
  title text not null,
  is_template boolean not null default false,
  primary key (org_id, id),
  foreign key (org_id, project_id) references projects (org_id, id)
);
create table attachments (
  org_id uuid not null,
  id uuid not null default gen_random_uuid(),
  issue_id uuid not null,
  file_name text not null,
  primary key (org_id, id),
  foreign key (org_id, issue_id) references issues (org_id, id)
);
alter table projects enable row level security;
alter table issues enable row level security;
grant select, insert, update, delete on projects, issues, attachments to hasura;
create policy of_org on projects using (org_id = session_org());
-- Templates were meant to be the organisation's own; the OR lets everybody's through.
create policy of_org on issues using (is_template or org_id = session_org());
-- attachments came with a later migration.

create materialized view issue_counts as
  select org_id, project_id, count(*) as issues from issues group by org_id, project_id;
grant select on issue_counts to hasura;
