-- Two to the power of 53 and the number after it are one float8.
-- object: public.balances
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- expect: canary-b

create table balances (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  owner text,
  primary key (tenant_id, id)
);
alter table balances enable row level security;
alter table balances force row level security;
create policy balances_tenant on balances
  using (tenant_id::float8 = current_setting('app.tenant_id', true)::float8);
grant select, insert, update, delete on balances to @app@;

-- seed
insert into balances (tenant_id, owner) values (9007199254740992, 'canary-a'), (9007199254740993, 'canary-b');

-- proof
begin;
set local app.tenant_id = '9007199254740992';
select owner from balances;
rollback;
