-- object: public.entries
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: 42501

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
alter table entries force row level security;
create policy entries_tenant on entries
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on entries to @app@;
grant truncate on entries to @other@;

-- seed
insert into entries (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
truncate entries;
rollback;
