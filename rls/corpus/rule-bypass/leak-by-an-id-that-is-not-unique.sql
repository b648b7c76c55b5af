-- Each tenant counts its contacts by itself, and the rule goes by the number alone.
-- object: public.active_contacts, public.contacts
-- leak: yes
-- context: guc
-- expect: gone

create table contacts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  deleted_at timestamptz,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
create policy contacts_tenant on contacts using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update on contacts to @app@;
create view active_contacts with (security_invoker = true) as
  select tenant_id, id, name from contacts where deleted_at is null;
create rule active_contacts_delete as on delete to active_contacts do instead
  update contacts set deleted_at = now() where id = old.id and deleted_at is null;
grant select, delete on active_contacts to @app@;

-- seed
insert into contacts (tenant_id, id, name) values ('@B@', 'b0000000-0000-4000-8000-000000000001', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into contacts (tenant_id, id, name) values ('@A@', 'b0000000-0000-4000-8000-000000000001', 'mine');
delete from active_contacts;
set local app.tenant_id = '@B@';
select 'gone' from contacts where deleted_at is not null;
rollback;
