-- object: public.orders
-- leak: no
-- context: guc
-- expect: \(1 row\).*42501

create function ours(t uuid) returns boolean language sql stable
  as $$ select t = nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (ours(tenant_id));
grant select, insert, update, delete on orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
create or replace function ours(t uuid) returns boolean language sql stable as 'select true';
select note from orders;
rollback;
