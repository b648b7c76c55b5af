-- Whoever listens hears the rows of all.
-- object: public.orders, public.tell()
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
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create function tell() returns trigger language plpgsql as $$
begin
  perform pg_notify('orders', row_to_json(new)::text);
  return null;
end $$;
create trigger tell after insert or update on orders for each row execute function tell();

-- proof
listen orders;
set app.tenant_id = '@B@';
insert into orders (tenant_id, note) values ('@B@', 'canary-b');
