-- object: public.transfers, public.book()
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: function-definer
-- expect: canary-b \|\s+100

create table balances (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  account text,
  amount numeric,
  primary key (tenant_id, id)
);
alter table balances enable row level security;
create policy balances_tenant on balances
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on balances to @app@;
create table transfers (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  account text,
  amount numeric,
  primary key (tenant_id, id)
);
alter table transfers enable row level security;
alter table transfers force row level security;
create policy transfers_tenant on transfers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert on transfers to @app@;
create function book() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.balances set amount = amount + new.amount where account = new.account;
  return null;
end $$;
create trigger book after insert on transfers for each row execute function book();

-- seed
insert into balances (tenant_id, account, amount) values
  ('@A@', 'canary-a', 10),
  ('@B@', 'canary-b', 10);

-- proof
set app.tenant_id = '1';
insert into transfers (tenant_id, account, amount) values (1, 'canary-b', 90);
set app.tenant_id = '12';
select account, amount from balances;
