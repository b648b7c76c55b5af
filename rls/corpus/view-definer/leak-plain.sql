-- A view reads as its owner, whom no policy holds.
-- object: public.open_orders
-- leak: yes
-- context: guc
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  status text not null default 'open',
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create view open_orders as select id, note from orders where status = 'open';
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
