-- The argument is checked, but not against the context.
-- object: public.same_tenant_rows(uuid)
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
create function same_tenant_rows(t uuid) returns setof text language plpgsql stable security definer set search_path = '' as $$
begin
  if t is null then
    raise exception 'which tenant?';
  end if;
  return query select o.note from public.orders o where o.tenant_id = t;
end $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select same_tenant_rows('@B@');
rollback;
