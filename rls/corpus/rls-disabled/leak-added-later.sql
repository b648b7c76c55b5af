-- A shop whose invoices came with a later migration, which forgot what the first one did.
-- object: public.invoices
-- leak: yes
-- context: guc
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
create table invoices (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  amount numeric not null,
  note text,
  primary key (tenant_id, id)
);
grant select, insert, update, delete on invoices to @app@;

-- seed
insert into invoices (tenant_id, amount, note) values
  ('@A@', 5, 'canary-a'),
  ('@B@', 5, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from invoices;
rollback;
