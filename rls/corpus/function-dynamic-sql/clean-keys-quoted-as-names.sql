-- The keys of a document, each as a name.
-- object: public.list_products(jsonb, text)
-- leak: no
-- context: guc
-- expect: 42703

create table products (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  sku text not null,
  title text not null,
  primary key (tenant_id, id)
);
alter table products enable row level security;
create policy products_tenant on products
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on products to @app@;
create function list_products(filter jsonb default '{}', sort text default 'title') returns table (title text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  query text := 'select p.title from public.products p where p.tenant_id = $1';
  key text;
  value text;
begin
  if sort not in ('title', 'sku') then
    raise exception 'no such order';
  end if;
  for key, value in select * from jsonb_each_text(filter) loop
    query := query || format(' and p.%I = %L', key, value);
  end loop;
  return query execute query || format(' order by p.%I', sort) using nullif(current_setting('app.tenant_id', true), '')::uuid;
end $$;
revoke all on function list_products(jsonb, text) from public;
grant execute on function list_products(jsonb, text) to @app@;

-- seed
insert into products (tenant_id, sku, title) values ('@A@', '1', 'canary-a'), ('@B@', '2', 'canary-b');

-- proof
set app.tenant_id = '@A@';
select * from list_products('{"sku is null or true or p.sku": "x"}');
