-- The tenant is an argument, and nobody compares it with the context.
-- object: public.orders_of(uuid)
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
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create function orders_of(t uuid) returns setof text language sql stable security definer set search_path = ''
  as $$ select note from public.orders where tenant_id = t $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select orders_of('@B@');
rollback;
