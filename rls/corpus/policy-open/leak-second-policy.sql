-- Two permissive policies are OR-ed: the second opens what the first closed.
-- object: public.products
-- leak: yes
-- context: guc
-- expect: canary-b

create table products (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  is_listed boolean not null default true,
  primary key (tenant_id, id)
);
alter table products enable row level security;
alter table products force row level security;
create policy products_tenant on products
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on products to @app@;
create policy listed on products for select
  using (is_listed);

-- seed
insert into products (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select name from products;
rollback;
