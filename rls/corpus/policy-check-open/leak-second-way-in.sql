-- object: public.contacts
-- leak: yes
-- context: guc
-- expect: INSERT 0 1

create table contacts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  source text not null default 'import',
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
alter table contacts force row level security;
grant select, insert, update, delete on contacts to @app@;
create policy contacts_tenant on contacts
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
create policy imports on contacts for insert
  with check (source = 'import');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into contacts (tenant_id, name) values ('@B@', 'planted');
rollback;
