-- The view reads as the caller; its rule writes as the view's owner.
-- object: public.contact_names
-- leak: yes
-- context: guc
-- expect: gone

create table contacts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  phone text,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on contacts to @app@;
create view contact_names with (security_invoker = true) as select tenant_id, id, name, phone from contacts;
create rule rename as on update to contact_names do instead
  update contacts set name = new.name where phone = old.phone;
grant select, update on contact_names to @app@;
revoke update on contacts from @app@;

-- seed
insert into contacts (tenant_id, name, phone) values
  ('@A@', 'canary-a', 555),
  ('@B@', 'canary-b', 555);

-- proof
set app.tenant_id = '@A@';
update contact_names set name = 'gone' where phone = '555';
set app.tenant_id = '@B@';
select name from contacts;
