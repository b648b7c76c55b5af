-- The view reads as its owner, whom FORCE holds to the policy for everybody.
-- object: public.open_orders
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(1 row\)

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
create view open_orders as select id, note from orders;
grant select on open_orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from open_orders;
rollback;
