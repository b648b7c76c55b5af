-- object: public.orders_for(boolean)
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
create function orders_for(everyone boolean) returns setof text language sql stable security definer set search_path = ''
  as $$ select note from public.orders where everyone or tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select orders_for(true);
rollback;
