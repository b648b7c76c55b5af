-- FORCE alone does nothing.
-- object: public.entries
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table accounts (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table accounts enable row level security;
alter table accounts force row level security;
create policy accounts_tenant on accounts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on accounts to @app@;
create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  account text,
  memo text,
  primary key (tenant_id, id)
);
grant select, insert, update, delete on entries to @app@;
alter table entries force row level security;
create policy entries_tenant on entries
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);

-- seed
insert into entries (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select memo from entries;
rollback;
