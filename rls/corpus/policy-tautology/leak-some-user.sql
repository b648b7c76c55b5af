-- object: public.invoices
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table invoices (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table invoices enable row level security;
alter table invoices force row level security;
create policy invoices_tenant on invoices
  using (current_user is not null);
grant select, insert, update, delete on invoices to @app@;

-- seed
insert into invoices (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from invoices;
rollback;
