-- object: public.entries
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- expect: canary-b

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
alter table entries force row level security;
create policy entries_tenant on entries
  using (tenant_id = coalesce(nullif(current_setting('app.tenant_id', true), '')::bigint, tenant_id));
grant select, insert, update, delete on entries to @app@;

-- seed
insert into entries (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select memo from entries;
rollback;
