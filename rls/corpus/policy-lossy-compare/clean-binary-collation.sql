-- object: public.notes
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(1 row\)

create table notes (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (tenant_id = current_setting('app.tenant_id', true) collate "C");
grant select, insert, update, delete on notes to @app@;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from notes;
rollback;
