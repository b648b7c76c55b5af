-- object: public.notes
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on notes to @app@;
create table tags (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note_id uuid,
  label text,
  foreign key (tenant_id, note_id) references notes,
  primary key (tenant_id, id)
);
alter table tags enable row level security;
alter table tags force row level security;
create policy tags_tenant on tags
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on tags to @app@;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from notes;
rollback;
