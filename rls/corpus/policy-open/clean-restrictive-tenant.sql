-- The permissive one is open, and the restrictive one is AND-ed.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  status text not null default 'open',
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
grant select, insert, update, delete on orders to @app@;
create policy app on orders to @app@
  using (true);
create policy tenant on orders as restrictive
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from orders;
rollback;
