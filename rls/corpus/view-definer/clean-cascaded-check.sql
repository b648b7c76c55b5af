-- object: public.active_contacts
-- leak: no
-- context: guc
-- expect: 44000

create table contacts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  is_active boolean not null default true,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create view my_contacts with (security_barrier) as
  select * from contacts where tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
create view active_contacts with (security_barrier) as
  select * from my_contacts where is_active with cascaded check option;
grant select, insert on active_contacts to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
insert into active_contacts (tenant_id, name) values ('@B@', 'planted');
rollback;
