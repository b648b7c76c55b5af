-- object: public.invoices
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: INSERT 0 1.*INSERT 0 1

create table invoices (
  tenant_id bigint not null,
  id bigint not null generated always as identity,
  note text,
  primary key (id)
);
alter table invoices enable row level security;
alter table invoices force row level security;
create policy invoices_tenant on invoices
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on invoices to @app@;

-- seed
insert into invoices (tenant_id, note) values ('@B@', 'x');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into invoices (tenant_id, note) values ('@A@', 'x');
insert into invoices (tenant_id, note) values ('@A@', 'y');
rollback;
