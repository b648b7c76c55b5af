-- object: public.notes
-- leak: yes
-- context: guc
-- tenant: text
-- expect: CREATE TRIGGER

create table notes (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on notes to @app@;
grant trigger on notes to public;

-- seed
insert into notes (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
create trigger mine before update on notes for each row execute function suppress_redundant_updates_trigger();
rollback;
