-- Whoever the app connects as may stream it.
-- object: order_stream
-- leak: yes
-- context: guc
-- tenant: text
-- also: role-reads-all @app@
-- expect: everything|stream

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
alter role @app@ replication;
create publication order_stream for table orders;

-- proof
select pubname, tablename, rowfilter from pg_publication_tables;
