-- Quoted, and yet the caller says which table is read.
-- object: public.count_in(text)
-- leak: yes
-- context: guc
-- also: function-definer
-- expect: \s2\n

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
create function count_in(relation text) returns bigint language plpgsql stable security definer set search_path = '' as $f$
declare
  found_rows bigint;
begin
  execute format('select count(*) from public.%I', relation) into found_rows;
  return found_rows;
end $f$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select count_in('orders');
rollback;
