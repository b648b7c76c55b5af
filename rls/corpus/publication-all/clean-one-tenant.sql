-- One customer's rows, for that customer.
-- object: for_acme
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(0 rows\)|countries|rowfilter

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on orders to @app@;
reset role;
create publication for_acme for table orders where (tenant_id = 'acme') with (publish = 'insert');

-- proof
select pubname, tablename, rowfilter from pg_publication_tables;
