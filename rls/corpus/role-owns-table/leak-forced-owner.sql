-- FORCE holds the owner until the owner takes it off.
-- object: public.orders, @app@
-- leak: yes
-- context: guc
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
alter table orders owner to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
alter table orders no force row level security;
select note from orders;
rollback;
