-- object: public.notes
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  kind int not null default 1,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using ((tenant_id, kind) = (nullif(current_setting('app.tenant_id', true), '')::uuid, 1));
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
