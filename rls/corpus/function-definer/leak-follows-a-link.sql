-- The list is asked whose it is, and what it names is not: no key keeps a list from naming others' tracks.
-- object: public.tracks_of(uuid)
-- leak: yes
-- context: guc
-- expect: canary-b

create table tracks (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table tracks enable row level security;
create policy tracks_tenant on tracks using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create table entries (
  tenant_id uuid not null,
  list_id uuid not null,
  place integer not null,
  track_id uuid not null,
  primary key (tenant_id, list_id, place)
);
alter table entries enable row level security;
alter table entries force row level security;
create policy entries_tenant on entries using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on tracks, entries to @app@;
create function tracks_of(list_id uuid) returns table (title text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select t.title from public.entries e join public.tracks t on t.id = e.track_id
  where e.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid and e.list_id = $1
$$;
revoke all on function tracks_of(uuid) from public;
grant execute on function tracks_of(uuid) to @app@;

-- seed
insert into tracks values ('@B@', 'b0000000-0000-4000-8000-000000000001', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into entries values ('@A@', 'a0000000-0000-4000-8000-000000000001', 1, 'b0000000-0000-4000-8000-000000000001');
select title from tracks_of('a0000000-0000-4000-8000-000000000001');
rollback;
