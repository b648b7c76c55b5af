-- A record that begins as the old row or the new one: either is the tenant's.
-- object: public.notes, public.writes_log()
-- leak: no
-- context: guc
-- expect: note, DELETE

create table log (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  what text not null,
  primary key (tenant_id, id)
);
alter table log enable row level security;
create policy log_read on log for select using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on log to @app@;
create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on notes to @app@;
create function writes_log() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
  it public.notes := case when tg_op = 'DELETE' then old else new end;
begin
  insert into public.log (tenant_id, what) values (it.tenant_id, 'note, ' || tg_op);
  return null;
end $$;
create trigger notes_log after insert or update or delete on notes for each row execute function writes_log();

-- seed
insert into notes (tenant_id, title) values ('@A@', 'mine'), ('@B@', 'theirs');

-- proof
set app.tenant_id = '@A@';
delete from notes;
select what from log where what like '%DELETE';
