-- object: public.set_tenant(text)
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table orders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on orders to @app@;
create function set_tenant(t text) returns void language plpgsql as $$
begin
  execute format('set app.tenant_id = %L', t);
end $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select set_tenant('@B@');
commit;
-- the next request on this connection
select note from orders;
