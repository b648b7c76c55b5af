-- The view compares the tenant itself, behind a barrier.
-- object: public.mine
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(1 row\)

create table orders (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on orders to @app@;
create view mine with (security_barrier = true) as select id, note from orders where tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint;
grant select on mine to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from mine;
rollback;
