-- Projects and issues, in the style of Hasura with policies that read its session variables.

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
create policy of_org on issues using (org_id = session_org());
alter table attachments enable row level security;
create policy of_org on attachments using (org_id = session_org());

create materialized view issue_counts as
  select org_id, project_id, count(*) as issues from issues group by org_id, project_id;
create view org_issue_counts with (security_barrier = true) as
  select project_id, issues from issue_counts where org_id = session_org();
grant select on org_issue_counts to hasura;
