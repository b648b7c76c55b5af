-- object: public.latest()
-- leak: no
-- context: guc
-- expect: canary-a

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
create function latest() returns text language sql stable security definer set search_path = ''
  begin atomic
    select o.note from public.orders o
     where o.tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)
     order by o.note desc limit 1;
  end;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select latest();
rollback;
