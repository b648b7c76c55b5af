-- Without WITH CHECK the USING of the same policy holds for writing.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: 42501

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
grant select, insert, update, delete on orders to @app@;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into orders (tenant_id) values ('@B@');
rollback;
