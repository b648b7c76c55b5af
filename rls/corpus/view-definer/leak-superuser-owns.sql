-- FORCE holds an owner, but not a superuser, who made the view.
-- object: public.ledger_view
-- leak: yes
-- context: guc
-- expect: canary-b

create table ledger (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table ledger enable row level security;
alter table ledger force row level security;
create policy ledger_tenant on ledger
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on ledger to @app@;
reset role;
create view ledger_view as select memo from ledger;
grant select on ledger_view to @app@;

-- seed
insert into ledger (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select memo from ledger_view;
rollback;
