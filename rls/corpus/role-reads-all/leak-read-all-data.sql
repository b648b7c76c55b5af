-- Policies still hold it, but pg_statistic has none.
-- object: @app@, pg_read_all_data
-- leak: yes
-- context: guc
-- also: statistics-exposed pg_catalog.pg_statistic
-- also: statistics-exposed pg_catalog.pg_statistic_ext_data
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
reset role;
grant pg_read_all_data to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');
insert into orders (tenant_id, note) select '@B@', 'canary-b' from generate_series(1, 300);
analyze orders;

-- proof
begin;
set local app.tenant_id = '@A@';
select stavalues1 from pg_statistic where starelid = 'orders'::regclass;
rollback;
