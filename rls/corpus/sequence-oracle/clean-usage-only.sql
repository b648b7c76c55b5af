-- object: public.invoice_numbers
-- leak: no
-- context: guc
-- expect: permission denied

create sequence invoice_numbers;
create table invoices (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  number bigint not null default nextval('invoice_numbers'),
  note text,
  primary key (tenant_id, id)
);
alter table invoices enable row level security;
alter table invoices force row level security;
create policy invoices_tenant on invoices
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on invoices to @app@;
grant usage on sequence invoice_numbers to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
select last_value from invoice_numbers;
rollback;
