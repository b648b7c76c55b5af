-- object: public.ledger, @app@
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: role-owns-table
-- also: schema-create public
-- expect: canary-b

create table ledger (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table ledger enable row level security;
create policy ledger_tenant on ledger
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on ledger to @app@;
reset role;
alter role @app@ noinherit;
grant @owner@ to @app@;

-- seed
insert into ledger (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local role @owner@;
select memo from ledger;
rollback;
