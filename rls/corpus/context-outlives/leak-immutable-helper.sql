-- What is declared immutable is computed when a statement is planned; a prepared one keeps its plan.
-- object: public.orders, public.current_tenant()
-- leak: yes
-- context: guc
-- expect: canary-b

create function current_tenant() returns uuid language sql immutable
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = current_tenant());
grant select, insert, update, delete on orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
prepare list as select note from orders;
begin;
set local app.tenant_id = '@B@';
execute list \g /dev/null
set local app.tenant_id = '@A@';
execute list;
rollback;
