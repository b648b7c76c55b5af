-- Numbers that follow a pattern are guessed one after the other.
-- object: public.disputes
-- leak: yes
-- context: guc
-- expect: INSERT 0 1.*23503

create table invoices (
  number text primary key check (number ~ '^INV-[0-9]{4}-[0-9]{5}$'),
  tenant_id uuid not null
);
alter table invoices enable row level security;
alter table invoices force row level security;
create policy invoices_tenant on invoices for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on invoices to @app@;
create table disputes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  invoice text not null references invoices (number),
  primary key (tenant_id, id)
);
alter table disputes enable row level security;
alter table disputes force row level security;
create policy disputes_tenant on disputes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on disputes to @app@;

-- seed
insert into invoices (tenant_id, number) values ('@A@', 'INV-2026-00001'), ('@B@', 'INV-2026-00002');

-- proof
set app.tenant_id = '@A@';
insert into disputes (tenant_id, invoice) values ('@A@', 'INV-2026-00002');
insert into disputes (tenant_id, invoice) values ('@A@', 'INV-2026-99999');
