-- What is changed was read by a condition that holds it to the tenant.
-- object: public.close_all()
-- leak: no
-- context: guc
-- expect: open

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  state text not null default 'open',
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create function close_all() returns int language plpgsql security definer set search_path = '' as $$
declare
  one public.orders;
  n int := 0;
begin
  for one in select * from public.orders o where o.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid loop
    update public.orders set state = 'closed' where tenant_id = one.tenant_id and id = one.id;
    n := n + 1;
  end loop;
  return n;
end $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
set app.tenant_id = '@A@';
select close_all();
set app.tenant_id = '@B@';
select state from orders;
