-- object: public.notes, @app@
-- leak: yes
-- context: guc
-- tenant: text
-- also: role-owns-table
-- also: schema-create public
-- expect: canary-b

create table notes (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
create policy notes_tenant on notes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on notes to @app@;
reset role;
grant @owner@ to @app@;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from notes;
rollback;
