-- Where row security is on, pg_stats and pg_stats_ext show nothing.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: \(0 rows\).*\(0 rows\)

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  city text,
  zip text,
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create statistics orders_city_zip (dependencies, mcv) on city, zip from orders;

-- seed
insert into orders (tenant_id, city) select '@B@', 'canary-b' from generate_series(1, 300);
analyze orders;

-- proof
begin;
set local app.tenant_id = '@A@';
select most_common_vals from pg_stats_ext;
select most_common_vals from pg_stats where tablename = 'orders';
rollback;
