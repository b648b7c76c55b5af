-- Not different from all of them is one of them.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: canary-a\n\(1 row\)

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (not (tenant_id <> all (array(select nullif(current_setting('app.tenant_id', true), '')::uuid))));
grant select, insert, update, delete on orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from orders;
rollback;
