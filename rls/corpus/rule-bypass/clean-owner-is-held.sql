-- The rule runs as the owner, whom FORCE holds to the same policy.
-- object: public.transfers
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: canary-b \|\s+10\n

create table balances (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  account text not null,
  amount numeric not null,
  primary key (tenant_id, id)
);
alter table balances enable row level security;
alter table balances force row level security;
create policy balances_tenant on balances
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, update on balances to @app@;
create table transfers (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  account text not null,
  amount numeric not null,
  primary key (tenant_id, id)
);
alter table transfers enable row level security;
alter table transfers force row level security;
create policy transfers_tenant on transfers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert on transfers to @app@;
create rule book as on insert to transfers do also
  update balances set amount = amount + new.amount where account = new.account;

-- seed
insert into balances (tenant_id, account, amount) values
  ('@A@', 'canary-a', 10),
  ('@B@', 'canary-b', 10);

-- proof
set app.tenant_id = '@A@';
insert into transfers (tenant_id, account, amount) values ('@A@', 'canary-b', 90);
set app.tenant_id = '@B@';
select account, amount from balances;
