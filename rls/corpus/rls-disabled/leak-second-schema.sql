-- object: billing.payments
-- leak: yes
-- context: guc
-- toml: schemas = ["public", "billing"]
-- expect: canary-b

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  email text,
  primary key (tenant_id, id)
);
alter table customers enable row level security;
alter table customers force row level security;
create policy customers_tenant on customers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on customers to @app@;
reset role;
create schema billing authorization @owner@;
grant usage on schema billing to @app@;
set role @owner@;
create table billing.payments (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  card_last4 text,
  note text,
  primary key (tenant_id, id)
);
grant select, insert, update, delete on billing.payments to @app@;

-- seed
insert into billing.payments (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from billing.payments;
rollback;
