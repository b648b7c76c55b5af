-- A line is priced from whoever's list it names.
-- object: public.quote(public.line_in)
-- leak: yes
-- context: guc
-- expect: 4711

create type line_in as (sku text, qty numeric);
create table items (
  tenant_id uuid not null,
  sku text not null,
  price numeric not null,
  primary key (tenant_id, sku)
);
alter table items enable row level security;
create policy items_tenant on items
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on items to @app@;
create function quote(line line_in) returns numeric language sql stable security definer set search_path = ''
  as $$ select (line).qty * i.price from public.items i where i.sku = (line).sku and (line).qty > 0 limit 1 $$;

-- seed
insert into items (tenant_id, sku, price) values ('@B@', 'only-b', 4711);

-- proof
begin;
set local app.tenant_id = '@A@';
select quote(row('only-b', 1)::line_in);
rollback;
