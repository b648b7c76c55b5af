-- Teams, documents and files, in the style of Supabase.
-- hole: public.team_members
-- hole: public.recent_documents
-- hole: storage.objects

-- What Supabase brings, as far as policies see it.
create schema auth;
create schema storage;
grant usage on schema auth, storage to authenticated;
create function auth.uid() returns uuid language sql stable as $$
  select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
create function storage.foldername(name text) returns text[] language sql immutable as $$
  select (string_to_array(name, '/'))[1:array_length(string_to_array(name, '/'), 1) - 1]
$$;
create table storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text not null,
  name text not null,
  owner_id text
);
alter table storage.objects enable row level security;
grant select, insert on storage.objects to authenticated;

create table teams (
  team_id uuid primary key default gen_random_uuid(),
  name text not null
);
create table team_members (
  team_id uuid not null references teams on delete cascade,
  user_id uuid not null,
  role text not null default 'member',
  primary key (team_id, user_id)
);
create table documents (
  team_id uuid not null references teams on delete cascade,
  id uuid not null default gen_random_uuid(),
  title text not null,
  body text,
  changed_at timestamptz not null default now(),
  primary key (team_id, id)
);
alter table teams enable row level security;
alter table team_members enable row level security;
alter table documents enable row level security;
grant select on teams, team_members to authenticated;
grant select, insert, update, delete on documents to authenticated;

create policy own on team_members for select to authenticated using (user_id = (select auth.uid()));
-- Lets people join by themselves; any team, if they know its id.
grant insert on team_members to authenticated;
create policy join_team on team_members for insert to authenticated with check (user_id = (select auth.uid()));
create policy of_team on teams for select to authenticated
  using (team_id in (select m.team_id from team_members m where m.user_id = (select auth.uid())));
create policy of_team on documents to authenticated
  using (team_id in (select m.team_id from team_members m where m.user_id = (select auth.uid())));

create view recent_documents as
  select id, title, changed_at from documents order by changed_at desc limit 50;
grant select on recent_documents to authenticated;

-- Files are kept as <team>/<file>.
create policy files on storage.objects for select to authenticated using (bucket_id = 'team-files');
create policy upload on storage.objects for insert to authenticated with check (bucket_id = 'team-files');
