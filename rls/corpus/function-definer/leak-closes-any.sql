-- Writes what the caller could not see.
-- object: public.close_order(uuid)
-- leak: yes
-- context: guc
-- expect: closed

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
create function close_order(o uuid) returns void language sql security definer set search_path = ''
  as $$ update public.orders set note = 'closed' where id = o $$;

-- seed
insert into orders (tenant_id, id, note) values ('@B@', '00000000-0000-0000-0000-00000000000b', 'canary-b');

-- proof
set app.tenant_id = '@A@';
select close_order('00000000-0000-0000-0000-00000000000b');
set app.tenant_id = '@B@';
select note from orders;
