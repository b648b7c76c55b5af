-- object: public.notes
-- leak: no
-- context: guc
-- expect: \(0 rows\)|ERROR

create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (coalesce(tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid, false));
grant select, insert, update, delete on notes to @app@;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select body from notes;
rollback;
