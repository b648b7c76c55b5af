-- object: public.contact_list
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table contacts (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on contacts to @app@;
create view contact_list with (security_invoker = false) as select * from contacts;
grant select on contact_list to @app@;

-- seed
insert into contacts (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select name from contact_list;
rollback;
