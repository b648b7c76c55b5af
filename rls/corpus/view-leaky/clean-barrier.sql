-- object: public.my_orders
-- leak: no
-- context: guc
-- expect: row: canary-a
-- never: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create view my_orders with (security_barrier = true) as select note from orders where tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
grant select on my_orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
create function pg_temp.tell(t text) returns boolean language plpgsql cost 0.0001 as $$ begin raise notice 'row: %', t; return true; end $$;
begin;
set local app.tenant_id = '@A@';
set local enable_indexscan = off;
set local enable_bitmapscan = off;
select * from my_orders where pg_temp.tell(note);
rollback;
