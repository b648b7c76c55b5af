-- The context goes through a variable.
-- object: public.my_total()
-- leak: no
-- context: guc
-- expect: my_total.*\s1\s

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
create function my_total() returns bigint language plpgsql stable security definer set search_path = '' as $$
declare
  mine uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
  n bigint;
begin
  select count(*) into n from public.orders o where o.tenant_id = mine;
  return n;
end $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select my_total();
rollback;
