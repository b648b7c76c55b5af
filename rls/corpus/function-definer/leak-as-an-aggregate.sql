-- The app may not call the function, and may call the aggregate that is made of it.
-- object: public.add_open(numeric, uuid), public.open_amount(uuid)
-- leak: yes
-- context: guc
-- expect: 777

create table invoices (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  amount numeric not null,
  primary key (tenant_id, id)
);
alter table invoices enable row level security;
create policy invoices_tenant on invoices using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on invoices to @app@;
create function add_open(sum numeric, invoice uuid) returns numeric
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare found numeric;
begin
  select i.amount into found from public.invoices i where i.id = invoice;
  return sum + coalesce(found, 0);
end $$;
revoke all on function add_open(numeric, uuid) from public;
create aggregate open_amount(uuid) (sfunc = add_open, stype = numeric, initcond = '0');
revoke all on function open_amount(uuid) from public;
grant execute on function open_amount(uuid) to @app@;

-- seed
insert into invoices values ('@B@', 'b0000000-0000-4000-8000-000000000001', 777);

-- proof
begin;
set local app.tenant_id = '@A@';
select open_amount('b0000000-0000-4000-8000-000000000001');
rollback;
